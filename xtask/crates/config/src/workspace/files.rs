//! Finds the files with a package's licences.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The prefixes of the names of licence texts, in capitals.
const STEMS: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// Returns the licence texts of a package, sorted: the file that its manifest names, and those in `dir` and
/// at the workspace root. A text at the root is left out if `dir` contains one with the same name. The
/// function does not check whether the named file exists or where links lead; the code that ships the texts
/// does.
pub(super) fn licenses(named: Option<PathBuf>, dir: &Path, root: &Path) -> Vec<PathBuf> {
    let mut files: BTreeSet<PathBuf> = named.into_iter().collect();
    files.extend(texts(dir));
    for file in texts(root) {
        if !files.iter().any(|f| f.file_name() == file.file_name()) {
            files.insert(file);
        }
    }
    files.into_iter().collect()
}

/// Returns the licence texts in a folder. A folder that cannot be read counts as empty.
fn texts(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(|e| Some(e.ok()?.path()));
    paths.filter(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(is_text) && !p.is_dir()).collect()
}

/// Whether a file name is that of a licence text: `LICENSE`, `License.md`, `LICENSE-MIT`. `license.rs` is
/// not, because it is source code.
fn is_text(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let rest = STEMS.iter().find_map(|stem| name.strip_prefix(stem));
    rest.is_some_and(|rest| matches!(rest, "" | ".MD" | ".TXT" | ".RST") || rest.starts_with(['-', '_']))
}

#[cfg(test)]
mod tests {
    use super::is_text;

    #[test]
    fn texts_by_their_names() {
        for name in
            ["LICENSE", "LICENSE-MIT", "license.md", "COPYING", "Unlicense", "NOTICE.txt", "LICENSE_A"]
        {
            assert!(is_text(name), "{name}");
        }
        for name in ["license.rs", "LICENSES", "noticeboard", "README.md", "", "LICENSE.html~"] {
            assert!(!is_text(name), "{name}");
        }
    }
}
