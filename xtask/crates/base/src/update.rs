//! Makes a lock of the packages that the archive has now.

use std::collections::BTreeMap;
use std::path::Path;

use xtask_files::error::{Error, Result};
use xtask_process::ui::{Ui, far};

use super::DebianArch;
use super::apt::{Apt, AptState};
use super::contents;
use super::lock::BaseLock;

/// Makes a lock of the packages that the archive has now for these architectures.
///
/// # Errors
/// The archive cannot be reached, its signatures are not good, or it lacks a package. Or a suite is older
/// than in `older`.
pub fn update(
    apt: &Apt,
    states: &Path,
    debian: u8,
    archs: &[DebianArch],
    older: Option<&BaseLock>,
    ui: Ui,
) -> Result<BaseLock> {
    let names: Vec<&str> = archs.iter().map(|arch| arch.as_str()).collect();
    let task = ui.task("Locking", format!("the packages of Debian {debian} for {}", names.join(", ")));
    let state = AptState::open(apt, states, debian, archs)?;
    task.note("fetching the indexes");
    state.update()?;
    let releases = state.releases()?;
    let wanted = contents::all_packages(debian);
    let mut packages = BTreeMap::new();
    for (at, arch) in archs.iter().enumerate() {
        task.far(far(at as u64, Some(archs.len() as u64), "architecture"));
        task.note(format!("looking up the packages for {arch}"));
        let found = state.lookup(*arch, &wanted)?;
        let lacks: Vec<&str> = wanted.iter().copied().filter(|name| !found.contains_key(*name)).collect();
        if !lacks.is_empty() {
            return Err(Error::failed(format!("the archive of Debian {debian} lacks packages for {arch}"))
                .found(lacks.join(", ")));
        }
        packages.insert(*arch, found);
    }
    let lock = BaseLock { debian, releases, packages };
    if let Some(older) = older {
        lock.check_forward(older)?;
    }
    // The archive's values become arguments of commands and names of files, so they must be valid in a lock.
    BaseLock::parse(&lock.text(), "what the archive says")
}

/// A package that an update has changed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PackageChange {
    /// The name of the package.
    pub package: String,
    /// Debian's name of the architecture, or `all`.
    pub architecture: String,
    /// The previous version; none if the package was not locked.
    pub from: Option<String>,
    /// The present version; none if the package is not locked any more.
    pub to: Option<String>,
}

/// Returns the differences, in the order of names and architectures.
pub fn changes(older: Option<&BaseLock>, newer: &BaseLock) -> Vec<PackageChange> {
    type Versions = BTreeMap<(String, String), (String, xtask_oci::Digest)>;
    let versions = |lock: &BaseLock| -> Versions {
        let all = lock.packages.values().flat_map(BTreeMap::values);
        all.map(|p| ((p.name.clone(), p.architecture.clone()), (p.version.clone(), p.digest.clone())))
            .collect()
    };
    let (old, new) = (older.map(versions).unwrap_or_default(), versions(newer));
    let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let different = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    let version = |of: &Versions, key: &(String, String)| of.get(key).map(|(version, _)| version.clone());
    let change = |key: &(String, String)| PackageChange {
        package: key.0.clone(),
        architecture: key.1.clone(),
        from: version(&old, key),
        to: version(&new, key),
    };
    different.map(change).collect()
}
