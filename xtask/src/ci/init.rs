//! The files of a pipeline that makes releases with the commands of this program: what is written for a workspace, and
//! whether a file that is there may be replaced. Pure, except for [`CiFile::state`].

mod github;
mod gitlab;

use std::path::Path;

pub use github::RELEASE as RELEASE_WORKFLOW;

use crate::cli::CiHost;
use xtask_base::Base;
use xtask_config::workspace::Workspace;
use xtask_config::{Config, KeySource, SigningSource};
use xtask_files::error::{Error, Result};
use xtask_process::exec::quoted;

/// What the files depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiFacts {
    /// Whether the release has images.
    images: bool,
    /// Whether an image is on a base that is locked.
    locks: bool,
    /// The registry that `to` of `[publish]` names, or none if it names none.
    registry: Option<String>,
    /// The variable with the private key, if `sign` of `[publish]` names one.
    key: Option<String>,
    /// Whether cosign signs.
    cosign: bool,
    /// The command that installs this program, or none if it is a member of the workspace.
    install: Option<String>,
    /// The shards of the release.
    shards: Vec<String>,
}

/// A file of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiFile {
    /// Its path below the root of the workspace, with `/`.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// What is at the path of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CiFileState {
    /// Nothing.
    Absent,
    /// The same text.
    Same,
    /// A text that this program wrote, for another state of the workspace. The number is that of the first line that differs.
    Outdated(usize),
    /// A text that somebody wrote or changed. The number is that of the first line that differs.
    Changed(usize),
}

impl CiHost {
    /// Returns its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            CiHost::GitHub => "github",
            CiHost::GitLab => "gitlab",
        }
    }

    /// Returns the files of a pipeline.
    pub fn files(self, facts: &CiFacts) -> Vec<CiFile> {
        let texts = match self {
            CiHost::GitHub => github::files(facts),
            CiHost::GitLab => gitlab::files(facts),
        };
        let whole = |(path, text): (&'static str, String)| CiFile { path, text: headed(self, &text) };
        texts.into_iter().map(whole).collect()
    }
}

impl CiFacts {
    /// Reads what the files depend on. `install` is the command that installs this program on a runner.
    ///
    /// # Errors
    /// The program is neither a member of the workspace nor installed by a command, or the command cannot stand in a file.
    pub fn new(
        config: &Config,
        workspace: &Workspace,
        install: Option<&str>,
        shards: Vec<String>,
    ) -> Result<Self> {
        let member = workspace.packages.iter().any(|package| package.bins.iter().any(|bin| bin == PROGRAM));
        let install = match (install, member) {
            (None, false) => {
                return Err(Error::usage("the workspace does not contain cargo xtask, which runners need")
                    .help("name the command that installs it: --install 'cargo install --locked …'"));
            }
            (Some(line), _)
                if line.trim().is_empty() || line.contains(['\n', '\r', '\t']) || line.contains("${{") =>
            {
                return Err(Error::usage("--install is not a command on one line"));
            }
            (install, _) => install.map(|line| line.trim().to_owned()),
        };
        let to = config.publish.to.as_ref().map(|to| to.of("image")).transpose()?;
        Ok(Self {
            images: !config.images.is_empty(),
            locks: config.images.iter().any(|image| image.base != Base::Scratch),
            registry: to.map(|to| to.registry().to_string()),
            key: match &config.publish.sign {
                Some(SigningSource::Pem(KeySource::Variable(name))) => Some(name.clone()),
                _ => None,
            },
            cosign: matches!(config.publish.sign, Some(SigningSource::Service(_) | SigningSource::Keyless)),
            install,
            shards,
        })
    }

    /// Returns the command that holds the files of a service against the workspace.
    fn check(&self, host: CiHost) -> String {
        let install = self.install.as_ref().map(|line| format!(" --install {}", quoted(line)));
        format!("cargo xtask ci init {} --check{}", host.word(), install.unwrap_or_default())
    }

    /// Returns the word of a shell for this program's file, after `cargo xtask` was called.
    fn program(&self) -> String {
        match self.install {
            None => format!("target/debug/{PROGRAM}"),
            Some(_) => format!("\"$(command -v {PROGRAM})\""),
        }
    }
}

/// The name of this program's binary.
pub(super) const PROGRAM: &str = "cargo-xtask";

/// The name of the step after which `cargo xtask` can be called in a workspace that does not contain it.
pub(super) const INSTALL_STEP: &str = "Install cargo xtask";

/// The number of digits of the digest in the first line.
const DIGITS: usize = 16;

/// Puts the first lines before a text. They say who wrote the file, and a digest of the rest shows whether it was changed.
fn headed(host: CiHost, text: &str) -> String {
    let host = host.word();
    let digest = digest(text);
    format!(
        "# Written by `cargo xtask ci init {host}`, and not replaced if it was changed since: {digest}\n{text}"
    )
}

fn digest(text: &str) -> String {
    let mut digits = xtask_files::sha256_hex(text.as_bytes());
    digits.truncate(DIGITS);
    digits
}

/// Whether a text is as [`headed`] returned it.
fn is_as_written(text: &str) -> bool {
    let parts = text.split_once('\n').and_then(|(first, rest)| Some((first.rsplit_once(": ")?.1, rest)));
    text.starts_with("# Written by `cargo xtask ci init ")
        && parts.is_some_and(|(hex, rest)| hex == digest(rest))
}

impl CiFile {
    /// Compares the file with what is below the root of the workspace.
    ///
    /// # Errors
    /// Something is there that cannot be read.
    pub fn state(&self, root: &Path) -> Result<CiFileState> {
        let path = root.join(self.path);
        let text = match xtask_files::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(CiFileState::Absent),
            Err(e) => return Err(Error::io("cannot read", &path, &e)),
        };
        if text == self.text {
            return Ok(CiFileState::Same);
        }
        // A change of the first line alone, which has the digest, is not more interesting than the change behind it.
        let differs = self.text.lines().zip(text.lines()).skip(1).position(|(own, other)| own != other);
        let line = differs.map_or(self.text.lines().count().min(text.lines().count()) + 1, |at| at + 2);
        // Git may have converted the ends of lines.
        match is_as_written(&text.replace("\r\n", "\n")) {
            true => Ok(CiFileState::Outdated(line)),
            false => Ok(CiFileState::Changed(line)),
        }
    }
}
