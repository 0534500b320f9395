//! The lock of an output folder: one writer at a time, readers together.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};
use crate::files;

/// Holds `<dist>/.oci.lock` until it is dropped; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "holding the open file is the lock")] File);

impl Lock {
    /// Waits to be the only one, after `waiting`: for whoever writes to the layout or removes from it.
    ///
    /// # Errors
    /// The lock file cannot be made or locked.
    pub fn exclusive(dist: &Path, waiting: impl FnOnce()) -> Result<Self> {
        Self::take(dist, File::try_lock, File::lock, waiting)
    }

    /// Waits until nobody writes, after `waiting`: for whoever reads blobs over a longer time, so that none is removed meanwhile.
    ///
    /// # Errors
    /// The lock file cannot be made or locked.
    pub fn shared(dist: &Path, waiting: impl FnOnce()) -> Result<Self> {
        Self::take(dist, File::try_lock_shared, File::lock_shared, waiting)
    }

    fn take(
        dist: &Path,
        at_once: fn(&File) -> std::result::Result<(), TryLockError>,
        wait: fn(&File) -> std::io::Result<()>,
        waiting: impl FnOnce(),
    ) -> Result<Self> {
        let path = dist.join(".oci.lock");
        files::folder(dist)?;
        let file = files::open_lock(&path).map_err(|e| Error::io("cannot open", &path, &e))?;
        let locked = match at_once(&file) {
            Err(TryLockError::WouldBlock) => {
                waiting();
                wait(&file)
            }
            Err(TryLockError::Error(e)) => Err(e),
            Ok(()) => Ok(()),
        };
        match locked {
            Ok(()) => Ok(Self(file)),
            // Some network file systems know no locks; then one run at a time is the user's care.
            Err(e) if e.kind() == std::io::ErrorKind::Unsupported => Ok(Self(file)),
            Err(e) => Err(Error::io("cannot lock", &path, &e)),
        }
    }
}
