//! Obtains the files of locked packages: from the cache, from the archive, or from snapshots of it. Otherwise
//! reports that the archive has other versions now.

use std::path::Path;

use xtask_files::error::{Error, Result};
use xtask_files::{FileLock, StagedFolder};
use xtask_files::{counted, human_size};
use xtask_process::cache;
use xtask_process::ui::{Moment, TaskWatcher, Ui, far};

use super::BaseContext;
use super::DebianArch;
use super::apt::{self, Apt, AptState};
use super::lock::DebPackage;
use super::snapshot;
use super::store::BaseStore;

/// What apt is needed for, in messages.
pub(super) const NEEDED: &str = "the packages of distroless bases";

/// The result of obtaining packages.
#[derive(Debug)]
pub(super) enum Got {
    /// The bytes of every package, in the order of the packages.
    All(Vec<Vec<u8>>),
    /// The archive has other versions of some packages, and no snapshot has the locked ones.
    Superseded(Vec<Superseded>, SnapshotFailures),
}

/// Why packages were not obtained from the configured snapshots, one line for each place.
#[derive(Debug)]
pub(super) struct SnapshotFailures {
    lines: Vec<String>,
    /// Whether no snapshot is configured.
    none: bool,
}

impl SnapshotFailures {
    /// Adds the failures of the snapshots to an error, or the advice to configure one.
    pub(super) fn explain(self, error: Error) -> Error {
        let error = self.lines.iter().fold(error, |error, line| error.found(format!("snapshot: {line}")));
        if self.none { error.help(SNAPSHOTS) } else { error }
    }
}

/// The advice for packages that the archive has removed.
const SNAPSHOTS: &str =
    "or name a snapshot archive that keeps the locked packages: `snapshots` of [debian] in targets.toml";

/// A locked package that the archive no longer has, or does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superseded {
    pub(super) name: String,
    pub(super) architecture: String,
    pub(super) locked: String,
    /// The version in the archive now, if there is one.
    pub(super) now: Option<String>,
}

impl Superseded {
    /// Returns a line such as `libc6 (amd64): locked 2.41-12, the archive has 2.41-13 now`.
    pub(super) fn line(&self) -> String {
        let Self { name, architecture, locked, now } = self;
        match now {
            Some(now) if now == locked => {
                format!("{name} ({architecture}): the archive's file of {locked} is not the locked one")
            }
            Some(now) => format!("{name} ({architecture}): locked {locked}, the archive has {now} now"),
            None => format!("{name} ({architecture}): locked {locked}, the archive has none now"),
        }
    }
}

/// Returns the bytes of the packages, each checked against its digest.
///
/// # Errors
/// Some packages are not in the cache and cannot be obtained: without the network, without apt, or because
/// the archive cannot be reached.
pub(super) fn get(
    packages: &[DebPackage],
    debian: u8,
    arch: DebianArch,
    site: &BaseContext<'_>,
) -> Result<Got> {
    let store = BaseStore::new(site.cache);
    if let Some(all) = cached(packages, &store)? {
        return Ok(Got::All(all));
    }
    let missing = missing(packages, &store)?;
    let lack = MissingPackage::of(&missing, &store);
    let apt = lack.way(debian, site)?;
    if !lack.damaged.is_empty() {
        site.ui.warn(format!("damaged in the cache, will be fetched again: {}", lack.damaged.join(", ")));
    }
    let size: u64 = missing.iter().map(|p| p.size).sum();
    let count = counted(missing.len() as u64, "package");
    let what = format!("{count} of Debian {debian} for {arch} ({})", human_size(size));
    let inbox = inbox(&store, *site.ui)?;
    let folder = inbox.staging.path();
    let task = site.ui.watched_task("Fetching", what, arrived(folder, missing.len(), size));
    if let Ok(apt) = &apt {
        from_places(apt, &missing, &store, folder)?;
    }
    let missing = self::missing(&missing, &store)?;
    if !missing.is_empty() && !site.snapshots.is_empty() {
        task.note("asking the snapshots of the archive");
    }
    let lines = snapshot::fetch(site.snapshots, &missing, &store, folder, *site.ui)?;
    let failures = SnapshotFailures { lines, none: site.snapshots.is_empty() };
    drop(inbox);
    let missing = self::missing(&missing, &store)?;
    if !missing.is_empty() {
        task.note("asking the archive for its packages");
        let superseded = apt.and_then(|apt| by_index(&apt, &missing, debian, arch, site, &store));
        match superseded {
            Err(error) => return Err(failures.explain(error)),
            Ok(list) if !list.is_empty() => return Ok(Got::Superseded(list, failures)),
            Ok(_) => {}
        }
    }
    drop(task);
    let all = cached(packages, &store)?;
    all.map(Got::All).ok_or_else(|| Error::failed("a package was removed from the cache during the run"))
}

