//! Which package a file of a root file system is from: what dpkg and apk leave there for scanners.

use std::collections::BTreeMap;
use std::fmt;

use xtask_oci::{FileKind, Resolved, RootFs};

/// A package of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DistroPackage {
    /// The name of the package, such as `libc6`.
    pub name: String,
    /// The version of the package; empty where the tree does not say.
    pub version: String,
}

impl fmt::Display for DistroPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.version.is_empty() { Ok(()) } else { write!(f, " {}", self.version) }
    }
}

/// The package manager whose records name a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// dpkg, the package manager of Debian and the distributions based on it.
    Dpkg,
    /// apk, the package manager of Alpine.
    Apk,
}

/// What the records of a tree say of one of its packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The package manager that wrote the records.
    pub manager: Manager,
    /// The package that the record is about.
    pub package: DistroPackage,
    /// Its architecture, as the distribution writes it; empty where the tree does not say.
    pub architecture: String,
    /// What it was built from, where that has another name or version: `glibc`, `gcc-14 (14.2.0-19)`.
    pub origin: Option<String>,
    /// How many files the records list for it. Of dpkg's own lists, which name folders too, those that are there.
    pub listed: usize,
    /// How many of them are in the tree that ships.
    pub shipped: usize,
}

/// The packages of a tree by the files that they brought.
#[derive(Debug, Default)]
pub(super) struct DistroPackages {
    all: Vec<Record>,
    /// Places in the tree → index into `all`.
    owners: BTreeMap<String, usize>,
}

/// The records of distroless images: a control paragraph and a list of checksums for each package.
const DISTROLESS: &str = "var/lib/dpkg/status.d/";
/// The records of Debian itself: one file with all control paragraphs, and a list of files for each package.
const DEBIAN: (&str, &str) = ("var/lib/dpkg/status", "var/lib/dpkg/info/");
/// The records of Alpine: apk's database of the installed packages.
const ALPINE: &str = "lib/apk/db/installed";

impl DistroPackages {
    /// Reads the records in the tree; what cannot be read is left out.
    pub(super) fn read(files: &RootFs) -> Self {
        let text = |path: &str| {
            let bytes = files.file(path)?.1.read().ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let mut found = Self::default();
        for (path, _) in files.below(DISTROLESS) {
            let name = &path[DISTROLESS.len()..];
            if name.ends_with(".md5sums") {
                continue;
            }
            let at = found.add(Manager::Dpkg, name, &text(path).unwrap_or_default());
            let sums = text(&format!("{path}.md5sums")).unwrap_or_default();
            // 32 digits, two spaces, the path.
            let paths = sums.lines().filter_map(|line| line.split_once("  ")).map(|(_, path)| path);
            found.own(files, at, false, paths);
        }
        if let Some(status) = text(DEBIAN.0) {
            let paragraphs: BTreeMap<&str, &str> =
                status.split("\n\n").map(|p| (field(p, "Package"), p)).collect();
            for (path, _) in files.below(DEBIAN.1) {
                let Some(name) = path[DEBIAN.1.len()..].strip_suffix(".list") else { continue };
                let name = name.split(':').next().unwrap_or(name);
                let control = paragraphs.get(name).copied().unwrap_or_default();
                let at = found.add(Manager::Dpkg, name, control);
                found.own(files, at, true, text(path).unwrap_or_default().lines());
            }
        }
        let installed = text(ALPINE).unwrap_or_default();
        for paragraph in installed.split("\n\n").filter(|p| !field(p, "P").is_empty()) {
            let at = found.add(Manager::Apk, field(paragraph, "P"), paragraph);
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
            found.own(files, at, false, paths.iter().map(String::as_str));
        }
        found
    }

    fn add(&mut self, manager: Manager, name: &str, paragraph: &str) -> usize {
        let (version, architecture, origin) = match manager {
            Manager::Dpkg => ("Version", "Architecture", "Source"),
            Manager::Apk => ("V", "A", "o"),
        };
        let value = |key: &str| field(paragraph, key).to_owned();
        self.all.push(Record {
            manager,
            package: DistroPackage { name: name.to_owned(), version: value(version) },
            architecture: value(architecture),
            origin: Some(value(origin)).filter(|origin| !origin.is_empty() && origin != name),
            listed: 0,
            shipped: 0,
        });
        self.all.len() - 1
    }

    /// Notes what a package brought, by the place in this tree: a list may say `/lib/x` where `/lib` is a link by now.
    /// Of a list with `folders` only the entries that are files here are counted.
    fn own<'l>(
        &mut self,
        files: &RootFs,
        package: usize,
        folders: bool,
        paths: impl Iterator<Item = &'l str>,
    ) {
        for path in paths {
            // The last part is not followed: a link is a package's own.
            let (folder, name) = path.trim_matches('/').rsplit_once('/').unwrap_or(("", path));
            let folder = match files.resolve(folder) {
                Resolved::Found(folder) => folder,
                _ => {
                    self.all[package].listed += usize::from(!folders);
                    continue;
                }
            };
            let place = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let is_file = files.get(&place).map(|node| node.kind != FileKind::Dir);
            self.all[package].listed += usize::from(is_file.unwrap_or(!folders));
            self.owners.insert(place, package);
        }
    }

    /// The package that brought what is at a place of the tree.
    pub(super) fn owner(&self, place: &str) -> Option<&DistroPackage> {
        let record = self.all.get(*self.owners.get(place.trim_start_matches('/'))?)?;
        Some(&record.package)
    }
}

/// What the records of a tree say of its packages, in the order of their names, and how much of each is in `shipped`,
/// which is the tree or what is left of it.
pub fn records(files: &RootFs, shipped: &RootFs) -> Vec<Record> {
    let DistroPackages { mut all, owners } = DistroPackages::read(files);
    for (place, package) in owners {
        let is_there = shipped.get(&place).is_some_and(|node| node.kind != FileKind::Dir);
        all[package].shipped += usize::from(is_there);
    }
    all.sort_by(|a, b| a.package.cmp(&b.package));
    all
}

/// The value of a field of a control paragraph; empty where it is not there.
fn field<'a>(paragraph: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    paragraph.lines().find_map(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
