//! Asks git about the checkout around a workspace. Build scripts ask git for the commit, and read files
//! beside the workspace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask_files::error::ExitKind;
use xtask_process::exec::Cmd;

/// The time limit for git. Listing the files of the largest repositories takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// The checkout that contains a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The top folder of the checkout.
    pub top: PathBuf,
    /// The path of the workspace in it; empty if the workspace is the top folder.
    pub within: PathBuf,
    /// The tracked files outside of the workspace, relative to `top`.
    pub beside: Vec<PathBuf>,
}

/// Asks whether git tracks the manifest of the current folder.
const MANIFEST: &[&str] = &["ls-files", "--error-unmatch", "--", "Cargo.toml"];

/// Asks for the commit.
const HEAD: &[&str] = &["rev-parse", "--verify", "HEAD"];

/// An answer of git. None means that git is not installed, or there is no repository, no such file or no
/// commit. An error is git's message when it refuses, for example because the checkout belongs to another
/// user.
type GitAnswer<T> = Result<Option<T>, String>;

/// Variables that lead git to another repository than that of the current folder. git sets them for its hooks.
const ELSEWHERE: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"];

/// Returns a call of git that asks the repository around its current folder, with messages in English.
pub fn git() -> Cmd {
    let cmd = Cmd::new("git").env("LC_ALL", "C");
    ELSEWHERE.into_iter().fold(cmd, Cmd::env_remove)
}

/// Returns the commit that build scripts of a workspace would find, or none if git does not track its
/// manifest. A checkout that contains the workspace only by chance is not considered.
///
/// # Errors
/// The message of git, if it refuses.
pub fn commit(root: &Path) -> GitAnswer<String> {
    match line(root, MANIFEST)? {
        Some(_) => line(root, HEAD),
        None => Ok(None),
    }
}

/// Returns the top folder of the checkout that tracks the workspace's manifest, or none.
///
/// # Errors
/// The message of git, if it refuses.
pub fn top(root: &Path) -> GitAnswer<PathBuf> {
    match line(root, MANIFEST)? {
        Some(_) => Ok(line(root, &["rev-parse", "--show-toplevel"])?.map(PathBuf::from)),
        None => Ok(None),
    }
}

/// Returns the checkout around a workspace, or none if there is no checkout or it has no commit.
///
/// # Errors
/// The message of git, if it refuses.
pub fn around(root: &Path) -> GitAnswer<Repository> {
    let Some(top) = top(root)? else { return Ok(None) };
    if line(root, HEAD)?.is_none() {
        return Ok(None);
    }
    let inside = std::fs::canonicalize(root).ok();
    let Some(within) = inside.and_then(|root| Some(root.strip_prefix(&top).ok()?.to_owned())) else {
        return Ok(None);
    };
    let mut beside = Vec::new();
    if !within.as_os_str().is_empty() {
        beside = tracked(&top)?.into_iter().filter(|name| !name.starts_with(&within)).collect();
    }
    Ok(Some(Repository { top, within, beside }))
}

/// Returns the tracked files below a folder, relative to it.
///
/// # Errors
/// The message of git, if it refuses.
pub fn tracked(folder: &Path) -> Result<Vec<PathBuf>, String> {
    names(folder, &["ls-files", "-z", "--recurse-submodules"])
}

/// Returns the files below a folder that git tracks or would track, relative to it: not those that it ignores.
///
/// # Errors
/// The message of git, if it refuses.
pub fn listed(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let others = names(folder, &["ls-files", "-z", "--others", "--exclude-standard"])?;
    Ok(tracked(folder)?.into_iter().chain(others).collect())
}

fn names(folder: &Path, args: &[&str]) -> Result<Vec<PathBuf>, String> {
    let listed = ask(folder, args)?.unwrap_or_default();
    let names = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned())).collect())
}

fn line(dir: &Path, args: &[&str]) -> GitAnswer<String> {
    let text = ask(dir, args)?.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    Ok(text.and_then(|text| Some(text.lines().next()?.to_owned())))
}

fn ask(dir: &Path, args: &[&str]) -> GitAnswer<Vec<u8>> {
    // The messages of git for an empty answer. Its exit codes do not distinguish them from refusals.
    const NOTHING: [&str; 3] = ["not a git repository", "did not match any file", "Needed a single revision"];
    let cmd = git().args(args).cwd(dir);
    let output = match cmd.capture_whole(LIMIT) {
        Ok(output) => output,
        Err(error) if error.kind == ExitKind::Missing => return Ok(None),
        Err(error) => return Err(error.what),
    };
    let errors = output.errors();
    match output.ok() {
        true => Ok(Some(output.stdout)),
        false if NOTHING.iter().any(|words| errors.contains(words)) => Ok(None),
        false if errors.is_empty() => Err(format!("{} ended with {}", cmd.line(), output.end)),
        false => Err(errors),
    }
}
