//! A lock on a file, held until it is dropped or the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// A held lock. Exclusive locks keep two writers apart; shared locks keep a writer away from readers.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
    /// Whether the file system has locks. Without them, the lock has no effect on other processes.
    held: bool,
}

impl FileLock {
    /// Takes the lock exclusively, and calls `waiting` before it waits for another holder. A missing file or folder is
    /// made, and is not removed afterwards.
    ///
    /// # Errors
    /// The file cannot be made or locked. A file system without locks is no error: see [`FileLock::is_held`].
    pub fn exclusive(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        Self::take(path, File::try_lock, File::lock, waiting)
    }

    /// Takes the lock shared: waits for an exclusive holder, but not for other shared ones. Otherwise it works as
    /// [`FileLock::exclusive`].
    ///
    /// # Errors
    /// As [`FileLock::exclusive`].
    pub fn shared(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        Self::take(path, File::try_lock_shared, File::lock_shared, waiting)
    }

    /// Whether the file system has locks, so that the lock keeps others away. Some network file systems have none.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Returns the lock if it has an effect, for a caller that must not continue without one.
    ///
    /// # Errors
    /// The file system has no locks.
    pub fn required(self, path: &Path) -> Result<Self> {
        if self.held {
            return Ok(self);
        }
        let unsupported = std::io::Error::from(std::io::ErrorKind::Unsupported);
        Err(Error::io("cannot lock", path, &unsupported).found(WITHOUT_LOCKS))
    }

    fn take(
        path: &Path,
        at_once: fn(&File) -> std::result::Result<(), TryLockError>,
        wait: fn(&File) -> std::io::Result<()>,
        waiting: impl FnOnce(),
    ) -> Result<Self> {
        crate::folder(path.parent().unwrap_or(Path::new(".")))?;
        let file = crate::open_lock(path).map_err(|e| Error::io("cannot open", path, &e))?;
        let locked = match at_once(&file) {
            Err(TryLockError::WouldBlock) => {
                waiting();
                wait(&file)
            }
            Err(TryLockError::Error(e)) => Err(e),
            Ok(()) => Ok(()),
        };
        match locked {
            Ok(()) => Ok(Self { _file: file, held: true }),
            Err(e) if e.kind() == std::io::ErrorKind::Unsupported => Ok(Self { _file: file, held: false }),
            Err(e) => Err(Error::io("cannot lock", path, &e).found(WITHOUT_LOCKS)),
        }
    }
}

/// The usual cause of a lock that failed.
const WITHOUT_LOCKS: &str = "some network file systems have no locks";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_of_a_lock_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = FileLock::exclusive(&path, || panic!("nobody holds it")).unwrap();
        let (tx, rx) = std::sync::mpsc::channel();
        let other = std::thread::spawn({
            let path = path.clone();
            move || FileLock::exclusive(&path, || tx.send(()).unwrap()).map(|_| ())
        });
        rx.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        assert!(!other.is_finished());
        drop(first);
        other.join().unwrap().unwrap();
    }
}
