//! Finds the profiles that a manifest defines. `cargo metadata` does not report them.

use std::collections::BTreeSet;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use xtask_files::error::{Error, Result};

/// The profiles that exist in every workspace: <https://doc.rust-lang.org/cargo/reference/profiles.html>.
const BUILT_IN: [&str; 4] = ["dev", "release", "test", "bench"];

/// Returns the profiles of the workspace at `root`: the built-in ones, and those of `[profile.X]` in its
/// manifest.
pub(super) fn of(root: &Path) -> Result<BTreeSet<String>> {
    let mut profiles: BTreeSet<String> = BUILT_IN.map(String::from).into();
    let manifest = root.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(|e| Error::io("cannot read", &manifest, &e))?;
    profiles.extend(named(&text));
    Ok(profiles)
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
}
