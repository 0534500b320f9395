//! Which files hold a package's licences.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the names of licence texts begin with, in capitals.
const STEMS: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// The licence texts of a package: the file its manifest names, and those in `dir` and at the workspace root. A text at
/// the root gives way to one of the same name in `dir`. Sorted. Whether the named one is there, and where links lead, is
/// for whoever ships them to see and say.
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

/// A directory that cannot be read holds no texts we could ship.
fn texts(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(|e| Some(e.ok()?.path()));
    paths.filter(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(is_text) && !p.is_dir()).collect()
}

/// `LICENSE`, `License.md`, `LICENSE-MIT`; not `license.rs`, which would be code about licences.
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
