//! Finds the packages that a workspace takes from outside of its own folder. Cargo hashes the absolute path
//! of such a package into the names of everything that it defines. So a program with one differs in every
//! folder.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use toml::{Table, Value};

/// The tables of a manifest with dependencies, in Cargo's new and old spelling.
const KINDS: [&str; 5] =
    ["dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies"];

/// Returns the folders outside of `root` that these manifests and the manifests they lead to name. An
/// unreadable manifest is ignored here, because Cargo reports it.
pub fn outside(root: &Path, manifests: impl IntoIterator<Item = PathBuf>) -> BTreeSet<PathBuf> {
    let mut todo: Vec<PathBuf> = manifests.into_iter().collect();
    let mut seen = BTreeSet::new();
    let mut found = BTreeSet::new();
    while let Some(manifest) = todo.pop() {
        let Some(folder) = manifest.parent().filter(|_| seen.insert(manifest.clone())) else { continue };
        if !folder.starts_with(root) {
            found.insert(folder.to_owned());
        }
        let text = std::fs::read_to_string(&manifest).unwrap_or_default();
        let table: Table = text.parse().unwrap_or_default();
        todo.extend(paths(&table).into_iter().map(|path| straight(&folder.join(path)).join("Cargo.toml")));
    }
    found
}

/// Returns the path that replaces such a folder in programs: `/outside`, followed by its path from the common
/// parent with `root`.
pub fn name_outside(root: &Path, folder: &Path) -> String {
    let common = root.ancestors().find(|above| folder.starts_with(above)).unwrap_or(root);
    let rest = folder.strip_prefix(common).unwrap_or(folder);
    Path::new("/outside").join(rest).display().to_string()
}

/// Returns all `path`s of dependencies, including patched and replaced ones.
fn paths(manifest: &Table) -> Vec<&str> {
    let within = |key: &str| manifest.get(key).and_then(Value::as_table);
    let each = |key: &str| within(key).into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let owners = std::iter::once(manifest).chain(within("workspace")).chain(each("target"));
    let listed = owners.flat_map(|owner| KINDS.iter().filter_map(|kind| owner.get(*kind)?.as_table()));
    let all = listed.chain(each("patch")).chain(within("replace"));
    all.flat_map(Table::values).filter_map(|dependency| dependency.get("path")?.as_str()).collect()
}

/// Returns a path without `.` and `..`. Only its text is considered, as Cargo does it.
pub fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                straight.pop();
            }
            part => straight.push(part),
        }
    }
    straight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_that_can_name_a_folder_is_read() {
        let manifest = r#"
            [package]
            build = "build.rs"
            [lib]
            path = "src/other.rs"
            [dependencies]
            plain = "1"
            a = { path = "../a" }
            [dev-dependencies.b]
            path = "b"
            [target.'cfg(unix)'.build-dependencies]
            c = { path = "c" }
            [workspace.dependencies]
            d = { path = "d" }
            [patch.crates-io]
            e = { path = "e" }
            [replace]
            "f:1.0.0" = { path = "f" }
        "#;
        let mut found: Vec<String> =
            paths(&manifest.parse().unwrap()).into_iter().map(str::to_owned).collect();
        found.sort();
        assert_eq!(found, ["../a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn what_lies_inside_is_read_on_and_what_lies_outside_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("work");
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(root.join(name)).unwrap();
            std::fs::write(root.join(name).join("Cargo.toml"), text).unwrap();
        };
        write("app", "[dependencies]\ninner = { path = \"../inner\" }\n");
        write("inner", "[dependencies]\nout = { path = \"./../../out\" }\napp = { path = \"../app\" }\n");
        write("../out", "[dependencies]\nfar = { path = \"../far\" }\n");
        let found = outside(&root, [root.join("Cargo.toml"), root.join("app/Cargo.toml")]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [dir.path().join("far"), dir.path().join("out")]);
        assert_eq!(name_outside(&root, &dir.path().join("out")), "/outside/out");
        assert_eq!(name_outside(Path::new("/a/b/c"), Path::new("/a/x/y")), "/outside/x/y");
    }
}
