//! Reads targets.toml into a valid [`Config`]: from bytes to text (`source`), from text to keys as written
//! (`raw`), and checked against the workspace and rustc's targets (`check`). All errors of the file are
//! reported together, each with its position underlined.

use std::collections::BTreeSet;
use std::path::Path;

use crate::workspace::Workspace;
use xtask_files::error::Result;

pub mod cargo_config;
mod cargo_words;
mod check;
mod check_bin;
mod check_image;
mod check_provider;
mod check_run;
mod check_size;
mod check_target;
mod diag;
mod fault;
mod glibc;
mod key_source;
pub mod keys;
mod publish;
pub mod quote;
mod raw;
mod signing_source;
mod snippet;
mod source;
pub mod suggest;
mod syntax;
mod types;
pub mod values;
mod walk;
pub mod workspace;

pub use cargo_metadata::semver::Version;
pub use glibc::GlibcVersion;
pub use key_source::KeySource;
pub use publish::{RepositoryTemplate, TagTemplate, TagValues};
pub use signing_source::{KmsKey, SigningSource};
pub use types::{
    App, Compression, Config, HealthCheck, Id, Image, ImageRun, ImageSmoke, ImageTarget, Mode, ModeChoice,
    Need, OnFallback, PublishSection, Target, TestNeed, TestSection, User,
};
pub use xtask_compilers::toolchain::CcChoice;

/// The default name of the file, without `--config`.
pub const FILE_NAME: &str = "targets.toml";

impl Config {
    /// Reads and checks `file`. `known_triples` is the output of `rustc --print target-list`. Errors name
    /// `file` as given here, and relative paths in it refer to its folder.
    ///
    /// # Errors
    /// [`ExitKind::Usage`](xtask_files::error::ExitKind::Usage), with all errors of the file.
    pub fn load(file: &Path, workspace: &Workspace, known_triples: &BTreeSet<String>) -> Result<Self> {
        Self::parse(source::SourceFile::read(file)?, file, workspace, known_triples)
    }

    /// Works as [`Config::load`], but reads bytes. The file need not exist.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_bytes(
        bytes: &[u8],
        file: &Path,
        workspace: &Workspace,
        known_triples: &BTreeSet<String>,
    ) -> Result<Self> {
        Self::parse(source::SourceFile::from_bytes(bytes, file)?, file, workspace, known_triples)
    }

    fn parse(
        source: source::SourceFile,
        file: &Path,
        workspace: &Workspace,
        known_triples: &BTreeSet<String>,
    ) -> Result<Self> {
        let (raw, mut diags) = raw::read(&source)?;
        let config = check::config(&raw, &source, file, workspace, known_triples, &mut diags);
        diags.finish(&source, config)
    }
}
