//! The lock of an output folder: one writer at a time, readers together.

use std::fs::{self, File};
use std::path::Path;

use crate::error::{Error, Result};

/// Holds `<dist>/.oci.lock` until it is dropped; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "holding the open file is the lock")] File);

impl Lock {
    /// Waits to be the only one: for whoever writes to the layout or removes from it.
    ///
    /// # Errors
    /// The lock file cannot be made or locked.
    pub fn exclusive(dist: &Path) -> Result<Self> {
        Self::take(dist, File::lock)
    }

    /// Waits until nobody writes: for whoever reads blobs over a longer time, so that none is removed meanwhile.
    ///
    /// # Errors
    /// The lock file cannot be made or locked.
    pub fn shared(dist: &Path) -> Result<Self> {
        Self::take(dist, File::lock_shared)
    }

    fn take(dist: &Path, lock: fn(&File) -> std::io::Result<()>) -> Result<Self> {
        let path = dist.join(".oci.lock");
        fs::create_dir_all(dist).map_err(|e| Error::io("cannot create", dist, &e))?;
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| Error::io("cannot open", &path, &e))?;
        match lock(&file) {
            Ok(()) => Ok(Self(file)),
            // Some network file systems know no locks; then one run at a time is the user's care.
            Err(e) if e.kind() == std::io::ErrorKind::Unsupported => Ok(Self(file)),
            Err(e) => Err(Error::io("cannot lock", &path, &e)),
        }
    }
}
