//! Cargo's configuration, merged by Cargo itself: which files it reads, what they include and how their values are joined
//! is for Cargo to know. `cargo config get` is unstable, and a stable Cargo answers it where `RUSTC_BOOTSTRAP` is set. The
//! variables that replace values of files are not part of the answer (<https://doc.rust-lang.org/cargo/reference/config.html>).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cargo_words;
use xtask_compilers::toolchain::identity::Fingerprint;
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;

mod env;
mod rustflags;
mod tools;
mod user;

pub use env::ConfiguredVariable;
pub use rustflags::{FlagRoad, UserFlag, UserFlags};
pub use tools::{ConfiguredProgram, WrapperKind};
pub use user::{UserLinker, UserPlaces, UserSettings, user_settings};

/// `cargo config get` reads a few files; one that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// The tables that are kept. Others can hold passwords, which have no business in this program.
const KEPT: [&str; 5] = ["build", "env", "patch", "profile", "target"];

/// What Cargo's configuration files say, each value with the file that says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoConfig {
    tables: BTreeMap<String, ConfiguredValue>,
    digest: String,
}

/// A value of Cargo's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ConfiguredValue {
    Table(BTreeMap<String, ConfiguredValue>),
    List(Vec<ConfiguredValue>),
    Text { text: String, file: PathBuf },
    Switch(bool),
    Other,
}

/// A package that `[patch]` takes from a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchedPackage {
    /// The source whose package is replaced: a registry or an address.
    pub source: String,
    /// The name of the entry.
    pub name: String,
    /// The folder, which may hold `..`.
    pub folder: PathBuf,
}

/// A word of a list, or of a text that Cargo takes for a list, with the file that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredWord {
    pub(crate) text: String,
    pub(crate) file: PathBuf,
}

impl CargoConfig {
    /// Asks Cargo for the configuration that holds in the folder `dir`.
    ///
    /// # Errors
    /// Where Cargo does not answer: [`Kind::Usage`](xtask_files::error::ExitKind::Usage) with its own words where a file is
    /// broken.
    pub fn ask(host: &Host, dir: &Path) -> Result<Self> {
        let cmd = Cmd::new(host.cargo())
            .args(["config", "get", "-Zunstable-options", "--format", "toml", "--show-origin"])
            .args(["--color", "never"])
            .env("RUSTC_BOOTSTRAP", "1");
        let cmd = host.cargo_home().into_iter().fold(cmd, |cmd, home| cmd.env("CARGO_HOME", home));
        let cmd = host.settled(cmd, dir);
        let output = cmd.capture_whole(LIMIT)?;
        if !output.ok() {
            return Err(cargo_words::failed(&cmd, &output));
        }
        Self::read(&output.text())
    }

    /// Reads the answer of `cargo config get --format toml --show-origin`.
    ///
    /// # Errors
    /// Where it is not TOML.
    pub fn read(answer: &str) -> Result<Self> {
        let table = DeTable::parse(answer).map_err(|e| {
            // Not the text: it may hold passwords.
            Error::failed("cannot read the configuration that Cargo printed").found(e.message())
        })?;
        let kept = table.into_inner().into_iter().filter(|(key, _)| KEPT.contains(&&**key.get_ref()));
        let tables: BTreeMap<_, _> = kept
            .map(|(key, value)| {
                (key.into_inner().into_owned(), ConfiguredValue::of(value, answer, Path::new("")))
            })
            .collect();
        // What Cargo says of variables comes last.
        let files = answer.split("\n# The following").next().unwrap_or_default();
        let digest = Fingerprint::new("cargo config 1").with(files).short();
        Ok(Self { tables, digest })
    }

    /// Names the whole of what the files say: another digest where anything differs.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The profiles that the files define or change.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.table(&["profile"]).into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// The packages that `[patch]` takes from folders.
    pub fn patches(&self) -> Vec<PatchedPackage> {
        let entry = |(source, name): (&String, &String)| {
            let (path, file) = self.value(&["patch", source, name, "path"])?.text()?;
            Some(PatchedPackage { source: source.clone(), name: name.clone(), folder: base(file).join(path) })
        };
        let sources = self.table(&["patch"]).into_iter().flatten();
        let names = sources.filter_map(|(source, _)| Some((source, self.table(&["patch", source])?)));
        names
            .flat_map(|(source, table)| table.keys().map(move |name| (source, name)))
            .filter_map(entry)
            .collect()
    }

    fn value(&self, key: &[&str]) -> Option<&ConfiguredValue> {
        let (first, rest) = key.split_first()?;
        rest.iter().try_fold(self.tables.get(*first)?, |value, part| match value {
            ConfiguredValue::Table(table) => table.get(*part),
            _ => None,
        })
    }

    fn table(&self, key: &[&str]) -> Option<&BTreeMap<String, ConfiguredValue>> {
        match self.value(key)? {
            ConfiguredValue::Table(table) => Some(table),
            _ => None,
        }
    }
}

impl ConfiguredValue {
    /// A value of the answer. Where no comment behind it names a file, it is that of what it is in.
    fn of(value: Spanned<DeValue<'_>>, answer: &str, around: &Path) -> Self {
        let file = origin(answer, value.span().end).unwrap_or(around).to_owned();
        match value.into_inner() {
            DeValue::Table(table) => Self::Table(
                table
                    .into_iter()
                    .map(|(key, value)| (key.into_inner().into_owned(), Self::of(value, answer, &file)))
                    .collect(),
            ),
            DeValue::Array(list) => {
                Self::List(list.into_iter().map(|value| Self::of(value, answer, &file)).collect())
            }
            DeValue::String(text) => Self::Text { text: text.into_owned(), file },
            DeValue::Boolean(switch) => Self::Switch(switch),
            _ => Self::Other,
        }
    }

    fn text(&self) -> Option<(&str, &Path)> {
        match self {
            Self::Text { text, file } => Some((text, file)),
            _ => None,
        }
    }

    /// What Cargo takes for a list of words: a list of texts, or a text that it splits at white space.
    fn words(&self) -> Vec<ConfiguredWord> {
        let word = |text: &str, file: &Path| ConfiguredWord { text: text.to_owned(), file: file.to_owned() };
        match self {
            Self::Text { text, file } => text.split_whitespace().map(|text| word(text, file)).collect(),
            Self::List(list) => {
                list.iter().filter_map(Self::text).map(|(text, file)| word(text, file)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The file that a comment names behind a value: `… # /w/.cargo/config.toml`, in a list behind a comma.
fn origin(answer: &str, end: usize) -> Option<&Path> {
    let line = answer.get(end..)?.lines().next()?;
    line.trim_start_matches(',').strip_prefix(" # ").map(Path::new)
}

/// The folder that paths in a configuration file begin at: that of the folder `.cargo` that the file lies in.
fn base(file: &Path) -> &Path {
    file.parent().and_then(Path::parent).unwrap_or(Path::new(""))
}
