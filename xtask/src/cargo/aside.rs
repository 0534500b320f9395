//! Keeps the outputs of one toolchain apart from those of another. If a path is remapped, Cargo leaves
//! rustflags out of the names of its folders, so two toolchains would share `OUT_DIR`s. One toolchain would
//! find what CMake or a build script of the other left there, and each change would rebuild everything. So a
//! target's folder belongs to one toolchain. The folder of the previous toolchain is moved aside, and is
//! moved back when a run uses that toolchain again.

use std::path::Path;

use xtask_files::error::{Error, Result};

/// The file that names the toolchain to which a target's folder belongs.
const OWNER: &str = ".toolchain";

/// Makes `<build_dir>/<triple>` the folder of the toolchain `id`. The folder is used as it is, moved back
/// from `.aside`, or made new. One folder is kept aside for each target. The caller must make sure that no
/// build runs there.
///
/// # Errors
/// A folder cannot be moved or made.
pub fn make_room(build_dir: &Path, triple: &str, id: &str) -> Result<()> {
    let place = build_dir.join(triple);
    let io = |e: std::io::Error| Error::io("cannot move aside the build of another toolchain in", &place, &e);
    let owner = |dir: &Path| std::fs::read_to_string(dir.join(OWNER)).ok();
    if owner(&place).as_deref() != Some(id) {
        let room = build_dir.join(".aside");
        let (aside, leaving) = (room.join(triple), room.join(format!("{triple}.leaving")));
        std::fs::create_dir_all(&room).map_err(io)?;
        // A killed run may have left it.
        remove(&leaving).map_err(io)?;
        // A folder without the name of its toolchain cannot be used by any.
        if owner(&place).is_some() {
            std::fs::rename(&place, &leaving).map_err(io)?;
        } else {
            remove(&place).map_err(io)?;
        }
        if owner(&aside).as_deref() == Some(id) {
            std::fs::rename(&aside, &place).map_err(io)?;
        }
        if leaving.is_dir() {
            remove(&aside).map_err(io)?;
            std::fs::rename(&leaving, &aside).map_err(io)?;
        }
        std::fs::create_dir_all(&place).and_then(|()| std::fs::write(place.join(OWNER), id)).map_err(io)?;
    }
    Ok(())
}

fn remove(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `make_room`, returns who built in the folder before, and records the toolchain `id` there.
    fn build(dir: &Path, id: &str) -> Option<String> {
        make_room(dir, "t", id).unwrap();
        let file = dir.join("t/built-by");
        let found = std::fs::read_to_string(&file).ok();
        std::fs::write(file, id).unwrap();
        found
    }

    #[test]
    fn each_finds_its_own_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let found = ["a", "a", "b", "a", "b", "c", "b", "a"].map(|id| build(dir.path(), id));
        let expected = [None, Some("a"), None, Some("a"), Some("b"), None, Some("b"), None];
        assert_eq!(found.map(|f| f.unwrap_or_default()), expected.map(|e| e.unwrap_or_default().to_owned()));
    }

    #[test]
    fn what_a_killed_run_left_is_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("t/half")).unwrap();
        std::fs::create_dir_all(dir.path().join(".aside/t.leaving/half")).unwrap();
        assert_eq!(build(dir.path(), "a"), None);
        assert!(!dir.path().join("t/half").exists() && !dir.path().join(".aside/t.leaving").exists());
        assert_eq!(build(dir.path(), "a").as_deref(), Some("a"));
    }
}
