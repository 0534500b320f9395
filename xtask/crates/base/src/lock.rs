//! The locks of bases, `docker/bases/debian13.lock`: their packages by digest, and the signed Release files
//! that named them. Making a lock needs a signature; using it needs only the digests.

use std::collections::BTreeMap;
use std::path::Path;

use xtask_files::error::{Error, Result};
use xtask_oci::Digest;

use super::contents;
use super::tree::ASSEMBLER;
use super::{DebianArch, Distroless};

mod read;
mod stamp;
mod write;

pub use stamp::Stamp;

/// The content of a lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseLock {
    /// The release of Debian: 12 or 13.
    pub debian: u8,
    /// The Release files, by suite: `trixie`, `trixie-updates`, `trixie-security`.
    pub releases: BTreeMap<String, Release>,
    /// The packages of each architecture, by name.
    pub packages: BTreeMap<DebianArch, BTreeMap<String, DebPackage>>,
}

/// A signed Release file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The time at which the archive made it, according to the file.
    pub date: Stamp,
    /// The digest of the file `InRelease`.
    pub digest: Digest,
    /// The fingerprints of the keys with good signatures, in ascending order.
    pub signers: Vec<String>,
}

/// A locked package: its name, version and architecture, and the file that contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebPackage {
    /// The name of the package.
    pub name: String,
    /// The version of the package.
    pub version: String,
    /// Its architecture as Debian writes it: `amd64`, or `all`.
    pub architecture: String,
    /// The size of the file, in bytes.
    pub size: u64,
    /// The digest of the file.
    pub digest: Digest,
    /// The path of the file in the archive: `pool/main/g/glibc/libc6_2.41-12_amd64.deb`.
    pub pool: String,
}

/// Returns whether a path in the pool belongs to the archive of security updates, which has its own pool.
pub(crate) fn is_security_update(pool: &str) -> bool {
    pool.starts_with("pool/updates/")
}

/// The entry of a lock for one base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedBase {
    /// The packages, lowest first.
    pub packages: Vec<DebPackage>,
    /// The digest that determines every byte of the base. It covers the names and digests of the packages,
    /// and the version of the assembler. It does not depend on where or when the packages were found.
    pub digest: Digest,
}

/// The architecture of packages that are for all architectures.
pub(crate) const ALL: &str = "all";

impl BaseLock {
    /// Returns the name of the file for a release.
    pub fn file_name(debian: u8) -> String {
        format!("debian{debian}.lock")
    }

    /// Reads the file, or returns none if it does not exist.
    ///
    /// # Errors
    /// It cannot be read, or is not a valid lock; the error has the line.
    pub fn load(file: &Path) -> Result<Option<Self>> {
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text, &file.display().to_string()).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("cannot read", file, &e)),
        }
    }

    /// Returns the entry for a base.
    ///
    /// # Errors
    /// The lock has no packages for the architecture, or lacks a package of the base.
    pub fn part(&self, what: Distroless, arch: DebianArch) -> Result<LockedBase> {
        let update = format!("lock them: cargo xtask base update {} --arch {arch}", self.debian);
        let Some(locked) = self.packages.get(&arch) else {
            let all: Vec<&str> = self.packages.keys().map(|arch| arch.as_str()).collect();
            return Err(Error::missing(format!(
                "the lock of Debian {} has no packages for {arch}",
                self.debian
            ))
            .found(format!("it has those for {}", all.join(", ")))
            .help(update));
        };
        let names = contents::packages(what);
        let lacks: Vec<&str> = names.iter().copied().filter(|name| !locked.contains_key(*name)).collect();
        if !lacks.is_empty() {
            let what = format!("the lock of Debian {} lacks packages of {what} for {arch}", self.debian);
            return Err(Error::missing(what).found(lacks.join(", ")).help(update));
        }
        let packages: Vec<DebPackage> = names.iter().filter_map(|name| locked.get(*name).cloned()).collect();
        let mut text = format!(
            "distroless {} of Debian {} for {arch}; debug {}; assembler {ASSEMBLER}\n",
            what.flavour.as_str(),
            what.debian,
            what.debug
        );
        for package in &packages {
            text += &format!("{} {}\n", package.name, package.digest);
        }
        Ok(LockedBase { packages, digest: Digest::of(text.as_bytes()) })
    }

    /// Checks that this lock may replace `older`. No suite may have an earlier date, since that would restore
    /// packages with known vulnerabilities.
    ///
    /// # Errors
    /// A suite has an earlier date. The error has its name and both dates.
    pub fn check_forward(&self, older: &Self) -> Result<()> {
        for (suite, new) in &self.releases {
            let Some(old) = older.releases.get(suite).filter(|old| new.date < old.date) else { continue };
            return Err(Error::failed(format!("the archive's {suite} is older than the locked one"))
                .found(format!("locked: {}; the archive now: {}", old.date, new.date))
                .found("the mirror is outdated, or an attacker supplies old packages")
                .help(
                    "let apt use another mirror; to go back to the older packages, remove the lock first",
                ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
