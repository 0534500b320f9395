//! Reads the packages of a program from the unit graph. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::cargo::units::{Unit, UnitGraph};
use crate::package_id::name_and_version;

/// The packages of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CratePackages {
    /// All packages, in the order of their names, versions and sources.
    pub all: Vec<CratePackage>,
    /// The index of the package that contains the program.
    pub root: usize,
}

/// A package that took part in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CratePackage {
    /// The name of the package.
    pub name: String,
    /// The version of the package.
    pub version: String,
    /// The origin of the package.
    pub source: PackageSource,
    /// The package ID.
    pub id: String,
    /// Whether its code is in the program. If not, its code ran during the build, in build scripts and
    /// macros.
    pub in_program: bool,
    /// The features of its code in the program. If none of it is in the program, the features in the build.
    pub features: BTreeSet<String>,
    /// The packages on which it depends, by index.
    pub needs: BTreeSet<usize>,
    /// The root source file of one of its crates.
    pub src_path: PathBuf,
}

/// The origin of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackageSource {
    /// A folder of this machine: a member of the workspace, or a path dependency.
    Path,
    /// A registry, by the address of its index.
    Registry(String),
    /// A git repository, by its address.
    Git(String),
    /// An origin of another kind.
    Other(String),
}

/// The end of the address of Cargo's default registry. Package IDs and Cargo.lock use it even if a mirror is
/// configured.
const DEFAULT_INDEX: &str = "/rust-lang/crates.io-index";

impl PackageSource {
    /// Reads the source in a package ID, in the form of Cargo.lock.
    fn parse(url: &str) -> Self {
        let address = |prefix: &str| url.strip_prefix(prefix).map(str::to_owned);
        if url.starts_with("path+") {
            return Self::Path;
        }
        if let Some(index) = address("registry+") {
            return Self::Registry(index);
        }
        if url.starts_with("sparse+") {
            return Self::Registry(url.to_owned());
        }
        address("git+").map_or_else(|| Self::Other(url.to_owned()), Self::Git)
    }

    /// Returns the source in the form of Cargo.lock, or none if Cargo.lock has no source for it.
    pub fn locked(&self) -> Option<String> {
        match self {
            Self::Path | Self::Other(_) => None,
            Self::Registry(index) if index.starts_with("sparse+") => Some(index.clone()),
            Self::Registry(index) => Some(format!("registry+{index}")),
            Self::Git(address) => Some(format!("git+{address}")),
        }
    }

    /// Returns whether it is the registry to which a package URL without a registry refers.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Registry(index) if index.ends_with(DEFAULT_INDEX))
    }

    /// Returns `path`, `registry`, `git` or `other`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Registry(_) => "registry",
            Self::Git(_) => "git",
            Self::Other(_) => "other",
        }
    }
}

impl CratePackages {
    /// Returns the packages that a graph builds for `platform`, or none if it has no program for that
    /// platform.
    pub fn of(graph: &UnitGraph, platform: &str) -> Option<Self> {
        let ours = |unit: &&usize| {
            graph.units.get(**unit).is_some_and(|unit| unit.platform.as_deref() == Some(platform))
        };
        let root = *graph.roots.iter().find(ours)?;
        let inside = graph.reached([root], |unit| is_code(unit, platform));
        let all = graph.reached([root], |_| true);

        let mut ids: Vec<(String, String, PackageSource, &str)> = Vec::new();
        for unit in all.iter().map(|at| &graph.units[*at]) {
            if !ids.iter().any(|(.., id)| *id == unit.pkg_id) {
                let (name, version, source) = parse(&unit.pkg_id);
                ids.push((name, version, source, &unit.pkg_id));
            }
        }
        ids.sort();
        let at: BTreeMap<&str, usize> = ids.iter().enumerate().map(|(at, (.., id))| (*id, at)).collect();
        let mut packages: Vec<CratePackage> = ids
            .iter()
            .map(|(name, version, source, id)| CratePackage {
                name: name.clone(),
                version: version.clone(),
                source: source.clone(),
                id: (*id).to_owned(),
                in_program: inside.iter().any(|unit| graph.units[*unit].pkg_id == *id),
                features: BTreeSet::new(),
                needs: BTreeSet::new(),
                src_path: PathBuf::new(),
            })
            .collect();
        for index in &all {
            let unit = &graph.units[*index];
            let package = &mut packages[at[unit.pkg_id.as_str()]];
            if package.in_program == inside.contains(index) {
                package.features.extend(unit.features.iter().cloned());
            }
            // A build script may lie outside of the package's folder.
            if package.src_path.as_os_str().is_empty() || is_code(unit, platform) {
                package.src_path = unit.target.src_path.clone();
            }
            let needed = unit.dependencies.iter().filter_map(|edge| graph.units.get(edge.index));
            let needed: Vec<usize> =
                needed.filter_map(|unit| at.get(unit.pkg_id.as_str()).copied()).collect();
            package.needs.extend(needed.into_iter().filter(|need| *need != at[unit.pkg_id.as_str()]));
        }
        Some(Self { root: at[graph.units[root].pkg_id.as_str()], all: packages })
    }
}

/// Returns whether a unit is code for the program, and not a program or a macro for the build.
fn is_code(unit: &Unit, platform: &str) -> bool {
    unit.mode == "build"
        && unit.platform.as_deref() == Some(platform)
        && !unit.target.kind.iter().any(|kind| kind == "proc-macro" || kind == "custom-build")
}

/// Returns the name, the version and the source in a package ID.
fn parse(id: &str) -> (String, String, PackageSource) {
    let (name, version) = name_and_version(id);
    let url = id.rsplit_once('#').map_or(id, |(url, _)| url);
    (name.to_owned(), version.to_owned(), PackageSource::parse(url))
}

#[cfg(test)]
mod tests;
