//! What the samples of a run depend on, as digests: whether an interrupted run can go on.

use std::path::{Path, PathBuf};

use crate::cargo::builder::Builder;
use crate::cargo::cohort::cohorts;
use crate::cargo::invocation::invocation;
use crate::plan::Job;
use crate::rebuild::repository;
use crate::session::Session;
use xtask_compilers::toolchain::identity::{Fingerprint, digest};

/// Returns a digest of the sources of the workspace and of the packages outside of it that it names: all files that git
/// tracks or would track, or all files where there is no repository.
/// `commit` is that of a revision that is built beside it.
pub(super) fn sources(session: &Session, commit: Option<&str>) -> String {
    let root = &session.workspace.root;
    let folders = std::iter::once(root.clone()).chain(session.outside());
    let spare = &session.workspace.target_directory;
    let print = folders.fold(
        Fingerprint::new("sources of a bench 1").with(commit.unwrap_or_default()),
        |print, folder| {
            files(&folder, spare).into_iter().fold(print, |print, file| {
                let name = file.strip_prefix(&folder).unwrap_or(&file).to_string_lossy().into_owned();
                print.with(name).with(digest(&file).unwrap_or_default())
            })
        },
    );
    print.short()
}

fn files(folder: &Path, spare: &Path) -> Vec<PathBuf> {
    let listed = repository::listed(folder).unwrap_or_default();
    let mut files: Vec<PathBuf> = listed.into_iter().map(|name| folder.join(name)).collect();
    if files.is_empty() {
        let all = xtask_files::below(folder, |inside| inside != spare).unwrap_or_default();
        let all = all.into_iter().filter(|(_, kind)| kind.is_file());
        files.extend(all.map(|(name, _)| folder.join(name)));
    }
    files.retain(|file| !file.starts_with(spare));
    files.sort();
    files
}

/// Returns a digest of the toolchains and settings with which jobs are built.
pub(super) fn tools(jobs: &[&Job], builder: &Builder) -> String {
    let print = cohorts(jobs.iter().copied()).into_iter().flat_map(|cohort| {
        let cmd = invocation(&cohort, &builder.what(), Path::new("build"), None, &builder.site);
        let ids = cohort.jobs.iter().filter_map(|job| job.toolchain.as_ref());
        let ids: Vec<String> = ids.map(|toolchain| toolchain.id.to_string()).collect();
        // Which variables a call removes depends on those that are there, and not on what is built.
        let env: Vec<_> = cmd.env.iter().filter(|(_, value)| value.is_some()).collect();
        [format!("{:?} {env:?}", cmd.args), cohort.key.rustc_identity.clone(), ids.join(" ")]
    });
    print.fold(Fingerprint::new("tools of a bench 1"), Fingerprint::with).short()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_folder_without_git_are_all_but_the_built_ones() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["src/a.rs", "c/b.c", "target/x.o"] {
            xtask_files::write(&dir.path().join(name), b"").unwrap();
        }
        let found = files(dir.path(), &dir.path().join("target"));
        assert_eq!(found, [dir.path().join("c/b.c"), dir.path().join("src/a.rs")]);
    }
}
