//! A folder that is published in one step: it is filled under a temporary name beside its final path, then renamed.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A folder of this process beside its future place, removed when dropped unless it was [`StagedFolder::publish`]ed.
#[derive(Debug)]
pub struct StagedFolder {
    dir: PathBuf,
    published: bool,
}

impl StagedFolder {
    /// Makes an empty folder `.<name of place>.<process id>` beside `place`, and removes the staging folders of processes
    /// that have ended. The caller must hold the lock of `place`, so that no running process uses those folders.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(place: &Path) -> Result<Self> {
        let parent = place.parent().unwrap_or(Path::new("."));
        crate::folder(parent)?;
        let prefix = prefix(place);
        sweep(parent, &prefix, None);
        let dir = parent.join(format!("{prefix}{}", std::process::id()));
        crate::folder(&dir)?;
        Ok(Self { dir, published: false })
    }

    /// The path of the staging folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Renames `part` of the staging folder to the final path. An empty `part` means the folder itself. This is one step
    /// if the final path does not exist; a damaged older folder there is moved away first.
    ///
    /// # Errors
    /// The folder cannot be renamed.
    pub fn publish(mut self, part: &str, place: &Path) -> Result<()> {
        let made = if part.is_empty() { self.dir.clone() } else { self.dir.join(part) };
        if place.exists() {
            let away = self
                .dir
                .with_file_name(format!("{}.old", self.dir.file_name().unwrap_or_default().display()));
            let moved = std::fs::rename(place, &away);
            moved.map_err(|e| Error::io("cannot move away", place, &e))?;
            let _ = std::fs::remove_dir_all(&away);
        }
        std::fs::rename(&made, place).map_err(|e| Error::io("cannot make", place, &e))?;
        self.published = part.is_empty();
        if let Some(parent) = place.parent() {
            sweep(parent, &prefix(place), Some(&self.dir));
        }
        Ok(())
    }
}

/// The prefix of the names of staging folders for `place`.
fn prefix(place: &Path) -> String {
    format!(".{}.", place.file_name().unwrap_or_default().display())
}

/// Removes all staging folders except `keep`. A compiler whose parent was killed may still write into one. A folder that
/// cannot be removed now is removed at the end, or by the next run.
fn sweep(parent: &Path, prefix: &str, keep: Option<&Path>) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for old in entries.flatten() {
        if old.file_name().to_string_lossy().starts_with(prefix) && keep != Some(old.path().as_path()) {
            let _ = std::fs::remove_dir_all(old.path());
        }
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        if !self.published {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_go_and_the_place_is_filled_in_one_step() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        let place = root.join("thing");
        let left = root.join(".thing.999999999");
        std::fs::create_dir_all(&left).unwrap();
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("broken"), "").unwrap();
        let staging = StagedFolder::new(&place).unwrap();
        assert!(!left.exists());
        std::fs::write(staging.path().join("good"), "").unwrap();
        staging.publish("", &place).unwrap();
        drop(StagedFolder::new(&place).unwrap());
        let mut names: Vec<_> = std::fs::read_dir(&root)
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!((names, place.join("good").exists()), (vec!["thing".to_owned()], true));
        assert!(!place.join("broken").exists());
    }
}
