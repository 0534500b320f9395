//! Outputs of one toolchain kept apart from those of another. Cargo leaves rustflags out of the names of its folders
//! where a path is remapped, so two toolchains would share `OUT_DIR`s: what CMake or a build script left there of the one
//! would be found by the other, and each change would build everything anew. A target's folder therefore belongs to one
//! toolchain; the one before it stands aside and comes back when its toolchain does.

use std::path::Path;

use xtask_files::error::{Error, Result};

/// Names the toolchain that a target's folder belongs to.
const OWNER: &str = ".toolchain";

/// Makes `<build_dir>/<triple>` the folder of the toolchain `id`: as it is, from aside, or new. One folder is kept aside
/// for each target. To be called while nobody else builds there.
///
/// # Errors
/// Where a folder cannot be moved or made.
pub fn make_room(build_dir: &Path, triple: &str, id: &str) -> Result<()> {
    let place = build_dir.join(triple);
    let io = |e: std::io::Error| Error::io("cannot move aside the build of another toolchain in", &place, &e);
    let owner = |dir: &Path| std::fs::read_to_string(dir.join(OWNER)).ok();
    if owner(&place).as_deref() != Some(id) {
        let room = build_dir.join(".aside");
        let (aside, leaving) = (room.join(triple), room.join(format!("{triple}.leaving")));
        std::fs::create_dir_all(&room).map_err(io)?;
        // Of a run that was killed here.
        remove(&leaving).map_err(io)?;
        // Nobody can say whose a folder is that names no owner.
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

    /// What a build by this toolchain finds, and leaves.
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