/// Checks whether [`get`] could obtain the packages, as far as this machine shows without a query to the
/// archive.
///
/// # Errors
/// Some packages are not in the cache and cannot be obtained: without the network, without apt, or without an
/// archive.
pub(super) fn check(packages: &[DebPackage], debian: u8, site: &BaseContext<'_>) -> Result<()> {
    let store = BaseStore::new(site.cache);
    let missing = missing(packages, &store)?;
    match missing.is_empty() {
        true => Ok(()),
        false => MissingPackage::of(&missing, &store).way(debian, site).map(drop),
    }
}

/// The packages that are missing in the cache, for messages.
struct MissingPackage<'a> {
    absent: Vec<String>,
    damaged: Vec<String>,
    store: &'a BaseStore,
}

impl<'a> MissingPackage<'a> {
    fn of(missing: &[DebPackage], store: &'a BaseStore) -> Self {
        let names = |damaged: bool| -> Vec<String> {
            let these = missing.iter().filter(|p| store.holds(p) == damaged);
            these.map(|p| format!("{} {} ({})", p.name, p.version, p.architecture)).collect()
        };
        Self { absent: names(false), damaged: names(true), store }
    }

    /// Returns the apt that can fetch them, or the reason why there is none if snapshots can provide them
    /// without apt.
    fn way(&self, debian: u8, site: &BaseContext<'_>) -> Result<Result<Apt>> {
        let Self { absent, damaged, store } = self;
        if !site.offline {
            // This is checked before anything is fetched.
            drop(inbox(store, *site.ui)?);
            let apt = Apt::find(site.host, *site.ui, NEEDED).map_err(|error| {
                let all: Vec<&str> = absent.iter().chain(damaged).map(String::as_str).collect();
                error.found(format!("not in the cache: {}", all.join(", ")))
            });
            return match (apt::can_download(), site.snapshots.is_empty()) {
                (true, false) => Ok(apt),
                (true, true) => apt.map(Ok).map_err(|error| error.help(SNAPSHOTS)),
                (false, _) => apt.map(Ok),
            };
        }
        let count =
            |names: &[String], what: &str| (!names.is_empty()).then(|| format!("{} {what}", names.len()));
        let counts: Vec<String> =
            [count(absent, "absent"), count(damaged, "damaged")].into_iter().flatten().collect();
        let error = Error::missing(format!(
            "packages of Debian {debian} cannot be taken from the cache: {}",
            counts.join(", ")
        ));
        let lines = [("not in the cache", absent), ("damaged", damaged)];
        let lines = lines.into_iter().filter(|(_, names)| !names.is_empty());
        Err(lines
            .fold(error, |error, (what, names)| error.found(format!("{what}: {}", names.join(", "))))
            .help("run it once without --offline, or copy the folder `bases` from another machine's cache"))
    }
}

/// Returns the bytes of the packages if the cache has all of them.
///
/// # Errors
/// The cache cannot be read.
pub(super) fn cached(packages: &[DebPackage], store: &BaseStore) -> Result<Option<Vec<Vec<u8>>>> {
    packages.iter().map(|package| store.take(package)).collect()
}

