//! The metadata that shows that a file has not changed, without reading its content.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The facts that change whenever a file's bytes do. The change time catches a tool that sets the modification time
/// back; where a system has none, inode and change time are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stat {
    /// The size of the file in bytes.
    pub size: u64,
    /// The modification time, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// The change time, in nanoseconds since 1970.
    pub ctime_ns: i64,
    /// The number of the device that the file is on.
    pub device: u64,
    /// The number of the file's inode.
    pub inode: u64,
}

impl Stat {
    /// Returns the stat of the file that a path leads to.
    ///
    /// # Errors
    /// It is not there, cannot be asked, or is no regular file.
    pub fn of(path: &Path) -> io::Result<Self> {
        Self::regular(&std::fs::metadata(path)?)
    }

    /// Returns the stat of a file that this program put under a path. A symbolic link there is refused: this
    /// program did not make it, and its target can be changed by others.
    ///
    /// # Errors
    /// It is not there, cannot be asked, or is no regular file.
    pub fn of_output(path: &Path) -> io::Result<Self> {
        Self::regular(&std::fs::symlink_metadata(path)?)
    }

    /// Returns the stat of an open file.
    ///
    /// # Errors
    /// It cannot be asked, or is no regular file.
    pub fn of_file(file: &File) -> io::Result<Self> {
        Self::regular(&file.metadata()?)
    }

    fn regular(meta: &Metadata) -> io::Result<Self> {
        if !meta.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(Self::from_metadata(meta))
    }

    #[cfg(unix)]
    fn from_metadata(meta: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            size: meta.len(),
            mtime_ns: meta.modified().map_or(0, nanoseconds),
            ctime_ns: meta.ctime().saturating_mul(1_000_000_000).saturating_add(meta.ctime_nsec()),
            device: meta.dev(),
            inode: meta.ino(),
        }
    }

    #[cfg(not(unix))]
    fn from_metadata(meta: &Metadata) -> Self {
        let mtime_ns = meta.modified().map_or(0, nanoseconds);
        Self { size: meta.len(), mtime_ns, ctime_ns: 0, device: 0, inode: 0 }
    }

    /// Whether the file was last changed before `moment` was made. Two writes within one tick of the file system's
    /// clock (4 ms on many kernels) look alike, so nothing is remembered about a file that is as new as `moment`.
    pub fn older_than(&self, moment: &Stat) -> bool {
        self.mtime_ns.max(self.ctime_ns) < moment.mtime_ns
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    }
}
