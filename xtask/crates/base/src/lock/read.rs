//! Parses a lock. The values of a lock become file names and arguments of commands, so the form of each value
//! is checked.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ALL, BaseLock, DebPackage, Release, Stamp};
use crate::DebianArch;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLock {
    schema: u32,
    debian: u8,
    #[serde(default)]
    release: BTreeMap<String, RawRelease>,
    #[serde(default)]
    package: BTreeMap<String, BTreeMap<String, RawPackage>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRelease {
    date: String,
    sha256: String,
    signers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPackage {
    version: String,
    size: u64,
    sha256: String,
    pool: String,
}

impl BaseLock {
    /// Parses a lock. `name` is its name in messages.
    ///
    /// # Errors
    /// The text is not a valid lock. The error has the line and the column, or the entry.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let bad = |why: String| {
            Error::usage(format!("{name} is not a valid lock"))
                .found(why)
                .help("remove it, then make it again: cargo xtask base update")
        };
        let raw: RawLock = toml::from_str(text).map_err(|e| bad(e.to_string().trim_end().to_owned()))?;
        if raw.schema != 1 {
            return Err(bad(format!("it has schema {}; this program reads schema 1", raw.schema)));
        }
        if !matches!(raw.debian, 12 | 13) {
            return Err(bad(format!("it is for Debian {}; there are bases for 12 and 13", raw.debian)));
        }
        let mut releases = BTreeMap::new();
        for (suite, release) in raw.release {
            let release = release.check(&suite).map_err(|why| bad(format!("release.{suite}: {why}")))?;
            releases.insert(suite, release);
        }
        let mut all = BTreeMap::new();
        let mut packages: BTreeMap<DebianArch, BTreeMap<String, DebPackage>> = BTreeMap::new();
        for (table, raw) in raw.package {
            let mut checked = BTreeMap::new();
            for (name, package) in raw {
                let package = package
                    .check(&name, &table)
                    .map_err(|why| bad(format!("package.{table}.{name}: {why}")))?;
                checked.insert(name, package);
            }
            if table == ALL {
                all = checked;
            } else {
                let arch = DebianArch::ALL.into_iter().find(|arch| arch.as_str() == table);
                let arch =
                    arch.ok_or_else(|| bad(format!("{table:?} is not an architecture that has bases")))?;
                packages.insert(arch, checked);
            }
        }
        for table in packages.values_mut() {
            for (name, package) in &all {
                if table.insert(name.clone(), package.clone()).is_some() {
                    return Err(bad(format!("{name} is listed for one architecture and for all of them")));
                }
            }
        }
        Ok(Self { debian: raw.debian, releases, packages })
    }
}

impl RawRelease {
    fn check(self, suite: &str) -> Result<Release, String> {
        if !plain(suite, "-") {
            return Err("that is not the name of a suite".into());
        }
        let date = Stamp::parse(&self.date).ok_or("its date is not written as in 2026-09-12T07:55:41Z")?;
        let hex = |signer: &String| signer.bytes().all(|b| b.is_ascii_hexdigit()) && signer.len() >= 40;
        if !self.signers.iter().all(hex) {
            return Err("a signer is not a fingerprint".into());
        }
        Ok(Release { date, digest: digest(&self.sha256)?, signers: self.signers })
    }
}

impl RawPackage {
    fn check(self, name: &str, table: &str) -> Result<DebPackage, String> {
        let Self { version, size, sha256, pool } = self;
        // Debian policy, 5.6.7 and 5.6.12.
        if !plain(name, "+-.") {
            return Err("that is not the name of a package".into());
        }
        if !plain(&version, "+-.~:") {
            return Err(format!("{version:?} is not a version"));
        }
        let end = format!("_{table}.deb");
        let parts_are_plain = pool.split('/').all(|part| plain(part, "+-.~_%"));
        if !pool.starts_with("pool/") || !pool.ends_with(&end) || !parts_are_plain {
            return Err(format!("{pool:?} is not the path of a package for {table}"));
        }
        let digest = digest(&sha256)?;
        Ok(DebPackage { name: name.into(), version, architecture: table.into(), size, digest, pool })
    }
}

/// Returns whether a text has only letters, digits and `others`, and begins with a letter or digit.
pub(super) fn plain(text: &str, others: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn digest(hex: &str) -> Result<Digest, String> {
    Digest::parse(&format!("sha256:{hex}")).ok_or_else(|| format!("{hex:?} is not a SHA-256"))
}
