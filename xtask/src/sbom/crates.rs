//! Which packages a program is made of: the unit graph, read. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::cargo::units::{Unit, UnitGraph};
use crate::package_id::name_and_version;

/// The packages of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CratePackages {
    /// All of them, in the order of their names, versions and sources.
    pub all: Vec<CratePackage>,
    /// The one that the program belongs to.
    pub root: usize,
}

/// A package that took part in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CratePackage {
    /// The name of the package.
    pub name: String,
    /// The version of the package.
    pub version: String,
    /// Where it came from.
    pub source: PackageSource,
    /// As Cargo names it.
    pub id: String,
    /// Its code is in the program. Else it is code that ran during the build: of build scripts and macros.
    pub in_program: bool,
    /// The features that its code in the program has; those of the build where none is in the program.
    pub features: BTreeSet<String>,
    /// What it needs, by index.
    pub needs: BTreeSet<usize>,
    /// The file that the source of one of its crates begins with.
    pub src_path: PathBuf,
}

/// Where a package came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackageSource {
    /// A folder of this machine: a member of the workspace, or one beside it.
    Path,
    /// A registry, by the address of its index.
    Registry(String),
    /// A repository, by its address.
    Git(String),
    /// A way that is not known here.
    Other(String),
}

/// Cargo's default registry, whatever a mirror is called: what package IDs and Cargo.lock say of it ends like this.
const DEFAULT_INDEX: &str = "/rust-lang/crates.io-index";

impl PackageSource {
    /// The source that a package ID names, as Cargo.lock writes it.
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

    /// As Cargo.lock writes it; none for what it does not.
    pub fn locked(&self) -> Option<String> {
        match self {
            Self::Path | Self::Other(_) => None,
            Self::Registry(index) if index.starts_with("sparse+") => Some(index.clone()),
            Self::Registry(index) => Some(format!("registry+{index}")),
            Self::Git(address) => Some(format!("git+{address}")),
        }
    }

    /// Whether it is the registry that package URLs mean where they name none.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Registry(index) if index.ends_with(DEFAULT_INDEX))
    }

    /// `path`, `registry`, `git` or `other`.
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
    /// The packages that a graph builds for `platform`; none where it names no program for it.
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
            // A build script need not lie where the package does.
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

/// Whether a unit is code for the program, rather than a program or a macro for the build.
fn is_code(unit: &Unit, platform: &str) -> bool {
    unit.mode == "build"
        && unit.platform.as_deref() == Some(platform)
        && !unit.target.kind.iter().any(|kind| kind == "proc-macro" || kind == "custom-build")
}

/// Name, version and source of a package ID.
fn parse(id: &str) -> (String, String, PackageSource) {
    let (name, version) = name_and_version(id);
    let url = id.rsplit_once('#').map_or(id, |(url, _)| url);
    (name.to_owned(), version.to_owned(), PackageSource::parse(url))
}

#[cfg(test)]
mod tests;
