//! Which profiles `cargo build --profile` takes. `cargo metadata` does not say, so the files that define them are read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use xtask_files::error::{Error, Result};

/// <https://doc.rust-lang.org/cargo/reference/profiles.html>: those that exist everywhere.
const BUILT_IN: [&str; 4] = ["dev", "release", "test", "bench"];

/// The profiles of the workspace at `root`: built in, `[profile.X]` of its manifest, and `[profile.X]` of the
/// configuration files that Cargo reads there.
pub(super) fn of(root: &Path) -> Result<BTreeSet<String>> {
    let mut profiles: BTreeSet<String> = BUILT_IN.map(String::from).into();
    let manifest = root.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(|e| Error::io("cannot read", &manifest, &e))?;
    profiles.extend(named(&text));
    for file in configuration(root, cargo_home()) {
        // One that is not there defines nothing; a broken one has already made `cargo metadata` fail.
        profiles.extend(std::fs::read_to_string(file).map(|text| named(&text)).unwrap_or_default());
    }
    Ok(profiles)
}

/// `CARGO_HOME`, or its default.
fn cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// <https://doc.rust-lang.org/cargo/reference/config.html>: `.cargo/config.toml` of the directory and all above it, then
/// the one in `CARGO_HOME`; without the ending for old Cargos.
pub fn configuration(root: &Path, cargo_home: Option<PathBuf>) -> impl Iterator<Item = PathBuf> {
    let dirs = root.ancestors().map(|dir| dir.join(".cargo")).chain(cargo_home).collect::<Vec<_>>();
    dirs.into_iter().flat_map(|dir| [dir.join("config.toml"), dir.join("config")])
}

fn named(text: &str) -> Vec<String> {
    let (document, _) = DeTable::parse_recoverable(text);
    match document.get_ref().get("profile").map(|p| p.get_ref()) {
        Some(DeValue::Table(profiles)) => profiles.keys().map(|name| name.get_ref().to_string()).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_in_every_spelling() {
        let text = "[profile.small]\ninherits='release'\n[profile.release.package.x]\nopt-level=3\n[profile]\nfast.lto=true";
        assert_eq!(named(text), ["fast", "release", "small"]);
        assert!(named("profile = 1").is_empty());
        assert!(named("not toml [").is_empty());
    }

    #[test]
    fn configuration_files_up_to_the_root() {
        let files: Vec<_> = configuration(Path::new("/a/b"), Some("/home/c".into())).collect();
        assert_eq!(files[0], Path::new("/a/b/.cargo/config.toml"));
        assert!(
            files.contains(&"/.cargo/config.toml".into()) && files.contains(&"/home/c/config.toml".into())
        );
    }
}
