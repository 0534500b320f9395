//! A file that is published in one step: it is written under a temporary name in the same folder, then renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Stat;
use crate::error::{Error, Result};

/// The prefix of the names of staging files. A killed run may leave such a file behind; no run reads it.
pub const STAGING_PREFIX: &str = ".staging-";

/// A staging file; dropping it removes it unless it was put in place.
#[derive(Debug)]
pub struct StagedFile {
    file: Option<File>,
    path: PathBuf,
}

impl StagedFile {
    /// Makes a staging file in `dir`, and makes `dir` if it does not exist.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn new(dir: &Path) -> Result<Self> {
        let path = staging_name(dir);
        Self::make(dir, path.clone(), &path)
    }

    /// Makes a staging file that will replace `target`, in the same folder. Errors name `target`.
    ///
    /// # Errors
    /// As [`StagedFile::new`].
    pub fn beside(target: &Path) -> Result<Self> {
        let dir = target.parent().unwrap_or(Path::new(""));
        Self::make(dir, staging_name(dir), target)
    }

    /// Makes the staging file `path`, and its folder; `named` is the file that errors name.
    fn make(dir: &Path, path: PathBuf, named: &Path) -> Result<Self> {
        if !dir.as_os_str().is_empty() {
            crate::folder(dir)?;
        }
        let file = File::create(&path).map_err(|e| Error::io("cannot write", named, &e))?;
        Ok(Self { file: Some(file), path })
    }

    /// The path of the staging file until it is renamed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file.
    ///
    /// # Errors
    /// It was closed already.
    pub fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the staging file is closed"))
    }

    /// Renames the staging file to `target`, and replaces a file that is there.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn put(mut self, target: &Path) -> Result<()> {
        // Windows does not rename a file that is open.
        self.file = None;
        fs::rename(&self.path, target).map_err(|e| Error::io("cannot write", target, &e))?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file()?.flush()
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        self.file = None;
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A name in a folder (a rename must not cross file systems) that no other thread or process uses.
fn staging_name(dir: &Path) -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    dir.join(format!("{STAGING_PREFIX}{}-{number}", std::process::id()))
}

/// Writes a small file in one step, unless it holds these bytes already. A symbolic link at this path is replaced and not
/// followed, because its target is not ours. Returns whether the file was written.
///
/// # Errors
/// The file cannot be written or renamed.
pub fn write_changed(target: &Path, bytes: &[u8]) -> Result<bool> {
    let there = Stat::of_output(target).is_ok();
    if there && crate::read(target).is_ok_and(|there| there == bytes) {
        return Ok(false);
    }
    let mut staged = StagedFile::beside(target)?;
    staged.write_all(bytes).map_err(|e| Error::io("cannot write", target, &e))?;
    staged.put(target)?;
    Ok(true)
}

/// Returns the current time by the clock of the folder's file system: the time stamp of a file made now.
///
/// # Errors
/// No file can be made there.
pub fn clock(dir: &Path) -> Result<Stat> {
    let mut staged = StagedFile::new(dir)?;
    let stat = staged.file().and_then(|file| Stat::of_file(file));
    stat.map_err(|e| Error::io("cannot read", staged.path(), &e))
}

/// Removes the staging files of killed runs. All writers to the folder must take the lock that the caller holds; otherwise
/// this would remove files that are in use.
pub fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes the folders of killed runs: those in `parent` that have `prefix` and the number of a process as their name, where
/// this system tells that the process ended.
pub fn sweep_killed(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse::<u32>().ok());
        let ended = |id: u32| Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{id}")).exists();
        if process.is_some_and(ended) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn folders_of_killed_runs_go() {
        let dir = tempfile::tempdir().unwrap();
        let own = format!("run-{}", std::process::id());
        for name in [&own, "run-4294967295", "run-self", "4294967295", "run-"] {
            fs::create_dir_all(dir.path().join(name).join("x")).unwrap();
        }
        sweep_killed(dir.path(), "run-");
        let left =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut left: Vec<String> = left.collect();
        left.sort();
        assert_eq!(left, ["4294967295", "run-", &own, "run-self"]);
    }

    #[test]
    fn whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("sub/file");
        let mut staged = StagedFile::new(target.parent().unwrap()).unwrap();
        staged.write_all(b"half").unwrap();
        assert!(!target.exists());
        drop(staged);
        assert_eq!(fs::read_dir(dir.path().join("sub")).unwrap().count(), 0, "a dropped one leaves nothing");

        assert!(write_changed(&target, b"whole").unwrap());
        assert!(!write_changed(&target, b"whole").unwrap(), "the same bytes are not written again");
        assert!(write_changed(&target, b"other").unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"other");

        #[cfg(unix)]
        {
            let other = dir.path().join("other");
            fs::rename(&target, &other).unwrap();
            std::os::unix::fs::symlink(&other, &target).unwrap();
            assert!(write_changed(&target, b"other").unwrap(), "a link is not the file");
            assert!(fs::symlink_metadata(&target).unwrap().is_file());
        }

        fs::write(dir.path().join("sub/.staging-1-1"), b"left by a killed run").unwrap();
        sweep(&dir.path().join("sub"));
        assert_eq!(fs::read_dir(dir.path().join("sub")).unwrap().count(), 1);
    }
}
