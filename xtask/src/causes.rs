//! Finds out why a build failed, from the output of Cargo, compilers, linkers and build scripts. The result
//! is the most informative line, the package that failed, and for a known cause its explanation and fix.
//! Pure.
//!
//! `excerpt` finds the lines that belong to the first error; the rules in `rules` read them.

mod excerpt;
mod packages;
mod places;
mod rules;
mod tools;

pub use tools::{ToolUse, required};

pub use rules::missing_framework;

use excerpt::Excerpt;
use xtask_config::GlibcVersion;
use xtask_files::error::SourcePlace;
use xtask_triple::Triple;

/// The facts about a failed build that its output does not contain.
#[derive(Debug, Clone, Copy)]
pub struct BuildSetting<'a> {
    /// The oldest glibc on which the program must run, if targets.toml names one.
    pub glibc: Option<GlibcVersion>,
    /// The target of the build.
    pub target: &'a Triple,
    /// Whether the C compiler is musl's wrapper of gcc, which has only the headers of musl.
    pub musl_gcc: bool,
}

/// The result of reading the output of a failed build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// The package whose build failed: `ring 0.17.14`, or only its name if the output has no version.
    pub package: Option<String>,
    /// The line of the tool that failed.
    pub line: String,
    /// The known cause, if a rule matched.
    pub cause: Option<Cause>,
    /// The place in the sources, if a compiler named one. The file is named as the compiler named it.
    pub place: Option<SourcePlace>,
}

/// A known cause of failed builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The explanation of the tool's message, in one line.
    pub why: String,
    /// The fix, in one line.
    pub help: String,
}

/// Reads the output of a failed build.
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
    let place = places::place(&excerpt.lines, &line);
    Diagnosis { package: excerpt.package, line, cause, place }
}

impl Diagnosis {
    /// Returns the line for a summary of many jobs.
    pub fn headline(&self) -> String {
        match &self.package {
            Some(package) => format!("{package}: {}", self.line),
            None => self.line.clone(),
        }
    }
}
