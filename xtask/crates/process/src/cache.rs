//! The cache folder for data that is kept between runs and between workspaces: compiled stds, zig, facts
//! about compilers. An entry under its final name is complete, because it is made under a temporary name and
//! then renamed, under a lock.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use xtask_files as files;
use xtask_files::error::{Error, ExitKind, Result};
use xtask_files::{FileLock, StagedFolder};

use crate::host::Host;

/// Returns the cache folder: `XTASK_CACHE_DIR`, else `cargo-xtask` in `XDG_CACHE_HOME`, else in the system's
/// usual folder for caches (`os` is [`std::env::consts::OS`]). It depends only on the variables and makes no
/// folder.
///
/// # Errors
/// `XTASK_CACHE_DIR` is not absolute, or no variable contains a home folder.
pub fn dir(host: &Host, os: &str) -> Result<PathBuf> {
    const NAME: &str = "cargo-xtask";
    if let Some(dir) = host.var("XTASK_CACHE_DIR") {
        let dir = PathBuf::from(dir);
        return if dir.is_absolute() {
            Ok(dir)
        } else {
            Err(Error::usage(format!("XTASK_CACHE_DIR={} is not an absolute path", dir.display())))
        };
    }
    // The XDG base directory specification requires that a relative path is ignored.
    let absolute = |key: &str| host.var(key).map(PathBuf::from).filter(|p| p.is_absolute());
    if let Some(dir) = absolute("XDG_CACHE_HOME") {
        return Ok(dir.join(NAME));
    }
    let place = match os {
        "windows" => absolute("LOCALAPPDATA"),
        "macos" => absolute("HOME").map(|h| h.join("Library").join("Caches")),
        _ => absolute("HOME").map(|h| h.join(".cache")),
    };
    place.map(|p| p.join(NAME)).ok_or_else(|| {
        Error::missing("cannot choose a cache folder: no home folder is set")
            .help("set XTASK_CACHE_DIR to an absolute path")
    })
}

/// Turns an error about a file of the cache into one about something that this machine lacks: a writable
/// folder.
pub fn needed(error: Error) -> Error {
    let help = "set XTASK_CACHE_DIR to a folder that can be written and has space";
    Error { kind: ExitKind::Missing, ..error }.help(help)
}

/// Returns `digits` hexadecimal digits of the SHA-256 of `text`, for names in the cache.
pub fn short_hash(text: &str, digits: usize) -> String {
    let mut hash = files::sha256_hex(text.as_bytes());
    hash.truncate(digits);
    hash
}

/// The precision with which the last use of a cache entry is recorded.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Records that a cache entry was used, as the modification time of the file `mark`. The time is updated at
/// most once a day. A missing file is made. If the cache cannot be written, nothing is recorded.
pub fn used(mark: &Path) {
    let noted = std::fs::metadata(mark).and_then(|meta| meta.modified());
    if noted.is_ok_and(|time| time.elapsed().is_ok_and(|since| since < DAY)) {
        return;
    }
    let file = create_parent(mark).map(|_| File::options().create(true).append(true).open(mark));
    if let Ok(Ok(file)) = file {
        let _ = file.set_modified(SystemTime::now());
    }
}

/// Takes an exclusive lock of the cache, and calls `waiting` before it waits for another process. The lock
/// file is not removed.
///
/// # Errors
/// [`ExitKind::Missing`] if the file cannot be made or the file system has no locks.
pub fn lock(path: &Path, waiting: impl FnOnce()) -> Result<FileLock> {
    FileLock::exclusive(path, waiting).and_then(|lock| lock.required(path)).map_err(needed)
}

/// Takes a shared lock, which excludes holders of the exclusive [`lock`]. Returns none if the cache has no
/// locks or cannot be written. In this case no process can take the exclusive lock either.
pub fn share(path: &Path) -> Option<FileLock> {
    FileLock::shared(path, || {}).ok().filter(FileLock::is_held)
}

/// Makes a staging folder for a place in the cache: see [`StagedFolder::new`].
///
/// # Errors
/// [`ExitKind::Missing`] if it cannot be made.
pub fn stage(place: &Path) -> Result<StagedFolder> {
    StagedFolder::new(place).map_err(needed)
}

/// Moves a staged folder, or `part` of it, to its place in the cache: see [`StagedFolder::publish`].
///
/// # Errors
/// [`ExitKind::Missing`] if it cannot be moved.
pub fn publish(staged: StagedFolder, part: &str, place: &Path) -> Result<()> {
    staged.publish(part, place).map_err(needed)
}

/// Makes a folder of the cache with its parents.
///
/// # Errors
/// [`ExitKind::Missing`] if it cannot be made.
pub fn create_dir(dir: &Path) -> Result<()> {
    files::folder(dir).map_err(needed)
}

fn create_parent(path: &Path) -> Result<&Path> {
    let parent = path.parent().unwrap_or(Path::new("."));
    create_dir(parent)?;
    Ok(parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_triple::Triple;

    fn dir_with(os: &str, vars: &[(&str, &str)]) -> Result<PathBuf> {
        let vars = vars.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        dir(&Host::new(Triple::parse("x86_64-unknown-linux-gnu"), vars), os)
    }

    #[cfg(unix)]
    #[test]
    fn the_cache_lies_where_the_variables_say() {
        let at = |os: &str, vars: &[(&str, &str)]| dir_with(os, vars).unwrap().display().to_string();
        assert_eq!(at("linux", &[("HOME", "/h")]), "/h/.cache/cargo-xtask");
        assert_eq!(at("macos", &[("HOME", "/h")]), "/h/Library/Caches/cargo-xtask");
        assert_eq!(at("windows", &[("LOCALAPPDATA", "/l"), ("HOME", "/h")]), "/l/cargo-xtask");
        assert_eq!(at("linux", &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), "/x/cargo-xtask");
        assert_eq!(at("linux", &[("HOME", "/h"), ("XDG_CACHE_HOME", "x")]), "/h/.cache/cargo-xtask");
        assert_eq!(at("macos", &[("XTASK_CACHE_DIR", "/c"), ("XDG_CACHE_HOME", "/x")]), "/c");
    }

    #[test]
    fn a_cache_without_a_place_is_an_error() {
        assert_eq!(dir_with("linux", &[]).unwrap_err().kind, xtask_files::error::ExitKind::Missing);
        assert_eq!(
            dir_with("linux", &[("XTASK_CACHE_DIR", "rel")]).unwrap_err().kind,
            xtask_files::error::ExitKind::Usage
        );
    }
}
