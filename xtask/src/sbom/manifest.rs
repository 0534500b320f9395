//! Reads the description of a package from its Cargo.toml, including the keys inherited from its workspace.
//! `cargo metadata` is not used. It needs every package of the lock file, even those of other programs and
//! targets, and downloads the missing ones.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The keys of a manifest that bills use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CargoManifest {
    /// The value of the manifest's key `license`.
    pub license: Option<String>,
    /// The name of the file in the manifest's key `license-file`.
    pub license_file: Option<String>,
    /// The key `description`, in one line.
    pub description: Option<String>,
    /// The value of the manifest's key `repository`.
    pub repository: Option<String>,
    /// Whether a registry may contain it: `publish` is neither false nor an empty list.
    pub published: bool,
}

/// Reads the manifest of the package `name`, which has a crate with the root source file `src_path`. Returns
/// none if no folder above that file has such a manifest.
pub fn read(name: &str, src_path: &Path) -> Option<CargoManifest> {
    locate(name, src_path).map(|(_, manifest)| manifest)
}

/// Works as [`read`], and also returns the folder of the package.
pub fn locate(name: &str, src_path: &Path) -> Option<(PathBuf, CargoManifest)> {
    src_path.ancestors().skip(1).find_map(|folder| {
        let manifest = table(folder)?;
        let package = manifest.get("package").or_else(|| manifest.get("project"))?.as_table()?;
        let found = || (folder.to_owned(), of(package, &|| workspace(folder)));
        (package.get("name")?.as_str()? == name).then(found)
    })
}

fn table(folder: &Path) -> Option<Table> {
    toml::from_str(&std::fs::read_to_string(folder.join("Cargo.toml")).ok()?).ok()
}

/// Returns `[workspace.package]` of the workspace that contains a folder.
fn workspace(folder: &Path) -> Option<Table> {
    folder.ancestors().find_map(|folder| table(folder)?.get("workspace")?.get("package")?.as_table().cloned())
}

fn of(package: &Table, workspace: &dyn Fn() -> Option<Table>) -> CargoManifest {
    let value = |key: &str| {
        let value = package.get(key)?;
        match value.get("workspace").and_then(Value::as_bool) {
            Some(true) => workspace()?.get(key).cloned(),
            _ => Some(value.clone()),
        }
    };
    let text = |key: &str| Some(value(key)?.as_str()?.to_owned()).filter(|text| !text.trim().is_empty());
    let unpublished = match value("publish") {
        Some(Value::Boolean(publish)) => !publish,
        Some(Value::Array(registries)) => registries.is_empty(),
        _ => false,
    };
    let file_name = |path: String| path.rsplit(['/', '\\']).next().map(str::to_owned);
    CargoManifest {
        license: text("license"),
        license_file: text("license-file").and_then(file_name),
        description: text("description").map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
        repository: text("repository"),
        published: !unpublished,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inherited_and_what_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"a\"]\n[workspace.package]\nlicense = \"MIT\"\npublish = false\n",
        );
        write(
            "a/Cargo.toml",
            "[package]\nname = \"a\"\nversion = \"1.0.0\"\nlicense.workspace = true\npublish.workspace = true\n\
             description = \"\"\"\none\n  two\"\"\"\n",
        );
        let a = read("a", &dir.path().join("a/src/lib.rs")).unwrap();
        let expected = CargoManifest {
            license: Some("MIT".into()),
            description: Some("one two".into()),
            ..CargoManifest::default()
        };
        assert_eq!(a, expected);
        // A package in the folder of another one, and a name that no parent folder has.
        write(
            "a/b/Cargo.toml",
            "[package]\nname = \"b\"\nlicense-file = \"../COPYING\"\nrepository = \"r\"\n",
        );
        let b = read("b", &dir.path().join("a/b/lib.rs")).unwrap();
        assert_eq!(
            (b.license_file.as_deref(), b.repository.as_deref(), b.published),
            (Some("COPYING"), Some("r"), true)
        );
        assert_eq!(read("a", &dir.path().join("a/b/lib.rs")), Some(a));
        assert_eq!(read("c", &dir.path().join("a/b/lib.rs")), None);
        write("a/b/Cargo.toml", "no manifest");
        assert_eq!(read("b", &dir.path().join("a/b/lib.rs")), None);
    }
}
