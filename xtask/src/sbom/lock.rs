//! Reads from Cargo.lock the origin of each package, and its digest. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The entries of Cargo.lock for packages from registries and repositories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoLock {
    packages: BTreeMap<(String, String), Vec<Locked>>,
}

/// One entry of Cargo.lock for a package with a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The source of the package, without the commit: `registry+https://…`, `git+https://…?branch=main`.
    pub source: String,
    /// The commit of a package from a git repository.
    pub commit: Option<String>,
    /// The SHA-256 of the file from a registry, in hexadecimal.
    pub checksum: Option<String>,
}

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

impl CargoLock {
    /// Reads the file. An invalid file counts as empty: Cargo itself has read it before and reported the
    /// fault.
    pub fn read(text: &str) -> Self {
        let raw: LockFile = toml::from_str(text).unwrap_or(LockFile { package: Vec::new() });
        let mut lock = Self::default();
        for LockedPackage { name, version, source, checksum } in raw.package {
            let Some(source) = source else { continue };
            let (source, commit) = match source.split_once('#') {
                Some((source, commit)) => (source.to_owned(), Some(commit.to_owned())),
                None => (source, None),
            };
            let checksum = checksum.filter(|c| c.len() == 64 && c.bytes().all(|b| b.is_ascii_hexdigit()));
            lock.packages.entry((name, version)).or_default().push(Locked { source, commit, checksum });
        }
        lock
    }

    /// Finds the entry of a package from `source`, in the form of package IDs.
    pub fn find(&self, name: &str, version: &str, source: &str) -> Option<&Locked> {
        let all = self.packages.get(&(name.to_owned(), version.to_owned()))?;
        all.iter().find(|locked| locked.source == source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_by_name_version_and_source() {
        let text = format!(
            "version = 4\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n\
             [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://x/index\"\nchecksum = \"{}\"\n\
             [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"git+https://x/a?branch=main#c0ffee\"\n",
            "ab".repeat(32)
        );
        let lock = CargoLock::read(&text);
        let registry = lock.find("a", "1.0.0", "registry+https://x/index").unwrap();
        assert_eq!(registry.checksum.as_deref(), Some("ab".repeat(32).as_str()));
        let git = lock.find("a", "1.0.0", "git+https://x/a?branch=main").unwrap();
        assert_eq!((git.commit.as_deref(), &git.checksum), (Some("c0ffee"), &None));
        assert_eq!(lock.find("own", "1.0.0", ""), None);
        assert_eq!(lock.find("a", "1.0.1", "registry+https://x/index"), None);
        assert_eq!(CargoLock::read("no lock"), CargoLock::default());
    }
}
