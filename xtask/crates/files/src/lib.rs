//! Files (written in one step, locked, remembered between runs), the error type, and sizes and durations as readable text.

pub mod dist;
pub mod error;
pub mod escape;
mod lock;
mod memo;
mod stage;
mod staged_folder;
mod stat;
pub mod threads;
mod walk;

use std::fs::{self, File};
use std::io;
use std::path::Path;

use error::{Error, Result};

pub use lock::FileLock;
pub use memo::Memo;
pub use stage::{STAGING_PREFIX, StagedFile, clock, sweep, sweep_killed, write_changed};
pub use staged_folder::StagedFolder;
pub use stat::Stat;
pub use walk::below;

/// Writes `bytes` to a new file beside `path`, then renames it to `path`. A reader sees the old content or the new
/// content, and an interrupted run leaves the old content. Missing parent folders are made.
///
/// # Errors
/// A folder or the file cannot be made, written or renamed. The new file is removed in this case.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    place(path, |staged| fs::write(staged, bytes))
}

/// Works as [`write()`], but `make` makes the new file under the path that it is given.
///
/// There is no `sync`: this protects against interrupted runs, not against power cuts, and every file can be made again.
///
/// # Errors
/// As [`write()`], and the errors of `make`.
pub fn place(path: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<()> {
    let staged = StagedFile::beside(path)?;
    make(staged.path()).map_err(|e| Error::io("cannot write", path, &e))?;
    staged.put(path)
}

/// Makes a folder with its parents.
///
/// # Errors
/// It cannot be made. The error names the file that is in the way.
pub fn folder(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|e| {
        let error = Error::io("cannot make the folder", dir, &e);
        match in_the_way(dir) {
            Some(what) => error.found(what),
            None => error,
        }
    })
}

/// Finds what prevents a folder from being made: the lowest part of its path that exists and is not a folder.
fn in_the_way(dir: &Path) -> Option<String> {
    let there = |part: &&Path| fs::symlink_metadata(part).is_ok();
    let part = dir.ancestors().find(there).filter(|part| !part.is_dir())?;
    let what = match fs::metadata(part) {
        Ok(_) => "is not a folder",
        Err(_) => "is a link that leads nowhere",
    };
    Some(format!("{} {what}", part.display()))
}

/// Reads a file from a place where other programs can write. It refuses a pipe, for example: reading it could block forever.
///
/// # Errors
/// As [`fs::read`], and if it is not a regular file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    regular(path).and_then(|()| fs::read(path))
}

/// Opens a file as [`read`] does, without reading it.
///
/// # Errors
/// As [`read`].
pub fn open(path: &Path) -> io::Result<File> {
    regular(path).and_then(|()| File::open(path))
}

/// Opens a file for locking, and makes it if it does not exist.
///
/// # Errors
/// It cannot be made, or is not a regular file.
pub fn open_lock(path: &Path) -> io::Result<File> {
    match regular(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => File::options().create(true).truncate(false).write(true).open(path),
    }
}

fn regular(path: &Path) -> io::Result<()> {
    let kind = fs::metadata(path)?.file_type();
    match (kind.is_file(), kind.is_dir()) {
        (true, _) => Ok(()),
        (_, true) => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::other("it is not a regular file")),
    }
}

/// The SHA-256 of `bytes` as 64 hexadecimal digits, for names that stand for something longer.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex(&Sha256::digest(bytes))
}

/// A size in bytes as people read it, in powers of 1000: `999 B`, `1.0 kB`, `13.4 MB`, `120 MB`.
pub fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    // 999.5 would be written as 1000.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    // 99.95 would be written as 100.0.
    let decimals = usize::from(value < 99.95);
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// Writes bytes as lower-case hexadecimal digits, two for each byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// A count with its noun, whose plural must be regular: `1 package`, `2 packages`.
pub fn counted(count: u64, name: &str) -> String {
    match count {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

/// A duration in seconds as people read it: `850 µs`, `12.3 ms`, `1.25 s`, `59.9 s`, `2 min 03 s`, `1 h 02 min`.
/// A value that is not a duration (negative, not a number) is shown as `?`.
pub fn human_seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    match seconds {
        s if s < 0.000_999_5 => format!("{:.0} µs", s * 1e6),
        s if s < 0.099_95 => format!("{:.1} ms", s * 1e3),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1e3),
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 59.95 => format!("{s:.1} s"),
        s if s < 3599.5 => {
            let whole = s.round();
            format!("{:.0} min {:02.0} s", (whole / 60.0).floor(), whole % 60.0)
        }
        s => {
            let minutes = (s / 60.0).round();
            format!("{:.0} h {:02.0} min", (minutes / 60.0).floor(), minutes % 60.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_files_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/report.json");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_other_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir_all(path.join("inside")).unwrap();
        let error = write(&path, b"x").unwrap_err();
        assert!(error.what.starts_with("cannot write "), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write(Path::new(""), b"x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_in_the_way_of_a_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| dir.path().join(name));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("/nowhere/x", &link).unwrap();
        for (place, what) in [(&file, "is not a folder"), (&link, "is a link that leads nowhere")] {
            for dir in [place.clone(), place.join("a"), place.join("a/b")] {
                let error = folder(&dir).unwrap_err();
                assert_eq!(error.found, [format!("{} {what}", place.display())], "{error}");
            }
        }
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        folder(&link.join("a/b")).unwrap();
        assert!(dir.path().join("a/b").is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        #[expect(clippy::disallowed_methods, reason = "`exec` lies in a crate above this one")]
        let mkfifo = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(mkfifo.unwrap().success());
        for path in [&pipe, &dir.path().join("socket"), Path::new("/dev/null")] {
            for refused in [read(path).err(), open(path).err(), open_lock(path).err()] {
                assert_eq!(refused.unwrap().to_string(), "it is not a regular file", "{}", path.display());
            }
        }
        drop(made);
        assert_eq!(read(dir.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(open(&dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        open_lock(&dir.path().join("lock")).unwrap().lock().unwrap();
    }

    #[test]
    fn sizes() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (13_440_000, "13.4 MB"),
            (99_960, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(human_size(bytes), text);
        }
    }

    #[test]
    fn counts() {
        let said = [0_u64, 1, 2].map(|n| counted(n, "byte"));
        assert_eq!(said, ["0 bytes", "1 byte", "2 bytes"]);
    }

    #[test]
    fn durations() {
        let cases = [
            (0.0, "0 µs"),
            (0.000_85, "850 µs"),
            (0.0123, "12.3 ms"),
            (0.25, "250 ms"),
            (0.999_6, "1.00 s"),
            (1.25, "1.25 s"),
            (59.94, "59.9 s"),
            (59.96, "1 min 00 s"),
            (119.7, "2 min 00 s"),
            (123.4, "2 min 03 s"),
            (3599.6, "1 h 00 min"),
            (3725.0, "1 h 02 min"),
            (f64::NAN, "?"),
            (-1.0, "?"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_seconds(seconds), text, "{seconds}");
        }
    }
}
