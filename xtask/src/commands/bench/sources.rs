//! The trees of sources that a run builds: the workspace or a copy of it, and clones at other revisions.

use std::path::{Path, PathBuf};

use super::super::pipeline::PlannedRun;
use super::super::rebuild::{of_copy, spare};
use crate::cargo::builder::Builder;
use crate::cargo::invocation::CargoContext;
use crate::rebuild::{checkout, repository, sources};
use xtask_files::error::{Error, Result};

/// A tree of sources on disk.
#[derive(Debug)]
pub(super) struct SourceTree {
    /// The revision, as the user named it, or none for the workspace as it is.
    pub(super) revision: Option<String>,
    /// The folder of the workspace in a copy; none for the workspace itself, whose files are not changed.
    pub(super) copy: Option<PathBuf>,
    /// The folder for build folders of this tree.
    pub(super) folder: PathBuf,
}

impl SourceTree {
    /// Returns the workspace itself.
    pub(super) fn workspace(folder: &Path) -> Self {
        Self { revision: None, copy: None, folder: folder.join("builds") }
    }

    /// Copies the workspace, so that files of the copy can be touched.
    ///
    /// # Errors
    /// A file cannot be copied.
    pub(super) fn copied(start: &PlannedRun, folder: &Path) -> Result<Self> {
        let site = start.site();
        let into = folder.join("sources");
        if into.exists() {
            std::fs::remove_dir_all(&into).map_err(|e| Error::io("cannot remove", &into, &e))?;
        }
        let around = repository::around(site.root).ok().flatten();
        let inputs: Vec<PathBuf> = start.session.outside().into_iter().collect();
        let spare = spare(start, &site, folder);
        let copy = sources::copy(site.root, around.as_ref(), &inputs, &into, &spare)
            .map_err(|e| Error::io("cannot copy the workspace to", &into, &e))?;
        Ok(Self { copy: Some(copy.root), ..Self::workspace(folder) })
    }

    /// Clones the repository of the workspace at a commit, which the user named `revision`.
    ///
    /// # Errors
    /// git fails.
    pub(super) fn cloned(start: &PlannedRun, folder: &Path, revision: &str, commit: &str) -> Result<Self> {
        let (root, folder) = (&start.session.workspace.root, folder.join("revision"));
        let into = folder.join("sources");
        if into.exists() {
            std::fs::remove_dir_all(&into).map_err(|e| Error::io("cannot remove", &into, &e))?;
        }
        let _task = start.session.ui.task("Cloning", format!("the sources at {revision}"));
        let copy = checkout::clone_at(root, commit, &into)?;
        Ok(Self { revision: Some(revision.to_owned()), copy: Some(copy), folder: folder.join("builds") })
    }

    /// Returns the inputs of all cargo calls for this tree.
    ///
    /// # Errors
    /// Cargo cannot read the manifests of the copy.
    pub(super) fn builder<'a>(
        &'a self,
        start: &'a PlannedRun,
        site: &CargoContext<'a>,
    ) -> Result<Builder<'a>> {
        let Some(root) = &self.copy else { return Ok(start.session.builder(&start.config, site.clone())) };
        let builder = start.session.builder(&start.config, of_copy(site, root)?);
        Ok(Builder { work: self.folder.join("work"), ..builder })
    }
}
