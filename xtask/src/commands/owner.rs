//! Records which workspace owns a target folder. Two workspaces may share one, by `CARGO_TARGET_DIR` or
//! `build.target-dir`. A release of one must not be compared with a release of the other.

use std::path::{Path, PathBuf};

use xtask_files as files;
use xtask_files::error::{Error, Result};
use xtask_process::cache::short_hash;

/// The documents in `target/dist` that later runs read.
const DOCUMENTS: [&str; 3] = ["report.json", "size.json", "timings.json"];

/// Makes the workspace `root` the owner of the target folder with these two folders. The documents of another
/// workspace, with which later runs are compared, are moved aside. The documents of this workspace are moved
/// back. Returns the other workspace if it still exists. The caller holds the lock of the folder.
///
/// # Errors
/// A file cannot be moved or written.
pub(super) fn claim(root: &Path, dist: &Path, work: &Path) -> Result<Option<PathBuf>> {
    let mark = work.join("workspace");
    let here = root.display().to_string();
    let before = std::fs::read_to_string(&mark).ok();
    if before.as_ref() == Some(&here) {
        return Ok(None);
    }
    let aside = |owner: &str| work.join("of").join(short_hash(owner, 16));
    let kept = DOCUMENTS.iter().map(|name| dist.join(name)).chain([work.join("size")]);
    let kept: Vec<PathBuf> = kept.collect();
    if let Some(before) = &before {
        for file in &kept {
            put(file, &aside(before).join(file.file_name().unwrap_or_default()))?;
        }
    }
    for file in kept.iter().filter(|_| before.is_some()) {
        put(&aside(&here).join(file.file_name().unwrap_or_default()), file)?;
    }
    files::write(&mark, here.as_bytes())?;
    Ok(before.map(PathBuf::from).filter(|other| other.join("Cargo.toml").is_file()))
}

/// Moves a file or a folder if it exists, and replaces what is at the new place.
fn put(from: &Path, to: &Path) -> Result<()> {
    if std::fs::symlink_metadata(from).is_err() {
        return Ok(());
    }
    if to.is_dir() {
        std::fs::remove_dir_all(to).map_err(|e| Error::io("cannot remove", to, &e))?;
    }
    files::folder(to.parent().unwrap_or(Path::new("")))?;
    std::fs::rename(from, to).map_err(|e| Error::io("cannot move", from, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_workspace_finds_its_own_documents_again() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["a", "b"] {
            files::write(&at(name).join("Cargo.toml"), b"").unwrap();
        }
        let (dist, work) = (at("target/dist"), at("target/xtask"));
        let claimed = |name: &str| claim(&at(name), &dist, &work).unwrap();
        let read = || std::fs::read_to_string(dist.join("timings.json")).ok();
        assert_eq!(claimed("a"), None);
        files::write(&dist.join("timings.json"), b"a's").unwrap();
        files::write(&work.join("size/before.json"), b"a's").unwrap();
        assert_eq!((claimed("a"), read().as_deref()), (None, Some("a's")));
        assert_eq!((claimed("b"), read()), (Some(at("a")), None));
        assert!(!work.join("size").exists());
        files::write(&dist.join("timings.json"), b"b's").unwrap();
        assert_eq!((claimed("a"), read().as_deref()), (Some(at("b")), Some("a's")));
        assert!(work.join("size/before.json").is_file());
        std::fs::remove_file(at("a/Cargo.toml")).unwrap();
        assert_eq!((claimed("b"), read().as_deref()), (None, Some("b's")), "the other is gone");
    }
}
