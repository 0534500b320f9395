//! What git knows around a workspace: build scripts ask it for the commit, and read files that lie beside the workspace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exec::{Cmd, first_line};

/// Listing the files of the largest repositories takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// The checkout that a workspace is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its folder.
    pub top: PathBuf,
    /// The workspace's folder in it; empty where they are one.
    pub within: PathBuf,
    /// The files outside of the workspace that git has, from `top`.
    pub beside: Vec<PathBuf>,
}

/// The commit that build scripts of a workspace would find; none where git does not have its manifest. A checkout that a
/// workspace only happens to lie in is not its own.
pub fn commit(root: &Path) -> Option<String> {
    first_line(root, "git", &["ls-files", "--error-unmatch", "--", "Cargo.toml"])?;
    first_line(root, "git", &["rev-parse", "--verify", "HEAD"])
}

/// The checkout around a workspace; none where it is in none.
pub fn around(root: &Path) -> Option<Repository> {
    commit(root)?;
    let top = PathBuf::from(first_line(root, "git", &["rev-parse", "--show-toplevel"])?);
    let within = std::fs::canonicalize(root).ok()?.strip_prefix(&top).ok()?.to_owned();
    let mut beside = Vec::new();
    if !within.as_os_str().is_empty() {
        let cmd = Cmd::new("git").args(["ls-files", "-z", "--recurse-submodules"]).cwd(&top);
        let listed = cmd.capture_whole(LIMIT).ok().filter(crate::exec::Output::ok)?;
        let names = listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let names = names.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()));
        beside = names.filter(|name| !name.starts_with(&within)).collect();
    }
    Some(Repository { top, within, beside })
}
