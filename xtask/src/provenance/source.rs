//! The sources of a release and the files that pin the rest, for SLSA provenance.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;

use crate::rebuild::repository;

/// How long git may take to compare a checkout with its commit.
const LIMIT: Duration = Duration::from_secs(120);

/// What is known of the sources.
#[derive(Debug, Default)]
pub struct SourceState {
    /// The address of the repository, as the manifest says it. That of the checkout may hold a password, and differs
    /// between machines.
    pub repository: Option<String>,
    /// The commit of the checkout; none outside of one.
    pub commit: Option<String>,
    /// Whether the checkout differs from the commit; none where git does not say.
    pub dirty: Option<bool>,
    /// Files by their names below the workspace, with their digests.
    pub files: Vec<(String, Digest)>,
}

impl SourceState {
    /// Looks at a workspace. `output` is the folder that builds write to. `named` is what to look for beside the sources, by
    /// the names that it gets; what is not there is left out.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(
        root: &Path,
        output: &Path,
        repository: Option<&str>,
        named: &[(&str, &Path)],
    ) -> Result<Self> {
        let mut files = Vec::new();
        for (name, path) in named.iter().filter(|(_, path)| path.is_file()) {
            let bytes = xtask_files::read(path).map_err(|e| Error::io("cannot read", path, &e))?;
            files.push(((*name).to_owned(), Digest::of(&bytes)));
        }
        let commit = repository::commit(root).ok().flatten();
        let dirty = commit.as_ref().and_then(|_| dirty(root, output));
        Ok(Self { repository: repository.map(str::to_owned), commit, dirty, files })
    }

    /// The resolved dependencies that it stands for.
    pub fn materials(&self) -> Vec<Value> {
        let mut all = Vec::new();
        if let Some(commit) = &self.commit {
            let mut source = json!({"name": "source", "digest": {"gitCommit": commit}, "annotations": {"dirty": self.dirty}});
            if let Some(repository) = &self.repository {
                source["uri"] = json!(format!("git+{repository}"));
            }
            all.push(source);
        }
        all.extend(
            self.files.iter().map(|(name, digest)| json!({"name": name, "digest": {"sha256": digest.hex()}})),
        );
        all
    }
}

/// Whether files of a checkout differ from its commit, or are not in it. What builds write does not count.
fn dirty(root: &Path, output: &Path) -> Option<bool> {
    // Without locks of its index, which another git may hold, and whatever the user's settings hide.
    let status = ["--no-optional-locks", "status", "--porcelain", "--untracked-files=normal", "--", "."];
    let mut git = repository::git().args(status).cwd(root);
    if let Ok(below) = output.strip_prefix(root) {
        git = git.arg(format!(":(exclude){}", below.display()));
    }
    let said = git.capture_whole(LIMIT).ok().filter(xtask_process::exec::Output::ok)?;
    Some(!said.stdout.is_empty())
}
