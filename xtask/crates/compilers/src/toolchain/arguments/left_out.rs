//! What a linker was not given, and why. A linker runs deep inside a build, where nobody reads what it prints: what is left out
//! is written into a file, and said when the build has ended.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::LinkArgument;

/// An argument that a linker was not given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOutArgument {
    /// The argument as it was written.
    pub argument: String,
    /// Why it was left out.
    pub reason: LeftOutReason,
    /// The linker that links without it: `rust-lld`, `zig`.
    pub linker: String,
}

/// Why an argument was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOutReason {
    /// It chooses another linker.
    OtherLinker,
    /// It asks for a runtime that the linker does not have.
    Runtime,
    /// rustc and the toolchain decide it.
    Decided,
    /// It is for a compiler.
    Compiler,
    /// The library is part of the C library or of Rust's std.
    InLibc,
    /// It changes nothing in the program.
    NoEffect,
}

impl LeftOutReason {
    /// Whether a person has to know: what the argument asks for does not happen.
    pub fn matters(self) -> bool {
        matches!(self, Self::OtherLinker | Self::Runtime)
    }
}

impl LeftOutArgument {
    /// Says that `argument` is left out.
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
                write!(f, "{argument} is left out: rustc and the toolchain have decided what it is about")
            }
            LeftOutReason::Compiler => write!(f, "{argument} is left out: it is for a compiler"),
            LeftOutReason::InLibc => {
                write!(f, "{argument} is left out: the C library or Rust's std has what it names")
            }
            LeftOutReason::NoEffect => write!(f, "{argument} is left out: it changes nothing in the program"),
        }
    }
}

/// Writes down what was left out. That it cannot be written is no reason to fail: the program is the same.
pub(in crate::toolchain) fn write_notes(file: &Path, left_out: &[LeftOutArgument]) {
    let lines: Vec<String> = left_out.iter().filter_map(|it| serde_json::to_string(it).ok()).collect();
    if lines.is_empty() {
        return;
    }
    if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(file) {
        // One write in append mode: linkers that run side by side do not mix their lines.
        let _ = file.write_all((lines.join("\n") + "\n").as_bytes());
    }
}

/// Everything that was written down in a file, each thing once. Lines that are none are passed over.
pub fn read_notes(file: &Path) -> Vec<LeftOutArgument> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let all: std::collections::BTreeSet<LeftOutArgument> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    all.into_iter().collect()
}
