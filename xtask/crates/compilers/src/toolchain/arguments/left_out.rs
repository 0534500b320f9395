//! The arguments that were kept from a linker, and why. Nobody reads the output of a linker inside a build.
//! So the arguments are written to a file and reported after the build.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::LinkArgument;

/// An argument that a linker did not get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOutArgument {
    /// The argument as it was written.
    pub argument: String,
    /// Why it was left out.
    pub reason: LeftOutReason,
    /// The linker that links without the argument: `rust-lld`, `zig`.
    pub linker: String,
}

/// Why an argument was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOutReason {
    /// The argument chooses another linker.
    OtherLinker,
    /// The argument asks for a runtime that the linker does not have.
    Runtime,
    /// rustc and the toolchain have already decided what the argument sets.
    Decided,
    /// The argument is for a compiler.
    Compiler,
    /// The library is part of the C library or of Rust's std.
    InLibc,
    /// The argument changes nothing in the program.
    NoEffect,
}

impl LeftOutReason {
    /// Whether the user must be told, because the effect of the argument is lost.
    pub fn matters(self) -> bool {
        matches!(self, Self::OtherLinker | Self::Runtime)
    }
}

impl LeftOutArgument {
    /// Records that `argument` is left out, with the reason and the linker.
    pub(in crate::toolchain) fn new(argument: &LinkArgument, reason: LeftOutReason, linker: &str) -> Self {
        Self { argument: argument.line(), reason, linker: linker.to_owned() }
    }
}

impl fmt::Display for LeftOutArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { argument, reason, linker } = self;
        match reason {
            LeftOutReason::OtherLinker => {
                write!(
                    f,
                    "{argument} is left out: {linker} links this target, and no other linker can be chosen"
                )
            }
            LeftOutReason::Runtime => {
                write!(f, "{argument} is left out: it asks for a runtime that {linker} does not have")
            }
            LeftOutReason::Decided => {
                write!(f, "{argument} is left out: rustc and the toolchain already set this")
            }
            LeftOutReason::Compiler => write!(f, "{argument} is left out: it is an option for a compiler"),
            LeftOutReason::InLibc => {
                write!(f, "{argument} is left out: the C library or Rust's std already contains it")
            }
            LeftOutReason::NoEffect => write!(f, "{argument} is left out: it changes nothing in the program"),
        }
    }
}

/// Appends the left-out arguments to a file. A write error is ignored: it does not change the program.
pub(in crate::toolchain) fn write_notes(file: &Path, left_out: &[LeftOutArgument]) {
    let lines: Vec<String> = left_out.iter().filter_map(|it| serde_json::to_string(it).ok()).collect();
    if lines.is_empty() {
        return;
    }
    if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(file) {
        // One write in append mode, so that the lines of linkers that run in parallel do not mix.
        let _ = file.write_all((lines.join("\n") + "\n").as_bytes());
    }
}

/// Returns the arguments that were recorded in a file, each once. Lines that cannot be read are skipped.
pub fn read_notes(file: &Path) -> Vec<LeftOutArgument> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let all: std::collections::BTreeSet<LeftOutArgument> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    all.into_iter().collect()
}
