//! Which commit this source is: from the environment, from the checkout, or from the archive it came in.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Overrides what the checkout says, where there is none or it cannot be read (in a container's build, say).
pub(crate) const VARIABLE: &str = "APP_GIT_COMMIT";

/// What is recorded where nobody knows.
pub(crate) const UNKNOWN: &str = "unknown";

/// A commit, and the files and folders whose change may mean another one. All of them exist: Cargo takes a path that
/// does not for one that changed, and would build again every time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) id: String,
    pub(crate) watch: Vec<PathBuf>,
}

/// Finds the commit of the package in `package`. `given` is what [`VARIABLE`] holds.
///
/// Local changes on top of the commit are not shown: to notice every one, this would have to run on every build.
///
/// # Errors
/// If `given` is nothing that can be passed on as one word.
pub(crate) fn find(package: &Path, given: Option<&str>) -> Result<Commit, String> {
    // `git archive` writes the commit into this file (.gitattributes beside it).
    let archived = package.join("build/archived-commit");
    let mut watch: Vec<_> = archived.is_file().then(|| archived.clone()).into_iter().collect();
    if let Some(id) = given.filter(|id| !id.is_empty()) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        if id.len() > 100 || !id.chars().all(plain) {
            return Err(format!(
                "{VARIABLE} must be letters, digits, and `._+-`, at most 100 of them, not {id:?}"
            ));
        }
        return Ok(Commit { id: id.to_owned(), watch });
    }
    if let Some(commit) = checked_out(package, &mut watch) {
        return Ok(Commit { id: commit, watch });
    }
    let archived = std::fs::read_to_string(archived).ok().and_then(|text| hash(&text));
    Ok(Commit { id: archived.unwrap_or_else(|| UNKNOWN.into()), watch })
}

/// What git says, if this package is in a checkout and not in a folder that happens to lie inside of another one.
fn checked_out(package: &Path, watch: &mut Vec<PathBuf>) -> Option<String> {
    git(package, &["ls-files", "--error-unmatch", "--", "Cargo.toml"])?;
    let folders = git(package, &["rev-parse", "--git-dir", "--git-common-dir"])?;
    // Both are relative to the folder that git ran in, or absolute.
    let mut folders = folders.lines().map(|line| package.join(line));
    let (own, common) = (folders.next()?, folders.next()?);
    watch.extend(moving_parts(&own, &common));
    hash(&git(package, &["rev-parse", "--verify", "HEAD"])?)
}

/// What changes when another commit is checked out: HEAD, and the ref it names, wherever git keeps that now.
fn moving_parts(own: &Path, common: &Path) -> Vec<PathBuf> {
    let head = own.join("HEAD");
    let mut parts = Vec::new();
    let text = std::fs::read_to_string(&head).unwrap_or_default();
    if let Some(name) = text.strip_prefix("ref: ").map(str::trim_end) {
        let loose = common.join(name);
        if loose.is_file() {
            parts.push(loose);
        } else {
            // The ref is packed, or not born yet: it will appear in its folder, or change in the pack.
            parts.extend(loose.ancestors().skip(1).find(|dir| dir.is_dir()).map(Path::to_owned));
            parts.extend([common.join("packed-refs"), common.join("reftable")]);
        }
    }
    parts.push(head);
    parts.retain(|path| path.exists());
    parts
}

fn git(folder: &Path, args: &[&str]) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a build script has no exec.rs to spawn through")]
    let mut command = Command::new("git");
    // A hook of another repository may be what runs Cargo.
    for inherited in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"] {
        command.env_remove(inherited);
    }
    let output = command.current_dir(folder).args(args).stdin(Stdio::null()).output().ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8(text).ok()?.trim_end().to_owned())
}

/// A full hash: SHA-1 or SHA-256.
fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    let hex = text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    (hex && matches!(text.len(), 40 | 64)).then(|| text.to_owned())
}
