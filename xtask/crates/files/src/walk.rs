//! What is below a folder.

use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Returns everything below a folder that is not a folder itself, ordered by path: the path relative to `root`, and what is
/// there. A link is not followed, so it is one of these. A folder of which `enters` says no is left out; it gets the whole path.
///
/// # Errors
/// A folder cannot be read.
pub fn below(root: &Path, enters: impl Fn(&Path) -> bool) -> Result<Vec<(PathBuf, FileType)>> {
    let (mut found, mut todo) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = todo.pop() {
        let unreadable = |e| Error::io("cannot read", &folder, &e);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
            if !kind.is_dir() {
                found.extend(path.strip_prefix(root).map(|path| (path.to_owned(), kind)));
            } else if enters(&path) {
                todo.push(path);
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in ["b/x", "a", "out/y"] {
            crate::write(&root.join(name), b"").unwrap();
        }
        std::os::unix::fs::symlink("b", root.join("link")).unwrap();
        std::os::unix::fs::symlink("..", root.join("b/up")).unwrap();
        let found = below(root, |folder| folder != root.join("out")).unwrap();
        let names: Vec<_> =
            found.iter().map(|(path, kind)| (path.to_str().unwrap(), kind.is_symlink())).collect();
        assert_eq!(names, [("a", false), ("b/up", true), ("b/x", false), ("link", true)]);
        assert!(below(&root.join("none"), |_| true).unwrap_err().what.starts_with("cannot read "));
    }
}
