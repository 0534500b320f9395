//! The files of a pipeline that makes releases with the commands of this program: what is written for a workspace, and
//! whether a file that is there may be replaced. Pure, except for [`CiFile::state`].

mod github;
mod gitlab;

use std::path::Path;

use crate::cli::CiHost;
use xtask_base::Base;
use xtask_config::workspace::Workspace;
use xtask_config::{Config, FILE_NAME, KeySource, SigningSource};
use xtask_files::error::{Error, Result};
use xtask_process::exec::quoted;
use xtask_registry::Reference;

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
    /// How a runner gets this program, or none if it is a member of the workspace.
    source: Option<ToolSource>,
    /// What distinguishes the release from that of the workspace's targets.toml, if another file describes it.
    second: Option<FurtherRelease>,
    /// The shards of the release.
    shards: Vec<String>,
}

/// How a runner gets this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolSource {
    /// This command installs it.
    Command(String),
    /// It is the file `/cargo-xtask` of an image, which is named by its digest.
    Image(Reference),
}

/// A release of a workspace beside the one of its targets.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FurtherRelease {
    /// The path of its configuration below the root of the workspace, with `/`.
    config: String,
    /// The name of its program, with which its tags and its workflow begin.
    program: String,
}

/// A file of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiFile {
    /// Its path below the root of the workspace, with `/`.
    pub path: String,
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
        let whole = |(path, text): (String, String)| CiFile { path, text: headed(self, &text) };
        texts.into_iter().map(whole).collect()
    }
}

impl CiFacts {
    /// Reads what the files depend on. `source` says how a runner gets this program.
    ///
    /// # Errors
    /// The program is not a member of the workspace and has no source, or the configuration is not below the root.
    pub fn new(
        config: &Config,
        workspace: &Workspace,
        source: Option<ToolSource>,
        shards: Vec<String>,
    ) -> Result<Self> {
        let member = workspace.packages.iter().any(|package| package.bins.iter().any(|bin| bin == PROGRAM));
        if source.is_none() && !member {
            return Err(Error::usage("the workspace does not contain cargo xtask, which runners need")
                .help("name the image that has it: --tool IMAGE@sha256:…")
                .help("or the command that installs it: --install 'cargo install --locked …'"));
        }
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
            source,
            second: FurtherRelease::new(config, &workspace.root)?,
            shards,
        })
    }

    /// Returns the command that holds the files of a service against the workspace.
    fn check(&self, host: CiHost) -> String {
        let source = match &self.source {
            None => String::new(),
            Some(ToolSource::Command(line)) => format!(" --install {}", quoted(line)),
            Some(ToolSource::Image(image)) => format!(" --tool {image}"),
        };
        format!("cargo xtask ci init {} --check{source}", host.word())
    }

    /// Returns the command that installs this program, if one does.
    fn install(&self) -> Option<&str> {
        match &self.source {
            Some(ToolSource::Command(line)) => Some(line),
            _ => None,
        }
    }

    /// Returns the word of a shell for this program's file, after `cargo xtask` was called.
    fn program(&self) -> String {
        match self.source {
            None => format!("target/debug/{PROGRAM}"),
            Some(_) => format!("\"$(command -v {PROGRAM})\""),
        }
    }

    /// Returns the option that names the configuration of a second release, with a space before it, or nothing.
    fn config(&self) -> String {
        self.second.as_ref().map(|second| format!(" --config {}", quoted(&second.config))).unwrap_or_default()
    }

    /// Returns the tag of a release of this version.
    pub fn tag(&self, version: impl std::fmt::Display) -> String {
        format!("{}v{version}", self.before_version())
    }

    /// Returns what stands before `v` and the version in the tag of a release.
    fn before_version(&self) -> String {
        self.second.as_ref().map(|second| format!("{}-", second.program)).unwrap_or_default()
    }
}

impl ToolSource {
    /// Reads a command that installs the program.
    ///
    /// # Errors
    /// The command cannot stand in a file of a pipeline.
    pub fn command(line: &str) -> Result<Self> {
        if line.trim().is_empty() || line.contains(['\n', '\r', '\t']) || line.contains("${{") {
            return Err(Error::usage("--install is not a command on one line"));
        }
        Ok(Self::Command(line.trim().to_owned()))
    }

    /// Reads the name of an image with the program, for a service whose runners have Docker.
    ///
    /// # Errors
    /// The text is no reference with a digest and without a tag, or runners of the service have no Docker.
    pub fn image(text: &str, host: CiHost) -> Result<Self> {
        if host == CiHost::GitLab {
            return Err(Error::usage("--tool is for GitHub: it needs Docker on the runner")
                .help("name a command: --install 'curl … && sha256sum --check … && tar …'"));
        }
        let image = Reference::parse(text)?;
        if image.digest().is_none() || image.tag().is_some() {
            return Err(Error::usage(format!("--tool {text} does not name an image by its digest alone"))
                .found("a tag can be moved to another image, which every runner would start")
                .help("write IMAGE@sha256:…; the digest is in digests.txt and publish.json of its release"));
        }
        Ok(Self::Image(image))
    }
}

impl FurtherRelease {
    /// Returns what distinguishes a release, or none for the one of targets.toml in the root.
    ///
    /// # Errors
    /// The configuration is not below the root, where a runner would find it.
    fn new(config: &Config, root: &Path) -> Result<Option<Self>> {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (file, root) = (real(&config.file), real(root));
        if file == root.join(FILE_NAME) {
            return Ok(None);
        }
        let below = file.strip_prefix(&root).ok().and_then(Path::to_str);
        let below = below.ok_or_else(|| {
            Error::usage(format!("{} is not in the workspace {}", file.display(), root.display()))
        })?;
        Ok(Some(Self { config: below.replace('\\', "/"), program: config.app.bin.clone() }))
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
        let path = root.join(&self.path);
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
