//! Why a build failed, from what Cargo, compilers, linkers and build scripts say: their own line that tells, the package it is
//! about, and for known causes what is behind it and what mends it. Pure.
//!
//! `excerpt` finds the words that belong to the first error; the rules of `rules` read them.

mod excerpt;
mod packages;
mod rules;
mod tools;

pub use tools::{ToolUse, required};

use excerpt::Excerpt;
use xtask_triple::Triple;

/// What the words of a failed build do not say of it.
#[derive(Debug, Clone, Copy)]
pub struct BuildSetting<'a> {
    /// The target that was built for.
    pub target: &'a Triple,
    /// The C compiler is musl's wrapper of gcc, which has the headers of musl and no others.
    pub musl_gcc: bool,
}

/// What was found out of a failed build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// The package whose build failed: `ring 0.17.14`, or a name alone where no more is said.
    pub package: Option<String>,
    /// The line of the tool that failed.
    pub line: String,
    /// What is behind it.
    pub cause: Option<Cause>,
}

/// A known cause of failed builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What is behind the tool's words, one line.
    pub why: String,
    /// What mends it, one line.
    pub help: String,
}

/// Reads what a failed build said.
pub fn diagnose(words: &str, setting: &BuildSetting<'_>) -> Diagnosis {
    let excerpt = Excerpt::of(words);
    let found = rules::RULES.iter().find_map(|rule| {
        let found = (rule.find)(&excerpt, setting)?;
        Some((found.line, Cause { why: found.why, help: found.help }))
    });
    let (line, cause) = match found {
        Some((line, cause)) => (line, Some(cause)),
        None => (excerpt.line, None),
    };
    Diagnosis { package: excerpt.package, line, cause }
}

impl Diagnosis {
    /// The line for a summary of many jobs.
    pub fn headline(&self) -> String {
        match &self.package {
            Some(package) => format!("{package}: {}", self.line),
            None => self.line.clone(),
        }
    }
}
