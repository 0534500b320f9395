//! Finds the licence texts in the folder of a package.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders in which the texts of a package may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// The outermost folder that is searched. A link to a file outside of it could put any file of this
    /// machine into the release.
    pub(super) top: PathBuf,
    /// Whether folders inside the package's are searched too, since they may hold C sources with their own
    /// licence.
    pub(super) deep: bool,
}

/// How many levels of folders are searched for the texts of a bundled library.
const DEPTH: usize = 3;

/// The maximum size of a licence text, in bytes.
const LONGEST: u64 = 1 << 20;

/// Prefixes of the names of licence texts, in upper case.
const STEMS: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// The folder of the texts in the REUSE specification.
const REUSE: &str = "LICENSES";

/// Endings of files whose names contain such a word, but that are not licence texts.
const OTHER: [&str; 12] =
    [".RS", ".C", ".H", ".CC", ".CPP", ".PY", ".SH", ".JSON", ".TOML", ".HTML", ".YML", ".TPL"];

/// Returns the texts of the package in `folder`, in the order of their paths. `named` is the file that its
/// manifest names. A package without texts gets those of the nearest parent folder with some, which is its
/// repository.
pub(super) fn texts(folder: &Path, reach: Reach, named: Option<&str>) -> Vec<String> {
    let top = fs::canonicalize(&reach.top).unwrap_or(reach.top);
    let mut files = BTreeSet::new();
    find(folder, if reach.deep { DEPTH } else { 1 }, named, &mut files);
    let above = folder
        .ancestors()
        .skip(1)
        .take_while(|above| fs::canonicalize(above).is_ok_and(|above| above.starts_with(&top)));
    for above in above {
        if !files.is_empty() {
            break;
        }
        find(above, 1, named, &mut files);
    }
    let inside = |file: &PathBuf| fs::canonicalize(file).is_ok_and(|real| real.starts_with(&top));
    files.iter().filter(|file| inside(file)).filter_map(|file| read(file)).collect()
}

/// Adds the texts in a folder and in its subfolders, down to `depth` levels.
fn find(folder: &Path, depth: usize, named: Option<&str>, files: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            // A folder with a manifest is another package.
            if name == REUSE {
                let all = fs::read_dir(&path).into_iter().flatten().flatten();
                files.extend(all.map(|entry| entry.path()).filter(|path| path.is_file()));
            } else if depth > 1
                && !name.starts_with('.')
                && !path.is_symlink()
                && !path.join("Cargo.toml").exists()
            {
                find(&path, depth - 1, named, files);
            }
        } else if is_text(&name) || named == Some(name.as_str()) {
            files.insert(path);
        }
    }
}

fn is_text(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let rest = STEMS.iter().find_map(|stem| name.strip_prefix(stem));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
        && !OTHER.iter().any(|ending| name.ends_with(ending))
}

/// Reads a text. Line ends and trailing white space, which differ from copy to copy, are normalised.
fn read(file: &Path) -> Option<String> {
    if fs::metadata(file).ok()?.len() > LONGEST {
        return None;
    }
    let text = String::from_utf8_lossy(&fs::read(file).ok()?).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let text = lines.join("\n").trim_matches('\n').trim_start_matches('\u{feff}').to_owned();
    Some(text).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_where_packages_have_them() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("repo");
        let write = |name: &str, text: &str| xtask_test_support::folder::write(top.join(name), text);
        write("LICENSE-MIT", "of the repository");
        write("a/Cargo.toml", "");
        write("a/LICENSE", "one\r\ntwo \r\n\r\n");
        write("a/license.rs", "code");
        write("a/c/zip/COPYING.txt", "of the C");
        write("a/inner/Cargo.toml", "");
        write("a/inner/LICENSE", "of another package");
        write("a/LICENSES/ISC.txt", "by REUSE");
        write("b/Cargo.toml", "");
        write("c/Cargo.toml", "");
        write("c/terms", "the terms");
        let found = |name: &str, deep, named| texts(&top.join(name), Reach { top: top.clone(), deep }, named);
        assert_eq!(found("a", true, None), ["one\ntwo", "by REUSE", "of the C"]);
        assert_eq!(found("a", false, None), ["one\ntwo", "by REUSE"]);
        assert_eq!(found("b", false, None), ["of the repository"]);
        assert_eq!(found("c", false, Some("terms")), ["the terms"]);
        let alone = |name: &str| texts(&top.join(name), Reach { top: top.join(name), deep: true }, None);
        assert_eq!(alone("b"), [] as [String; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_brings_no_file_of_this_machine() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str| xtask_test_support::folder::write(dir.path().join(name), "text");
        write("secret");
        write("repo/LICENSE");
        write("repo/a/Cargo.toml");
        std::os::unix::fs::symlink("../../secret", dir.path().join("repo/a/COPYING")).unwrap();
        std::os::unix::fs::symlink("../LICENSE", dir.path().join("repo/a/LICENSE")).unwrap();
        let reach = Reach { top: dir.path().join("repo"), deep: false };
        assert_eq!(texts(&dir.path().join("repo/a"), reach, None), ["text"]);
    }
}