fn missing(packages: &[DebPackage], store: &BaseStore) -> Result<Vec<DebPackage>> {
    let mut missing = Vec::new();
    for package in packages {
        if store.take(package)?.is_none() {
            missing.push(package.clone());
        }
    }
    Ok(missing)
}

/// A folder for downloads, which is removed at the end. Only one process at a time has it.
struct Inbox {
    staging: StagedFolder,
    _lock: FileLock,
}

fn inbox(store: &BaseStore, ui: Ui) -> Result<Inbox> {
    let place = store.debs().join("inbox");
    let waiting = || ui.step("Waiting", "for another process that fetches packages");
    let lock = cache::lock(&place.with_extension("lock"), waiting)?;
    Ok(Inbox { staging: cache::stage(&place)?, _lock: lock })
}

/// Shows what has arrived in a folder of `count` packages with `size` bytes.
fn arrived(folder: &Path, count: usize, size: u64) -> TaskWatcher {
    let folder = folder.to_owned();
    Box::new(move || {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let sizes: Vec<u64> = files.filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).collect();
        // The last one is still being downloaded.
        let done = sizes.len().saturating_sub(1) as u64;
        let bytes = human_size(sizes.iter().sum());
        let far = format!("{}, {bytes} of {}", far(done, Some(count as u64), "package"), human_size(size));
        Moment { far: if sizes.is_empty() { String::new() } else { far }, now: Vec::new() }
    })
}

/// Fetches packages from the places in the lock. This needs no index and no signature, because the digest
/// decides.
fn from_places(apt: &Apt, missing: &[DebPackage], store: &BaseStore, folder: &Path) -> Result<()> {
    let wanted: Vec<_> =
        missing.iter().map(|p| (p, folder.join(format!("{}.deb", p.digest.hex())))).collect();
    apt.fetch(&wanted)?;
    for (package, file) in &wanted {
        store.bring(package, file)?;
    }
    Ok(())
}

/// Fetches packages by apt's own indexes. This works for sources without plain addresses, and shows which
/// packages are superseded.
fn by_index(
    apt: &Apt,
    missing: &[DebPackage],
    debian: u8,
    arch: DebianArch,
    site: &BaseContext<'_>,
    store: &BaseStore,
) -> Result<Vec<Superseded>> {
    let state = AptState::open(apt, &store.apt(), debian, &[arch])?;
    state.update()?;
    let names: Vec<&str> = missing.iter().map(|p| p.name.as_str()).collect();
    let now = state.lookup(arch, &names)?;
    let same = |p: &&DebPackage| now.get(&p.name).is_some_and(|n| n.digest == p.digest);
    let there: Vec<&DebPackage> = missing.iter().filter(same).collect();
    if !there.is_empty() {
        let inbox = inbox(store, *site.ui)?;
        state.download(arch, &there, inbox.staging.path())?;
        bring_all(&there, inbox.staging.path(), store)?;
    }
    let still = self::missing(missing, store)?;
    if let Some(package) = still.iter().find(|p| same(p)) {
        return Err(Error::missing(format!("{} {} could not be fetched", package.name, package.version))
            .found("the archive's index lists it, but the fetched file has another digest"));
    }
    let superseded = still.into_iter().map(|p| Superseded {
        now: now.get(&p.name).map(|n| n.version.clone()),
        name: p.name,
        architecture: p.architecture,
        locked: p.version,
    });
    Ok(superseded.collect())
}

/// Brings in files whose names apt has chosen. The digests identify them.
fn bring_all(packages: &[&DebPackage], from: &Path, store: &BaseStore) -> Result<()> {
    let entries = std::fs::read_dir(from).map_err(|e| Error::io("cannot read", from, &e))?;
    for file in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()) {
        for package in packages {
            if store.bring(package, &file)? {
                break;
            }
        }
    }
    Ok(())
}
