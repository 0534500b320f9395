//! Cargo's configuration, merged by Cargo itself. Cargo alone knows which files it reads, what they include
//! and how their values are joined. `cargo config get` is unstable, but a stable Cargo runs it if
//! `RUSTC_BOOTSTRAP` is set. Its answer does not contain the variables that replace values of files
//! (<https://doc.rust-lang.org/cargo/reference/config.html>).

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

/// The time limit of `cargo config get`. It reads a few files, so a longer run hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// The tables that are kept. Other tables may contain passwords, which this program must not read.
const KEPT: [&str; 5] = ["build", "env", "patch", "profile", "target"];

/// The content of Cargo's configuration files. Each value has the file that contains it.
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

/// A package that `[patch]` replaces by the one in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchedPackage {
    /// The source of the replaced package: a registry or an address.
    pub source: String,
    /// The name of the entry.
    pub name: String,
    /// The folder. Its path may contain `..`.
    pub folder: PathBuf,
}

/// A word of a list, or of a text that Cargo reads as a list, with the file that contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredWord {
    pub(crate) text: String,
    pub(crate) file: PathBuf,
}

impl CargoConfig {
    /// Asks Cargo for the configuration that applies in the folder `dir`.
    ///
    /// # Errors
    /// Cargo fails. For a broken file the error is [`Kind::Usage`](xtask_files::error::ExitKind::Usage) with
    /// Cargo's own message.
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

    /// Reads the output of `cargo config get --format toml --show-origin`.
    ///
    /// # Errors
    /// The output is not TOML.
    pub fn read(answer: &str) -> Result<Self> {
        let table = DeTable::parse(answer).map_err(|e| {
            // The text itself is left out, because it may contain passwords.
            Error::failed("cannot read the configuration that Cargo printed").found(e.message())
        })?;
        let kept = table.into_inner().into_iter().filter(|(key, _)| KEPT.contains(&&**key.get_ref()));
        let tables: BTreeMap<_, _> = kept
            .map(|(key, value)| {
                (key.into_inner().into_owned(), ConfiguredValue::of(value, answer, Path::new("")))
            })
            .collect();
        // Cargo's remarks about variables are at the end of the output.
        let files = answer.split("\n# The following").next().unwrap_or_default();
        let digest = Fingerprint::new("cargo config 1").with(files).short();
        Ok(Self { tables, digest })
    }

    /// Returns a digest of the content of all files. It differs after any change.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the profiles that the files define or change.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.table(&["profile"]).into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// Returns the packages that `[patch]` replaces by those in folders.
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
    /// Makes a value from the output. Its file is named in the comment after it, or else it is the file of
    /// the enclosing table or list.
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

    /// Returns the words of a value that Cargo reads as a list: those of a list of texts, or of a text that
    /// is split at white space.
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

/// Returns the file that the comment after a value names: `… # /w/.cargo/config.toml`. In a list, a comma
/// precedes the comment.
fn origin(answer: &str, end: usize) -> Option<&Path> {
    let line = answer.get(end..)?.lines().next()?;
    line.trim_start_matches(',').strip_prefix(" # ").map(Path::new)
}

/// Returns the folder to which paths in a configuration file are relative: the parent of the folder `.cargo`
/// that contains the file.
fn base(file: &Path) -> &Path {
    file.parent().and_then(Path::parent).unwrap_or(Path::new(""))
}
