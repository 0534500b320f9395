//! The source of a key that signs or verifies: a file, or an environment variable.

use std::path::{Path, PathBuf};

use super::quote::quoted;
use xtask_files::error::{Error, Result};
use xtask_process::host::Host;

/// The prefix for a variable: `env:XTASK_SIGNING_KEY`.
const VARIABLE: &str = "env:";

/// The source of a key in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file that contains the key.
    File(PathBuf),
    /// An environment variable whose value is the key itself.
    Variable(String),
}

impl KeySource {
    /// Reads a source: `env:` and the name of a variable, or the path of a file.
    ///
    /// # Errors
    /// The text is neither. The error is the reason as text.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        if let Some(name) = text.strip_prefix(VARIABLE) {
            let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return match letters && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
                true => Ok(Self::Variable(name.to_owned())),
                false => Err(format!("{} is not the name of a variable", quoted(name))),
            };
        }
        // A key that is pasted here would stay in the file and in its history.
        if text.contains("-----BEGIN") {
            return Err("it is a key itself; write the path of a file, or `env:` and the name of a variable"
                .to_owned());
        }
        match text.is_empty() || text.contains('\0') {
            true => Err(format!("{} is not the path of a file", quoted(text))),
            false => Ok(Self::File(PathBuf::from(text))),
        }
    }

    /// Returns the same source, with a relative file path resolved in a folder.
    #[must_use]
    pub fn below(self, folder: &Path) -> Self {
        match self {
            Self::File(file) => Self::File(folder.join(file)),
            variable => variable,
        }
    }

    /// Returns the text of the key.
    ///
    /// # Errors
    /// The file cannot be read, or the variable is not set.
    pub fn read(&self, host: &Host) -> Result<String> {
        match self {
            Self::File(file) => std::fs::read_to_string(file).map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => {
                    Error::missing(format!("the key file {} does not exist", file.display()))
                }
                std::io::ErrorKind::InvalidData => Error::usage(format!("{self} is not a key in PEM")),
                _ => Error::io("cannot read the key", file, &e),
            }),
            Self::Variable(name) => host.var(name).map(str::to_owned).ok_or_else(|| {
                Error::missing(format!("the variable {name} is not set"))
                    .found("it must contain a key in PEM")
                    .help("set it from a secret of the CI, or name the file of a key")
            }),
        }
    }
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(file) => write!(f, "the key {}", file.display()),
            Self::Variable(name) => write!(f, "the key in {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_of_keys() {
        assert_eq!(KeySource::parse("env:MY_KEY"), Ok(KeySource::Variable("MY_KEY".into())));
        let file = KeySource::parse("keys/a.pem").unwrap();
        assert_eq!(file.clone().below(Path::new("/ws")), KeySource::File("/ws/keys/a.pem".into()));
        assert_eq!(
            KeySource::parse("/a.pem").unwrap().below(Path::new("/ws")),
            KeySource::File("/a.pem".into())
        );
        for (text, words) in [
            ("", "is not the path of a file"),
            ("env:", "is not the name of a variable"),
            ("env:A B", "is not the name of a variable"),
            ("env:1", "is not the name of a variable"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA", "it is a key itself"),
        ] {
            let why = KeySource::parse(text).unwrap_err();
            assert!(why.contains(words) && !why.contains("AAAA"), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,40}|env:[A-Z_0-9 ]{0,10}") {
            let _ = KeySource::parse(&text);
        }
    }
}
