//! The user's own rustflags. Cargo takes them from one place only
//! (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>), so ours would make them vanish; they are
//! found here and put in front of ours.

use std::path::{Path, PathBuf};

use crate::trap;
use xtask_process::host::Host;
use xtask_triple::Triple;

/// What the user set for a target, as far as it meets what we set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSettings {
    /// The flags that Cargo would not add to ours by itself: `CARGO_ENCODED_RUSTFLAGS`, else `RUSTFLAGS`, else
    /// `CARGO_TARGET_<T>_RUSTFLAGS`, else, where no `target.*.rustflags` stands in a config file,
    /// `CARGO_BUILD_RUSTFLAGS` and `build.rustflags`.
    pub flags: Vec<String>,
    /// The flags that Cargo adds to ours by itself: lists of `target.<triple>.rustflags` in config files.
    pub listed: Vec<String>,
    /// A config file has `target.<triple>.rustflags` as one string. Cargo joins lists, refuses to join a list to a
    /// string, and replaces a string by a string: so ours must be a string too, and `flags` holds the file's.
    pub as_text: bool,
    /// The user has a runner for the target.
    pub runner: bool,
}

/// Reads what the user set. `target.*.rustflags` of config files that are lists are left out, since Cargo adds them.
pub fn user_settings(target: &Triple, host: &Host, workspace: &Path) -> UserSettings {
    let files: Vec<toml::Table> = config_files(host, workspace).iter().filter_map(|f| read(f)).collect();
    let of_target =
        |file: &toml::Table, key: &str| file.get("target")?.get(target.as_str())?.get(key).cloned();
    let text = match files.iter().find_map(|file| of_target(file, "rustflags")) {
        Some(toml::Value::String(text)) => Some(text),
        _ => None,
    };
    let variable = |key: &str| host.var(&format!("CARGO_TARGET_{}_{key}", target.shouted()));
    let runner = variable("RUNNER").is_some() || files.iter().any(|file| of_target(file, "runner").is_some());
    let as_text = text.is_some();
    let lists =
        files.iter().rev().filter_map(|file| of_target(file, "rustflags")).filter(toml::Value::is_array);
    let listed = lists.flat_map(|list| words_of(Some(&list))).collect();
    UserSettings { flags: flags(target, host, &files, text, variable("RUSTFLAGS")), listed, as_text, runner }
}

fn flags(
    target: &Triple,
    host: &Host,
    files: &[toml::Table],
    text: Option<String>,
    own: Option<&str>,
) -> Vec<String> {
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    if let Some(encoded) = host.var("CARGO_ENCODED_RUSTFLAGS") {
        return encoded.split('\x1f').map(str::to_owned).collect();
    }
    if let Some(flags) = host.var("RUSTFLAGS") {
        return words(flags);
    }
    if own.is_some() || files.iter().any(|file| has_target_flags(file, target)) {
        return text.as_deref().into_iter().chain(own).flat_map(words).collect();
    }
    // Cargo joins the lists of all files and of the variable, the strongest last.
    let variable = host.var("CARGO_BUILD_RUSTFLAGS").map(words).unwrap_or_default();
    files.iter().rev().flat_map(|file| flags_of(file.get("build"))).chain(variable).collect()
}

/// Cargo's config files from the nearest folder up to the root, then `CARGO_HOME`'s: the first wins in Cargo, and its
/// arrays come last when they are joined.
fn config_files(host: &Host, workspace: &Path) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = workspace.ancestors().map(|dir| dir.join(".cargo")).collect();
    dirs.extend(cargo_home(host));
    dirs.dedup();
    let file = |dir: &PathBuf| {
        // Where both are there, Cargo warns and takes the old one.
        let [old, new] = [dir.join("config"), dir.join("config.toml")];
        [old, new].into_iter().find(|f| f.is_file())
    };
    let mut files: Vec<PathBuf> = dirs.iter().filter_map(file).collect();
    files.dedup();
    files
}

/// Variables that name C tools and that a config file of Cargo forces on every build (`[env] CC = { force = true }`),
/// each with its file: they would step round the traps of a pure build.
pub fn forced_tools(host: &Host, workspace: &Path) -> Vec<String> {
    let names_tool = |key: &str| {
        let key = key.strip_prefix("TARGET_").or_else(|| key.strip_prefix("HOST_")).unwrap_or(key);
        key == "PATH" || trap::TOOLS.iter().any(|(variable, _)| key.split('_').next() == Some(variable))
    };
    let forced = |value: &toml::Value| value.get("force").and_then(toml::Value::as_bool) == Some(true);
    let mut found = Vec::new();
    for file in config_files(host, workspace) {
        let Some(table) = read(&file) else { continue };
        let Some(env) = table.get("env").and_then(toml::Value::as_table) else { continue };
        let keys = env.iter().filter(|(key, value)| names_tool(key) && forced(value));
        found.extend(keys.map(|(key, _)| format!("{key} in {}", file.display())));
    }
    found
}

/// `CARGO_HOME`, or where it is when nothing says.
pub fn cargo_home(host: &Host) -> Option<PathBuf> {
    let home = || host.var("HOME").or_else(|| host.var("USERPROFILE")).map(|h| Path::new(h).join(".cargo"));
    host.var("CARGO_HOME").map(PathBuf::from).or_else(home)
}

/// A file that cannot be read or is broken is Cargo's to complain about.
fn read(file: &Path) -> Option<toml::Table> {
    std::fs::read_to_string(file).ok()?.parse().ok()
}

fn has_target_flags(file: &toml::Table, target: &Triple) -> bool {
    let Some(targets) = file.get("target").and_then(toml::Value::as_table) else { return false };
    let applies = |name: &str| name == target.as_str() || name.starts_with("cfg(");
    targets.iter().any(|(name, table)| applies(name) && table.get("rustflags").is_some())
}

fn flags_of(table: Option<&toml::Value>) -> Vec<String> {
    words_of(table.and_then(|t| t.get("rustflags")))
}

fn words_of(flags: Option<&toml::Value>) -> Vec<String> {
    match flags {
        Some(toml::Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(toml::Value::Array(list)) => list.iter().filter_map(|v| v.as_str()).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
