//! What git knows around a workspace: build scripts ask it for the commit, and read files that lie beside the workspace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask_files::error::ExitKind;
use xtask_process::exec::Cmd;

/// Listing the files of the largest repositories takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// The checkout that a workspace is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The top folder of the checkout.
    pub top: PathBuf,
    /// The workspace's folder in it; empty where they are one.
    pub within: PathBuf,
    /// The files outside of the workspace that git has, from `top`.
    pub beside: Vec<PathBuf>,
}

/// Asks whether git has the manifest of the folder that it is asked in.
const MANIFEST: &[&str] = &["ls-files", "--error-unmatch", "--", "Cargo.toml"];

/// Asks for the commit.
const HEAD: &[&str] = &["rev-parse", "--verify", "HEAD"];

/// What git answers; none where it has nothing to say: it is not here, there is no repository, no such file or no commit.
/// An error is its refusal, in its own words, such as of a checkout that belongs to somebody else.
type GitAnswer<T> = Result<Option<T>, String>;

/// The commit that build scripts of a workspace would find; none where git does not have its manifest. A checkout that a
/// workspace only happens to lie in is not its own.
///
/// # Errors
/// Git's words where it refuses.
pub fn commit(root: &Path) -> GitAnswer<String> {
    match line(root, MANIFEST)? {
        Some(_) => line(root, HEAD),
        None => Ok(None),
    }
}

/// The folder of the checkout that has the workspace's manifest; none where no checkout has it.
///
/// # Errors
/// Git's words where it refuses.
pub fn top(root: &Path) -> GitAnswer<PathBuf> {
    match line(root, MANIFEST)? {
        Some(_) => Ok(line(root, &["rev-parse", "--show-toplevel"])?.map(PathBuf::from)),
        None => Ok(None),
    }
}

/// The checkout around a workspace; none where it is in none, or in one without a commit.
///
/// # Errors
/// Git's words where it refuses.
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

/// The files below a folder that git has, from there.
///
/// # Errors
/// Git's words where it refuses.
pub fn tracked(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let listed = ask(folder, &["ls-files", "-z", "--recurse-submodules"])?.unwrap_or_default();
    let names = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned())).collect())
}

fn line(dir: &Path, args: &[&str]) -> GitAnswer<String> {
    let text = ask(dir, args)?.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    Ok(text.and_then(|text| Some(text.lines().next()?.to_owned())))
}

fn ask(dir: &Path, args: &[&str]) -> GitAnswer<Vec<u8>> {
    // What it says where it has nothing to say, which its exit codes do not tell apart from refusals.
    const NOTHING: [&str; 3] = ["not a git repository", "did not match any file", "Needed a single revision"];
    let cmd = Cmd::new("git").args(args).cwd(dir).env("LC_ALL", "C");
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
