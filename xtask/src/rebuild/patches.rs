//! Packages of the workspace that Cargo's configuration patches in. The configuration of a copy is that of the workspace,
//! whose paths lead there: they are set again, to the copy.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::outside::straight;
use super::sources::counterpart;
use crate::cargo::invocation::toml_string;

/// The settings for Cargo's `--config` that lead `[patch]` tables of these configuration files from `root` to `copy`, as far
/// as they name folders in `root`.
pub fn patches(files: impl IntoIterator<Item = PathBuf>, root: &Path, copy: &Path) -> Vec<String> {
    let mut settings = Vec::new();
    for file in files {
        // Relative paths begin in the folder that holds `.cargo`.
        let Some(base) = file.parent().and_then(Path::parent) else { continue };
        let table: Table = std::fs::read_to_string(&file).unwrap_or_default().parse().unwrap_or_default();
        for (source, name, path) in named(&table) {
            let place = straight(&base.join(path));
            if place.starts_with(root) {
                let place = toml_string(&counterpart(&place, root, copy).to_string_lossy());
                let (source, name) = (toml_string(source), toml_string(name));
                settings.push(format!("patch.{source}.{name}.path={place}"));
            }
        }
    }
    settings
}

/// Source, name and path of every patch that is a folder.
fn named(table: &Table) -> Vec<(&str, &str, &str)> {
    let patch = table.get("patch").and_then(Value::as_table);
    let sources = patch.into_iter().flatten().filter_map(|(source, all)| Some((source, all.as_table()?)));
    let all = sources.flat_map(|(source, all)| all.iter().map(move |(name, patch)| (source, name, patch)));
    all.filter_map(|(source, name, patch)| {
        Some((source.as_str(), name.as_str(), patch.get("path")?.as_str()?))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_lead_to_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("ws");
        let file = root.join(".cargo/config.toml");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = "[patch.crates-io]\na = { path = \"vendor/a\" }\nb = { git = \"https://x/y\" }\n\
                    [patch.\"https://x/z\"]\n\"c\" = { path = \"../beside/c\" }\nd = { path = './d' }\n";
        std::fs::write(&file, text).unwrap();
        let found = patches([file, root.join("none/config.toml")], &root, Path::new("/copy"));
        let expected = [
            "patch.\"crates-io\".\"a\".path=\"/copy/vendor/a\"",
            "patch.\"https://x/z\".\"d\".path=\"/copy/d\"",
        ];
        assert_eq!(found, expected);
    }
}
