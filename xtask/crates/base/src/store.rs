//! The folder in the user's cache for the packages and layers of bases:
//!
//! ```text
//! bases/debs/<sha256>.deb          packages
//! bases/layers/<key>/              layer.tar, layer.tar.gz, layer.json of a base
//! bases/refreshed/<key>.lock       locks made because the repository's were out of date
//! bases/apt/<release>-<archs>/     apt's private state
//! ```
//!
//! A time shows when each item was last used, which [`super::prune`] needs. It is the time of a package, of
//! the file `used` beside a layer's files, or of a refreshed lock.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_process::cache::{self, needed};

use super::lock::DebPackage;

/// The file whose time shows when a layer was used.
pub(super) const USED: &str = "used";

/// The part of the user's cache that belongs to bases: the folder `bases`.
#[derive(Debug, Clone)]
pub struct BaseStore {
    dir: PathBuf,
}

impl BaseStore {
    /// Returns the store in this cache folder; creates nothing.
    pub fn new(cache: &Path) -> Self {
        Self { dir: cache.join("bases") }
    }

    /// Returns the folder of a base's layer.
    pub fn layer(&self, key: &str) -> PathBuf {
        self.dir.join("layers").join(key)
    }

    /// Records the use of a base and of its packages, because an archive keeps no package for ever.
    pub fn used(&self, layer: &Path, packages: &[DebPackage]) {
        cache::used(&layer.join(USED));
        for deb in packages.iter().map(|package| self.deb(package)).filter(|deb| deb.exists()) {
            cache::used(&deb);
        }
    }

    /// Returns the path of a replacement lock.
    pub fn refreshed(&self, key: &str) -> PathBuf {
        self.dir.join("refreshed").join(format!("{key}.lock"))
    }

    /// Returns the folder of apt's private states.
    pub fn apt(&self) -> PathBuf {
        self.dir.join("apt")
    }

    /// Returns the folder of packages.
    pub fn debs(&self) -> PathBuf {
        self.dir.join("debs")
    }

    /// Returns the bytes of a package, or none if it is missing or damaged. A damaged file stays until the
    /// package is brought in again.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn take(&self, package: &DebPackage) -> Result<Option<Vec<u8>>> {
        let path = self.deb(package);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(e) => return Err(needed(Error::io("cannot read", &path, &e))),
        };
        Ok((Digest::of(&bytes) == package.digest).then_some(bytes))
    }

    /// Returns whether there is a file for a package. If [`BaseStore::take`] returns none for it, it is
    /// damaged.
    pub fn holds(&self, package: &DebPackage) -> bool {
        self.deb(package).exists()
    }

    /// Stores a file if it is the package, and returns whether it is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn bring(&self, package: &DebPackage, file: &Path) -> Result<bool> {
        let Ok(bytes) = std::fs::read(file) else { return Ok(false) };
        if bytes.len() as u64 != package.size || Digest::of(&bytes) != package.digest {
            return Ok(false);
        }
        xtask_files::write(&self.deb(package), &bytes).map_err(needed)?;
        Ok(true)
    }

    fn deb(&self, package: &DebPackage) -> PathBuf {
        self.debs().join(format!("{}.deb", package.digest.hex()))
    }
}
