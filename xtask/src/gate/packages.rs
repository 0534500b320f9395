//! Which package a file of a root file system is from: what dpkg and apk leave there for scanners.

use std::collections::BTreeMap;
use std::fmt;

use crate::oci::{Resolved, RootFs};

/// A package of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its name: `libc6`.
    pub name: String,
    /// Its version, empty where the tree does not say.
    pub version: String,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.version.is_empty() { Ok(()) } else { write!(f, " {}", self.version) }
    }
}

/// The packages of a tree by the files that they brought.
#[derive(Debug, Default)]
pub(super) struct Packages {
    all: Vec<Package>,
    /// Places in the tree → index into `all`.
    owners: BTreeMap<String, usize>,
}

/// Distroless images: a control paragraph and a list of checksums for each package.
const DISTROLESS: &str = "var/lib/dpkg/status.d/";
/// Debian itself: one file with all control paragraphs, and a list of files for each package.
const DEBIAN: (&str, &str) = ("var/lib/dpkg/status", "var/lib/dpkg/info/");
/// Alpine.
const ALPINE: &str = "lib/apk/db/installed";

impl Packages {
    /// Reads what is there; what cannot be read is left out.
    pub(super) fn read(files: &RootFs) -> Self {
        let text = |path: &str| {
            let bytes = files.file(path)?.1.read().ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let mut found = Self::default();
        for (path, _) in files.below(DISTROLESS) {
            let Some(name) = path[DISTROLESS.len()..].strip_suffix(".md5sums") else { continue };
            let control = text(&path[..path.len() - ".md5sums".len()]).unwrap_or_default();
            let at = found.add(name, field(&control, "Version"));
            let sums = text(path).unwrap_or_default();
            // 32 digits, two spaces, the path.
            found.own(files, at, sums.lines().filter_map(|line| line.split_once("  ")).map(|(_, path)| path));
        }
        if let Some(status) = text(DEBIAN.0) {
            let versions: BTreeMap<&str, &str> =
                status.split("\n\n").map(|p| (field(p, "Package"), field(p, "Version"))).collect();
            for (path, _) in files.below(DEBIAN.1) {
                let Some(name) = path[DEBIAN.1.len()..].strip_suffix(".list") else { continue };
                let name = name.split(':').next().unwrap_or(name);
                let at = found.add(name, versions.get(name).copied().unwrap_or_default());
                found.own(files, at, text(path).unwrap_or_default().lines());
            }
        }
        for paragraph in text(ALPINE).unwrap_or_default().split("\n\n") {
            let at = found.add(field(paragraph, "P"), field(paragraph, "V"));
            let mut folder = "";
            let paths = paragraph.lines().filter_map(|line| match line.split_at_checked(2)? {
                ("F:", path) => {
                    folder = path;
                    None
                }
                ("R:", name) => Some(format!("{folder}/{name}")),
                _ => None,
            });
            let paths: Vec<String> = paths.collect();
            found.own(files, at, paths.iter().map(String::as_str));
        }
        found
    }

    fn add(&mut self, name: &str, version: &str) -> usize {
        self.all.push(Package { name: name.to_owned(), version: version.to_owned() });
        self.all.len() - 1
    }

    /// Notes what a package brought, by the place in this tree: a list may say `/lib/x` where `/lib` is a link by now.
    fn own<'l>(&mut self, files: &RootFs, package: usize, paths: impl Iterator<Item = &'l str>) {
        for path in paths {
            // The last part is not followed: a link is a package's own.
            let (folder, name) = path.trim_matches('/').rsplit_once('/').unwrap_or(("", path));
            let Resolved::Found(folder) = files.resolve(folder) else { continue };
            let place = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            self.owners.insert(place, package);
        }
    }

    /// The package that brought what is at a place of the tree.
    pub(super) fn owner(&self, place: &str) -> Option<&Package> {
        self.all.get(*self.owners.get(place.trim_start_matches('/'))?)
    }
}

/// The value of a field of a control paragraph; empty where it is not there.
fn field<'a>(paragraph: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    paragraph.lines().find_map(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Node;

    fn tree(files: &[(&str, &str)]) -> RootFs {
        let mut tree = RootFs::new();
        for (path, text) in files {
            tree.insert(path, Node::bytes(0o644, text.as_bytes().to_vec())).unwrap();
        }
        tree
    }

    #[test]
    fn of_distroless_debian_and_alpine() {
        let mut files = tree(&[
            ("usr/lib/libc.so.6", ""),
            ("var/lib/dpkg/status.d/libc6", "Package: libc6\nVersion: 2.41-12\nDescription: x\n"),
            ("var/lib/dpkg/status.d/libc6.md5sums", "d41d8cd98f00b204e9800998ecf8427e  lib/libc.so.6\n"),
        ]);
        files.insert("lib", Node::symlink("usr/lib")).unwrap();
        let packages = Packages::read(&files);
        assert_eq!(packages.owner("/usr/lib/libc.so.6").unwrap().to_string(), "libc6 2.41-12");
        assert_eq!(packages.owner("usr/lib/libm.so.6"), None);

        let files = tree(&[
            ("usr/lib/libz.so.1", ""),
            ("var/lib/dpkg/status", "Package: base\nVersion: 1\n\nPackage: zlib1g\nVersion: 1:1.3\n"),
            ("var/lib/dpkg/info/zlib1g:amd64.list", "/.\n/usr\n/usr/lib/libz.so.1\n"),
        ]);
        assert_eq!(Packages::read(&files).owner("usr/lib/libz.so.1").unwrap().to_string(), "zlib1g 1:1.3");

        let files = tree(&[
            ("lib/ld-musl-x86_64.so.1", ""),
            (
                "lib/apk/db/installed",
                "C:Q1x\nP:musl\nV:1.2.5-r0\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1y\n\nP:b\n",
            ),
        ]);
        assert_eq!(
            Packages::read(&files).owner("lib/ld-musl-x86_64.so.1").unwrap().to_string(),
            "musl 1.2.5-r0"
        );
    }
}
