//! Lists the files that a build read, as rustc and build scripts reported them to Cargo. These include files
//! that no dependency names, such as those of `include_str!` and of `rerun-if-changed`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::outside::straight;

/// Returns the files and folders from which a program was made, in the packages that have a path on this
/// machine. Cargo writes them into a file beside the program
/// (<https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files>), each path as it was opened.
/// The list is empty if there is no such file.
pub fn read_for(program: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once(": ")).flat_map(|(_, rest)| words(rest)).collect()
}

/// Returns the inputs of a build that a copy of the workspace in `root` needs beside it. These are the inputs
/// outside of the workspace whose paths begin in it. A path that does not begin in the workspace leads to the
/// same file from everywhere.
pub fn beside(root: &Path, read: impl IntoIterator<Item = PathBuf>) -> BTreeSet<PathBuf> {
    let relative = |path: &PathBuf| {
        let path = root.join(path);
        let place = straight(&path);
        // If a folder on the way is a link, the link in the copy leads to the same folder.
        let real = std::fs::canonicalize(&path).ok()?;
        let direct = std::fs::canonicalize(&place).is_ok_and(|place| place == real);
        // A folder that contains the workspace itself only shows whether something in it has changed.
        (path.starts_with(root) && direct && !root.starts_with(&place)).then_some(place)
    };
    read.into_iter().filter_map(|path| relative(&path)).collect()
}

/// Returns the paths in a makefile rule of Cargo. They are separated by spaces, and `\ ` is a space in a
/// path.
fn words(text: &str) -> Vec<PathBuf> {
    let mut words = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let last = words.len() - 1;
        match c {
            '\\' if chars.peek() == Some(&' ') => words[last].extend(chars.next()),
            ' ' => words.push(String::new()),
            c => words[last].push(c),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_with_their_spaces() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("app.d"), "/t/release/app: /w/a\\ b.rs /w/x.rs\n\n/w/x.rs:\n")
            .unwrap();
        let read = read_for(&dir.path().join("app"));
        assert_eq!(read, ["/w/a b.rs", "/w/x.rs"].map(PathBuf::from));
        assert_eq!(read_for(&dir.path().join("none")), [] as [PathBuf; 0]);
    }

    #[test]
    fn what_lies_beside_is_found_from_the_workspace() {
        let dir = tempfile::tempdir().unwrap();
        let top = std::fs::canonicalize(dir.path()).unwrap();
        let root = top.join("ws");
        for name in ["ws/app/src/main.rs", "README.md", "far/text", "far/app/x"] {
            let path = top.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink("../far/app", root.join("linked")).unwrap();
        let read = [
            "app/src/main.rs",
            "app/../../README.md",
            // The path starts from the target of the link.
            "linked/../text",
            "../far",
            "../gone",
            "..",
            "/etc/passwd",
        ];
        let read = read.map(PathBuf::from).into_iter().chain([top.join("far/text")]);
        let found: Vec<PathBuf> = beside(&root, read).into_iter().collect();
        assert_eq!(found, [top.join("README.md"), top.join("far"), root.join("app/src/main.rs")]);
    }
}
