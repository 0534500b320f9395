//! The cache of data from registries: blobs as they were sent, and the tars inside them. Files are named by
//! digest, staged and renamed, and shared by all runs and workspaces.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use xtask_files::error::{Error, Result};
use xtask_files::{Memo, Stat};
use xtask_files::{StagedFile, clock};
use xtask_oci::Digest;
use xtask_process::cache::{self, needed, used};

/// The folders of the cache.
#[derive(Debug, Clone)]
pub struct RegistryStore {
    dir: PathBuf,
}

/// The kinds of files in it. Each has its own folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFolder {
    /// Manifests, configurations and layers as a registry sent them.
    Blobs,
    /// The tars inside layers, by their digest.
    Tars,
}

impl StoreFolder {
    fn name(self) -> &'static str {
        match self {
            StoreFolder::Blobs => "blobs",
            StoreFolder::Tars => "tars",
        }
    }
}

impl RegistryStore {
    /// Returns the store in the user's cache folder.
    pub fn new(cache: &Path) -> Self {
        Self { dir: cache.join("registry") }
    }

    /// Returns the path of a digest's file, whether it exists or not.
    pub fn path(&self, part: StoreFolder, digest: &Digest) -> PathBuf {
        self.folder(part).join(digest.hex())
    }

    /// Returns the file whose time shows when the file of a digest was last used.
    fn mark(&self, part: StoreFolder, digest: &Digest) -> PathBuf {
        self.dir.join("used").join(part.name()).join(digest.hex())
    }

    fn folder(&self, part: StoreFolder) -> PathBuf {
        self.dir.join(part.name()).join("sha256")
    }

    /// Returns the file of a digest if it exists and is complete. A file that has not changed since its
    /// digest was checked is accepted. Any other file is read, and removed if it is damaged. The use is
    /// recorded.
    pub fn find(&self, part: StoreFolder, digest: &Digest) -> Option<PathBuf> {
        let found = self.whole(part, digest)?;
        used(&self.mark(part, digest));
        Some(found)
    }

    fn whole(&self, part: StoreFolder, digest: &Digest) -> Option<PathBuf> {
        let path = self.path(part, digest);
        let memo = Memo::new(self.dir.join("seen"));
        let stat = Stat::of(&path).ok()?;
        if memo.get(part.name(), digest.hex()) == Some(stat) {
            return Some(path);
        }
        let file = File::open(&path).ok()?;
        let found = Digest::of_reader(&file).ok()?;
        let unchanged = Stat::of_file(&file).is_ok_and(|now| now == stat);
        if unchanged && found == *digest {
            // Two writes within one tick of the file system's clock cannot be distinguished.
            if clock(&self.folder(part)).is_ok_and(|now| stat.older_than(&now)) {
                memo.put(part.name(), digest.hex(), &stat);
            }
            return Some(path);
        }
        let _ = std::fs::remove_file(&path);
        None
    }

    /// Makes a file: `fill` writes it, and returns an error if the digest is wrong. If another process makes
    /// the same file, this one waits and uses that file.
    ///
    /// # Errors
    /// As `fill`, or the cache cannot be written.
    pub fn make(
        &self,
        part: StoreFolder,
        digest: &Digest,
        fill: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<PathBuf> {
        // Several digests share one lock, because lock files are never removed.
        let lock = self.dir.join("locks").join(format!("{}-{}", part.name(), &digest.hex()[..2]));
        let _lock = cache::lock(&lock, || {})?;
        if let Some(there) = self.find(part, digest) {
            return Ok(there);
        }
        let path = self.path(part, digest);
        let mut staged = StagedFile::new(&self.folder(part)).map_err(needed)?;
        fill(&mut staged)?;
        staged.flush().map_err(|e| needed(Error::io("cannot write", &path, &e)))?;
        staged.put(&path).map_err(needed)?;
        // The file was written under a name that no other process knew, so nothing else has written to it.
        if let Ok(stat) = Stat::of(&path) {
            Memo::new(self.dir.join("seen")).put(part.name(), digest.hex(), &stat);
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_kept_is_found_and_what_is_damaged_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = RegistryStore::new(dir.path());
        let digest = Digest::of(b"bytes");
        assert_eq!(store.find(StoreFolder::Blobs, &digest), None);
        let fill = |out: &mut dyn Write| {
            out.write_all(b"bytes").unwrap();
            Ok(())
        };
        let path = store.make(StoreFolder::Blobs, &digest, fill).unwrap();
        assert_eq!(store.find(StoreFolder::Blobs, &digest), Some(path.clone()));
        assert_eq!(store.find(StoreFolder::Tars, &digest), None);
        store.make(StoreFolder::Blobs, &digest, |_| panic!("it is there")).unwrap();

        fs::write(&path, b"bytez").unwrap();
        assert_eq!(store.find(StoreFolder::Blobs, &digest), None, "same size, other bytes");
        assert!(!path.exists());
        store.make(StoreFolder::Blobs, &digest, fill).unwrap();
        // The file was restored from a backup: another inode and other times, but the same bytes.
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"bytes").unwrap();
        assert_eq!(store.find(StoreFolder::Blobs, &digest), Some(path));
    }

    #[test]
    fn what_fails_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = RegistryStore::new(dir.path());
        let digest = Digest::of(b"bytes");
        let failed = store.make(StoreFolder::Tars, &digest, |out| {
            out.write_all(b"byt").unwrap();
            Err(Error::failed("broken"))
        });
        assert_eq!(failed.unwrap_err().what, "broken");
        assert_eq!(fs::read_dir(dir.path().join("registry/tars/sha256")).unwrap().count(), 0);
    }
}
