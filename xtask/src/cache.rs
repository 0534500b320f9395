//! The folder for what is worth keeping between runs and between workspaces: compiled stds, zig, facts about compilers.
//! What lies there under its final name is whole: everything is made beside it and renamed, under a lock.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::error::{Error, Kind, Result};
use crate::files;
use crate::host::Host;

/// The cache folder: `XTASK_CACHE_DIR`, else `cargo-xtask` in `XDG_CACHE_HOME`, else in the system's own place for
/// caches (`os` is [`std::env::consts::OS`]). A pure function of the variables; makes nothing.
///
/// # Errors
/// Where `XTASK_CACHE_DIR` is not absolute, or where no variable tells of a home.
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
    // The XDG base directory specification says that a relative path is to be ignored.
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
        Error::missing("there is no place for the cache: no home folder is known")
            .help("set XTASK_CACHE_DIR to an absolute path")
    })
}

/// An error about a file of the cache, as something that this machine lacks: a folder that can be written.
pub fn needed(error: Error) -> Error {
    let help =
        "what is kept there is needed: set XTASK_CACHE_DIR to a folder that can be written, with room in it";
    Error { kind: Kind::Missing, ..error }.help(help)
}

/// `digits` hexadecimal digits of the SHA-256 of `text`, for names in the cache.
pub fn short_hash(text: &str, digits: usize) -> String {
    use std::fmt::Write;
    let hash = Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut all, byte| {
        // Writing to a String cannot fail.
        let _ = write!(all, "{byte:02x}");
        all
    });
    hash.chars().take(digits).collect()
}

/// How exactly the last use of something is known.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Notes that something was used: the time of this file says when, at most once a day. The file is made where it is not
/// there. A cache that cannot be written notes nothing.
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

/// A lock on a file, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes a lock of the cache; calls `waiting` first where another process holds it. The file stays.
    ///
    /// # Errors
    /// [`Kind::Missing`] where the file cannot be made or the file system has no locks.
    pub fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        Self::outside(path, waiting).map_err(needed)
    }

    /// Takes a lock that others may have too, but nobody who [`Lock::take`]s it; none where the cache has no locks or
    /// cannot be written, and so neither can what it would keep away.
    pub fn share(path: &Path) -> Option<Self> {
        create_parent(path).ok()?;
        let file = files::open_lock(path).ok()?;
        file.lock_shared().ok().map(|()| Self { _file: file })
    }

    /// As [`Lock::take`], of something that is not in the cache.
    ///
    /// # Errors
    /// Where the file cannot be made or the file system has no locks.
    pub fn outside(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        let parent = path.parent().unwrap_or(Path::new("."));
        files::folder(parent)?;
        let file = files::open_lock(path).map_err(|e| Error::io("cannot open", path, &e))?;
        let locked = match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock()
            }
            Err(TryLockError::Error(e)) => Err(e),
            Ok(()) => Ok(()),
        };
        locked.map_err(|e| {
            Error::io("cannot lock", path, &e).found("some network file systems have no locks")
        })?;
        Ok(Self { _file: file })
    }
}

/// A folder of this process beside its future place, removed when dropped unless it was [`Staging::publish`]ed.
#[derive(Debug)]
pub struct Staging {
    dir: PathBuf,
    published: bool,
}

impl Staging {
    /// Makes an empty folder `.<name of place>.<process id>` beside `place`, and removes what dead processes left of
    /// that kind. To be called under the lock of `place`, so that nobody alive uses those.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn new(place: &Path) -> Result<Self> {
        let parent = create_parent(place)?;
        let prefix = prefix(place);
        sweep(parent, &prefix, None);
        let dir = parent.join(format!("{prefix}{}", std::process::id()));
        create_dir(&dir)?;
        Ok(Self { dir, published: false })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Puts `part` of the staging folder (the folder itself where it is empty) in its place, in one step where nothing
    /// is there. A damaged older one is moved away first.
    ///
    /// # Errors
    /// Where it cannot be renamed.
    pub fn publish(mut self, part: &str, place: &Path) -> Result<()> {
        let made = if part.is_empty() { self.dir.clone() } else { self.dir.join(part) };
        if place.exists() {
            let away = self
                .dir
                .with_file_name(format!("{}.old", self.dir.file_name().unwrap_or_default().display()));
            let moved = std::fs::rename(place, &away);
            moved.map_err(|e| needed(Error::io("cannot move away", place, &e)))?;
            let _ = std::fs::remove_dir_all(&away);
        }
        std::fs::rename(&made, place).map_err(|e| needed(Error::io("cannot make", place, &e)))?;
        self.published = part.is_empty();
        if let Some(parent) = place.parent() {
            sweep(parent, &prefix(place), Some(&self.dir));
        }
        Ok(())
    }
}

/// What the names of staging folders for `place` start with.
fn prefix(place: &Path) -> String {
    format!(".{}.", place.file_name().unwrap_or_default().display())
}

/// Removes staging folders but for `keep`. A compiler that outlived its killed parent may still write into one: what
/// cannot be removed now goes at the end, or the next time.
fn sweep(parent: &Path, prefix: &str, keep: Option<&Path>) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for old in entries.flatten() {
        if old.file_name().to_string_lossy().starts_with(prefix) && keep != Some(old.path().as_path()) {
            let _ = std::fs::remove_dir_all(old.path());
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// Makes a folder of the cache with its parents.
///
/// # Errors
/// [`Kind::Missing`] where it cannot be made.
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
    use crate::triple::Triple;

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
        assert_eq!(dir_with("linux", &[]).unwrap_err().kind, crate::error::Kind::Missing);
        assert_eq!(
            dir_with("linux", &[("XTASK_CACHE_DIR", "rel")]).unwrap_err().kind,
            crate::error::Kind::Usage
        );
    }

    #[test]
    fn leftovers_go_and_the_place_is_filled_in_one_step() {
        let root = std::env::temp_dir().join(format!("xtask-cache-test-{}", std::process::id()));
        let place = root.join("thing");
        let left = root.join(".thing.999999999");
        create_dir(&left).unwrap();
        create_dir(&place).unwrap();
        std::fs::write(place.join("broken"), "").unwrap();
        let staging = Staging::new(&place).unwrap();
        assert!(!left.exists());
        std::fs::write(staging.path().join("good"), "").unwrap();
        staging.publish("", &place).unwrap();
        drop(Staging::new(&place).unwrap());
        let mut names: Vec<_> = std::fs::read_dir(&root)
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!((names, place.join("good").exists()), (vec!["thing".to_owned()], true));
        assert!(!place.join("broken").exists());
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_second_taker_of_a_lock_waits() {
        let path = std::env::temp_dir().join(format!("xtask-lock-test-{}", std::process::id()));
        let first = Lock::take(&path, || panic!("nobody holds it")).unwrap();
        let (tx, rx) = std::sync::mpsc::channel();
        let other = std::thread::spawn({
            let path = path.clone();
            move || Lock::take(&path, || tx.send(()).unwrap()).map(|_| ())
        });
        rx.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        assert!(!other.is_finished());
        drop(first);
        other.join().unwrap().unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
