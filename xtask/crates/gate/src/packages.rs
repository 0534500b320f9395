//! Finds the package of a file in a root file system, from the records of dpkg and apk.

use std::collections::BTreeMap;
use std::fmt;

use xtask_oci::{FileKind, Resolved, RootFs};

/// A package of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DistroPackage {
    /// The name of the package, such as `libc6`.
    pub name: String,
    /// The version of the package; empty if the records contain none.
    pub version: String,
}

impl fmt::Display for DistroPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.version.is_empty() { Ok(()) } else { write!(f, " {}", self.version) }
    }
}

/// The package manager that recorded a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// dpkg, the package manager of Debian and the distributions based on it.
    Dpkg,
    /// apk, the package manager of Alpine.
    Apk,
}

/// The record of one package in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The package manager that wrote the record.
    pub manager: Manager,
    /// The package of the record.
    pub package: DistroPackage,
    /// Its architecture, in the distribution's spelling; empty if the record contains none.
    pub architecture: String,
    /// Its source package, if that has another name or version: `glibc`, `gcc-14 (14.2.0-19)`.
    pub origin: Option<String>,
    /// The number of files in its list. dpkg's own lists also contain folders; of these lists, only entries
    /// that are files in the tree count.
    pub listed: usize,
    /// The number of these files that ship.
    pub shipped: usize,
}

/// The packages of a tree, found by the files that belong to them.
#[derive(Debug, Default)]
pub(super) struct DistroPackages {
    all: Vec<Record>,
    /// Maps the path of a file in the tree to an index into `all`.
    owners: BTreeMap<String, usize>,
}

/// The records of distroless images: a control paragraph and a list of checksums for each package.
const DISTROLESS: &str = "var/lib/dpkg/status.d/";
/// The records of Debian itself: one file with all control paragraphs, and a list of files for each package.
const DEBIAN: (&str, &str) = ("var/lib/dpkg/status", "var/lib/dpkg/info/");
/// The records of Alpine: apk's database of the installed packages.
const ALPINE: &str = "lib/apk/db/installed";

impl DistroPackages {
    /// Reads the records in the tree. Records that cannot be read are skipped.
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
            // Each line has 32 digits, two spaces and the path.
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

    /// Records the files of a package under their resolved paths: a list may contain `/lib/x` although `/lib`
    /// is now a link. If the list also contains folders (`folders`), only entries that are files in the tree
    /// are counted.
    fn own<'l>(
        &mut self,
        files: &RootFs,
        package: usize,
        folders: bool,
        paths: impl Iterator<Item = &'l str>,
    ) {
        for path in paths {
            // The last part of the path is not resolved, because a link belongs to its package itself.
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

    /// Returns the package of the file at a path of the tree.
    pub(super) fn owner(&self, place: &str) -> Option<&DistroPackage> {
        let record = self.all.get(*self.owners.get(place.trim_start_matches('/'))?)?;
        Some(&record.package)
    }
}

/// Returns the records of a tree's packages, sorted by name. Each record says how many of its files are in
/// `shipped`, which is the tree or the part of it that ships.
pub fn records(files: &RootFs, shipped: &RootFs) -> Vec<Record> {
    let DistroPackages { mut all, owners } = DistroPackages::read(files);
    for (place, package) in owners {
        let is_there = shipped.get(&place).is_some_and(|node| node.kind != FileKind::Dir);
        all[package].shipped += usize::from(is_there);
    }
    all.sort_by(|a, b| a.package.cmp(&b.package));
    all
}

/// Returns the value of a field in a control paragraph, or an empty text if there is no such field.
fn field<'a>(paragraph: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    paragraph.lines().find_map(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
