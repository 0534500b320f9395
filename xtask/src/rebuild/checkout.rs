//! Clones a commit of the repository around a workspace into another folder. The clone shares the objects of the original,
//! which is not changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::repository;
use xtask_files::error::{Error, Result};

/// How long git may take to clone and check out the sources.
const LIMIT: Duration = Duration::from_secs(600);

/// Returns the top folder of the checkout around a workspace.
///
/// # Errors
/// git refuses, or there is no checkout.
pub fn top(root: &Path) -> Result<PathBuf> {
    let top = repository::top(root).map_err(|words| Error::failed("git refuses").found(words))?;
    top.ok_or_else(|| {
        Error::usage("the sources of the commit are not here")
            .found(format!("{} is in no git checkout", root.display()))
    })
}

/// Returns the full name of the commit that `revision` names in the checkout around a workspace.
///
/// # Errors
/// There is no checkout, or it has no such commit.
pub fn commit(root: &Path, revision: &str) -> Result<String> {
    let top = top(root)?;
    let wanted = format!("{revision}^{{commit}}");
    let cmd = repository::git().args(["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]);
    let output = cmd.cwd(&top).capture(LIMIT)?;
    Some(output.text()).filter(|name| output.ok() && is_object(name)).ok_or_else(|| {
        Error::usage(format!("this checkout does not have the commit `{revision}`"))
            .help(format!("fetch it: git fetch origin {revision}"))
    })
}

/// Returns whether an answer of git is the full name of one object. For `^HEAD`, git answers with `^` and a name.
fn is_object(answer: &str) -> bool {
    [40, 64].contains(&answer.len()) && answer.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Clones the checkout around a workspace at a commit into the folder `into`. Returns the folder of the workspace in the
/// clone.
///
/// # Errors
/// git fails, or the folder cannot be made.
pub fn clone_at(root: &Path, commit: &str, into: &Path) -> Result<PathBuf> {
    let top = top(root)?;
    let git = |args: &[&str]| {
        let cmd = repository::git().args(["-c", "advice.detachedHead=false"]).args(args).cwd(into);
        let output = cmd.capture(LIMIT)?;
        match output.ok() {
            true => Ok(()),
            false => {
                Err(Error::failed(format!("{} ended with {}", cmd.line(), output.end)).found(output.errors()))
            }
        }
    };
    xtask_files::folder(into)?;
    let from = top.to_string_lossy();
    git(&["clone", "--quiet", "--shared", "--no-checkout", "--", &from, "."])?;
    git(&["checkout", "--quiet", "--detach", commit])?;
    if into.join(".gitmodules").is_file() {
        git(&["submodule", "--quiet", "update", "--init", "--recursive"])?;
    }
    let within = std::fs::canonicalize(root).ok();
    let within = within.as_ref().and_then(|root| root.strip_prefix(&top).ok());
    Ok(within.map_or_else(|| into.to_owned(), |within| into.join(within)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_git_is_one_whole_name() {
        let name = "0123456789abcdef0123456789abcdef01234567";
        assert!(is_object(name) && is_object(&"f".repeat(64)));
        for other in [&format!("^{name}"), &format!("{name}\n{name}"), &name[..39], &"g".repeat(40), ""] {
            assert!(!is_object(other), "{other}");
        }
    }
}
