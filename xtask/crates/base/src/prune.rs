//! Taking out of the cache what no run has used for long: packages and layers of bases, states of apt, and what came from
//! registries. Never while another run uses a base.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::store::USED;
use xtask_files::FileLock;
use xtask_files::error::{Error, Result};
use xtask_files::sweep;
use xtask_process::cache::{self, needed};

/// A kind of thing in the cache, and what of it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// What it is, in the plural.
    pub kind: &'static str,
    /// The number of things that were removed, or would be removed where pruning only looks.
    pub removed: u64,
    /// The size of the removed things, in bytes.
    pub removed_bytes: u64,
    /// The number of things that were kept.
    pub kept: u64,
    /// The size of the kept things, in bytes.
    pub kept_bytes: u64,
}

/// Where the things of a kind are.
struct PrunedKind {
    name: &'static str,
    /// The folder of these things, relative to the cache.
    folder: &'static str,
    /// How the names of things end; others are no such things.
    ends: &'static str,
    /// The files inside of a thing that is a folder, whose times say when it was used.
    marks: &'static [&'static str],
    /// The folders beside, where files of the same name, with this ending, go with it. The first notes its use.
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
    // Written anew whenever the state is opened.
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

/// Keeps the bases in the cache as long as it is held: whoever prunes waits for it.
pub fn hold(cache: &Path) -> Option<FileLock> {
    cache::share(&lock(cache))
}

/// Removes what was not used since `since`, unless `only_look`, and says what that is. Runs that use a base are waited
/// for, after `waiting`, and new ones wait meanwhile.
///
/// # Errors
/// Something cannot be removed, or the cache has no locks.
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
        // Locks stay: who waits for one has it open. So does what is about to get its name.
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

/// The bytes of a file, or of all files in a folder.
fn size(path: &Path) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else { return 0 };
    if !meta.is_dir() {
        return meta.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
}

/// The moment that many days ago; the beginning of time where it is before that.
pub fn days_ago(days: u32) -> SystemTime {
    let long = Duration::from_secs(u64::from(days) * 24 * 3600);
    SystemTime::now().checked_sub(long).unwrap_or(SystemTime::UNIX_EPOCH)
}
