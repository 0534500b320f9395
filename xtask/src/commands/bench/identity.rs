//! What the samples of a run depend on, as digests: whether an interrupted run can go on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::cargo::builder::Builder;
use crate::cargo::cohort::cohorts;
use crate::cargo::inherited::is_removed;
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

/// Returns a digest of the toolchains and settings with which jobs are built: also of Cargo's configuration files, and of
/// variables of the environment that change what compilers do.
pub(super) fn tools(jobs: &[&Job], builder: &Builder) -> String {
    let print = cohorts(jobs.iter().copied()).into_iter().flat_map(|cohort| {
        let cmd = invocation(&cohort, &builder.what(), Path::new("build"), None, &builder.site);
        let ids = cohort.jobs.iter().filter_map(|job| job.toolchain.as_ref());
        let ids: Vec<String> = ids.map(|toolchain| toolchain.id.to_string()).collect();
        // Which variables a call removes depends on those that are there, and not on what is built.
        let env: Vec<_> = cmd.env.iter().filter(|(_, value)| value.is_some()).collect();
        [format!("{:?} {env:?}", cmd.args), cohort.key.rustc_identity.clone(), ids.join(" ")]
    });
    let print = print.fold(Fingerprint::new("tools of a bench 2"), Fingerprint::with);
    let print = print.with(builder.site.configuration.digest());
    builder.site.host.vars().filter(|(name, _)| counts(&name.to_string_lossy())).fold(print, with).short()
}

fn with(print: Fingerprint, (name, value): (&OsStr, &OsStr)) -> Fingerprint {
    print.with(name.as_encoded_bytes()).with(value.as_encoded_bytes())
}

/// Returns whether a variable of the environment changes what is built. Those of the cargo that started this program are
/// not inherited, and a jobserver is another one each time.
fn counts(name: &str) -> bool {
    let flags = name.contains("FLAGS") && !name.contains("MAKEFLAGS");
    let cargo = name.starts_with("CARGO_") && !name.contains("MAKEFLAGS") && !name.starts_with("CARGO_TERM_");
    flags || (cargo && !is_removed(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_change_what_is_built_count() {
        let flags = ["RUSTFLAGS", "CFLAGS", "CXXFLAGS_x86_64_unknown_linux_musl", "TARGET_CFLAGS", "LDFLAGS"];
        for name in flags.into_iter().chain(["CARGO_PROFILE_RELEASE_LTO", "CARGO_INCREMENTAL"]) {
            assert!(counts(name), "{name}");
        }
        for name in [
            "HOME",
            "CARGO",
            "CARGO_PKG_VERSION",
            "CARGO_MANIFEST_DIR",
            "CARGO_MAKEFLAGS",
            "CARGO_TERM_COLOR",
        ] {
            assert!(!counts(name), "{name}");
        }
    }

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
