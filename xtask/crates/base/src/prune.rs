//! Removes from the cache what no run has used for a long time: packages and layers of bases, states of apt,
//! and data from registries. It waits while another run uses a base.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::store::USED;
use xtask_files::FileLock;
use xtask_files::error::{Error, Result};
use xtask_files::sweep;
use xtask_process::cache::{self, needed};

/// A kind of cached items, and how much of it was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// The name of the kind, in the plural.
    pub kind: &'static str,
    /// The number of items that were removed, or that would be removed.
    pub removed: u64,
    /// The size of the removed items, in bytes.
    pub removed_bytes: u64,
    /// The number of items that were kept.
    pub kept: u64,
    /// The size of the kept items, in bytes.
    pub kept_bytes: u64,
}

/// The places of the items of a kind.
struct PrunedKind {
    name: &'static str,
    /// The folder of the items, relative to the cache.
    folder: &'static str,
    /// The ending of the items' names. Other files are not items.
    ends: &'static str,
    /// The files in an item that is a folder, whose times show when it was used.
    marks: &'static [&'static str],
    /// The folders with files of the same name and this ending, which are removed with the item. The time of
    /// the first one shows when the item was used.
    beside: &'static [(&'static str, &'static str)],
}

const KINDS: [PrunedKind; 6] = [
    PrunedKind { name: "packages", folder: "bases/debs", ends: ".deb", marks: &[], beside: &[] },
    PrunedKind {
        name: "layers of distroless bases",
        folder: "bases/layers",
        ends: "",
        marks: &[USED, "layer.json"],
        beside: &[],
    },
    PrunedKind { name: "refreshed locks", folder: "bases/refreshed", ends: ".lock", marks: &[], beside: &[] },
    // It is written whenever the state is opened.
    PrunedKind { name: "states of apt", folder: "bases/apt", ends: "", marks: &["status"], beside: &[] },
    PrunedKind {
        name: "blobs of registries",
        folder: "registry/blobs/sha256",
        ends: "",
        marks: &[],
        beside: &[("registry/used/blobs", ""), ("registry/seen/blobs", ".json")],
    },
    PrunedKind {
        name: "unpacked layers of registries",
        folder: "registry/tars/sha256",
        ends: "",
        marks: &[],
        beside: &[("registry/used/tars", ""), ("registry/seen/tars", ".json")],
    },
];

fn lock(cache: &Path) -> PathBuf {
    cache.join("bases").join("in-use.lock")
}

/// Holds a lock under which bases in the cache are kept: pruning waits for it.
pub fn hold(cache: &Path) -> Option<FileLock> {
    cache::share(&lock(cache))
}

/// Removes items that were not used since `since`, unless `only_look`, and returns their numbers. It calls
/// `waiting` before it waits for runs that use a base. New runs wait meanwhile.
///
/// # Errors
/// An item cannot be removed, or the cache has no locks.
pub fn prune(
    cache: &Path,
    since: SystemTime,
    only_look: bool,
    waiting: impl FnOnce(),
) -> Result<Vec<Pruned>> {
    let _alone = cache::lock(&lock(cache), waiting)?;
    KINDS.iter().map(|kind| one(kind, cache, since, only_look)).collect()
}

fn one(kind: &PrunedKind, cache: &Path, since: SystemTime, only_look: bool) -> Result<Pruned> {
    let folder = cache.join(kind.folder);
    if !only_look {
        sweep(&folder);
    }
    let mut pruned = Pruned { kind: kind.name, removed: 0, removed_bytes: 0, kept: 0, kept_bytes: 0 };
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        // Locks are kept, because a waiting process has its lock open. Staging files are kept too.
        let thing = match kind.marks {
            [] => path.is_file() && name.ends_with(kind.ends) && !name.starts_with('.'),
            _ => path.is_dir() && !name.starts_with('.'),
        };
        if !thing {
            continue;
        }
        let beside: Vec<PathBuf> =
            kind.beside.iter().map(|(dir, end)| cache.join(dir).join(format!("{name}{end}"))).collect();
        let inside = kind.marks.iter().map(|mark| path.join(mark));
        let marks = inside.chain([path.clone()]).chain(beside.first().cloned());
        let used = marks.filter_map(|mark| fs::metadata(mark).ok()?.modified().ok()).max();
        let bytes = size(&path);
        if used.is_none_or(|used| used >= since) {
            (pruned.kept, pruned.kept_bytes) = (pruned.kept + 1, pruned.kept_bytes + bytes);
            continue;
        }
        (pruned.removed, pruned.removed_bytes) = (pruned.removed + 1, pruned.removed_bytes + bytes);
        if !only_look {
            remove(&path)?;
            beside.iter().filter(|file| file.exists()).try_for_each(|file| remove(file))?;
        }
    }
    Ok(pruned)
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|e| needed(Error::io("cannot remove", path, &e)))
}

/// Returns the size in bytes of a file, or of all files in a folder.
fn size(path: &Path) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else { return 0 };
    if !meta.is_dir() {
        return meta.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
}

/// Returns the time this number of days ago, or the earliest time if it would be before that.
pub fn days_ago(days: u32) -> SystemTime {
    let long = Duration::from_secs(u64::from(days) * 24 * 3600);
    SystemTime::now().checked_sub(long).unwrap_or(SystemTime::UNIX_EPOCH)
}
