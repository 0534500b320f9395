//! `toolchains.lock`: records which toolchain makes the programs of each target, by provider, version and
//! digest. A plan prefers the provider in the lock. Before anything is built, the plan is compared with the
//! rest of the lock.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use xtask_compilers::toolchain::Provider;
use xtask_files::error::{Error, Result};
use xtask_triple::Triple;

mod compare;
pub mod observe;

pub use compare::{Drift, check, drifts};

/// The name of the file beside the workspace's Cargo.toml.
pub const FILE_NAME: &str = "toolchains.lock";

/// The version of the file's format.
const SCHEMA: u32 = 1;

const HEADER: &str = "\
# The toolchains that make this workspace's programs, written by `cargo xtask lock`. Commit it: with --locked, and where
# the variable CI is set, a run refuses any other toolchain. `cargo xtask lock --update` writes what this machine has.
";

/// The contents of `toolchains.lock`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolchainLock {
    /// The tools of each target.
    pub targets: BTreeMap<Triple, LockedTarget>,
}

/// The tools that make the programs of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedTarget {
    /// The version of the rustc, such as `1.95.0`.
    pub rustc: String,
    /// The digest of Rust's std for the target, as `sha256:…`.
    pub std: String,
    /// The C toolchain of the modes that contain C; none if there is no such mode.
    pub c: Option<LockedTool>,
    /// The linker of the modes without C; none if every mode contains C.
    pub linker: Option<LockedTool>,
}

/// A locked C toolchain or linker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedTool {
    /// The name of the toolchain's provider, or of the kind of linker: `rust-lld`, `cc`.
    pub provider: String,
    /// The name and version, such as `gcc 12.2.0`. For `rust-lld`, the version of the rustc that contains it.
    pub version: String,
    /// The digest of the programs of the tool, as `sha256:…`.
    pub digest: String,
}

/// The file in its written form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockDocument {
    schema: u32,
    #[serde(default)]
    target: Vec<TargetTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetTable {
    triple: String,
    rustc: String,
    std: String,
    c: Option<LockedTool>,
    linker: Option<LockedTool>,
}

impl ToolchainLock {
    /// Reads the file, or returns none if it does not exist.
    ///
    /// # Errors
    /// [`xtask_files::error::ExitKind::Usage`] with line and column, if the file is invalid.
    pub fn load(file: &Path) -> Result<Option<Self>> {
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text, file).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("cannot read", file, &e)),
        }
    }

    /// Parses the text of the file at `file`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, file: &Path) -> Result<Self> {
        let wrong = |found: String| {
            Error::usage(format!("cannot use {}", file.display()))
                .found(found)
                .help("remove it and write it again: cargo xtask lock")
        };
        let document: LockDocument = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        if document.schema != SCHEMA {
            return Err(wrong(format!(
                "its format has version {}; this program reads version {SCHEMA}",
                document.schema
            )));
        }
        let mut lock = Self::default();
        for TargetTable { triple, rustc, std, c, linker } in document.target {
            let known = LockedTarget { rustc, std, c, linker };
            if lock.targets.insert(Triple::parse(&triple), known).is_some() {
                return Err(wrong(format!("the target {triple} is listed twice")));
            }
        }
        Ok(lock)
    }

    /// Returns the text of the file, with the targets in the order of their names.
    pub fn text(&self) -> String {
        let mut text = format!("{HEADER}schema = {SCHEMA}\n");
        for (triple, locked) in &self.targets {
            let _ = write!(
                text,
                "\n[[target]]\ntriple = {}\nrustc = {}\nstd = {}\n",
                basic(triple.as_str()),
                basic(&locked.rustc),
                basic(&locked.std)
            );
            for (key, tool) in [("c", &locked.c), ("linker", &locked.linker)] {
                if let Some(LockedTool { provider, version, digest }) = tool {
                    let _ = writeln!(
                        text,
                        "{key} = {{ provider = {}, version = {}, digest = {} }}",
                        basic(provider),
                        basic(version),
                        basic(digest)
                    );
                }
            }
        }
        text
    }

    /// Returns the provider of the C toolchain that the lock names for a target: one of `own`, or a built-in one.
    pub fn provider(&self, target: &Triple, own: &[Provider]) -> Option<Provider> {
        Provider::with_name(&self.targets.get(target)?.c.as_ref()?.provider, own)
    }
}

/// Quotes a text as a basic string of TOML (<https://toml.io/en/v1.0.0#string>).
fn basic(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
