//! The reasons why a job fails, with their causes. A failure becomes text only when it is printed or
//! reported.

use std::fmt;

use crate::causes::{Cause, Diagnosis};
use crate::trap::BrokenPromise;
use xtask_files::error::{Error, SourcePlace};
use xtask_gate::Finding;

/// The kind of a job's failure, with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Cargo made no program.
    Cargo {
        /// The output of Cargo and of the tools that it called, which may have many lines.
        said: String,
        /// The diagnosis of that output.
        diagnosis: Diagnosis,
    },
    /// The build of a mode that promises no C broke the promise.
    Impure {
        /// The broken promise: who broke it, how, and what to do.
        broken: BrokenPromise,
        /// The output of the build, if it also failed.
        said: String,
    },
    /// What Cargo made cannot be read as a program.
    Unreadable(Error),
    /// The gate rejects the program, by itself or in an image.
    Gate(Finding),
    /// The smoke run failed: a line that says how, then the last output of the program and what to do.
    SmokeRun(String),
    /// A second build gave another program.
    Rebuild(RebuildMismatch),
}

/// The fault of a build that a second build shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildMismatch {
    /// The fault, in one line.
    pub what: String,
    /// The findings, one line each.
    pub found: Vec<String>,
    /// The fix, if it is known.
    pub help: Option<String>,
}

impl Failure {
    /// Returns the one line that stands for the failure in a summary of many jobs.
    pub fn headline(&self) -> String {
        let text = self.to_string();
        let line = match self {
            Failure::Cargo { diagnosis, .. } => return diagnosis.headline(),
            _ => text.lines().next().unwrap_or_default(),
        };
        line.to_owned()
    }
}

impl Failure {
    /// Returns the cause behind the headline and its fix, if they are known.
    pub fn mend(&self) -> Option<(Option<&str>, &str)> {
        match self {
            Failure::Cargo { diagnosis, .. } => {
                diagnosis.cause.as_ref().map(|cause| (Some(cause.why.as_str()), cause.help.as_str()))
            }
            Failure::Gate(finding) => Some((None, &finding.fix)),
            Failure::Rebuild(mismatch) => mismatch.help.as_deref().map(|help| (None, help)),
            Failure::Impure { .. } | Failure::Unreadable(_) | Failure::SmokeRun(_) => None,
        }
    }
}

impl Failure {
    /// Returns the place in the sources, if a compiler named one.
    pub fn place(&self) -> Option<&SourcePlace> {
        match self {
            Failure::Cargo { diagnosis, .. } => diagnosis.place.as_ref(),
            _ => None,
        }
    }
}

/// Writes the text of the whole failure, over several lines.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Cargo { said, diagnosis: Diagnosis { cause: None, .. } } => f.write_str(said),
            Failure::Cargo { said, diagnosis: Diagnosis { cause: Some(Cause { why, help }), .. } } => {
                write!(f, "{}\ncause: {why}\n  help: {help}", said.trim_end())
            }
            Failure::Impure { broken, said } => f.write_str(&broken.text(said)),
            Failure::Unreadable(error) => error.fmt(f),
            Failure::Gate(finding) => write!(f, "gate: {}\n  help: {}", finding.what, finding.fix),
            Failure::SmokeRun(said) => write!(f, "smoke run: {said}"),
            Failure::Rebuild(RebuildMismatch { what, found, help }) => {
                write!(f, "rebuild: {what}")?;
                found.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
                help.iter().try_for_each(|help| write!(f, "\n  help: {help}"))
            }
        }
    }
}

/// Returns the text of several failures of one job.
pub fn text(failures: &[Failure]) -> String {
    failures.iter().map(Failure::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::{BuildSetting, diagnose};
    use xtask_gate::Severity;

    #[test]
    fn each_failure_has_one_line_for_summaries() {
        let cargo = |words: &str| {
            let target = xtask_triple::Triple::parse("x86_64-unknown-linux-gnu");
            let diagnosis = diagnose(words, &BuildSetting { target: &target, musl_gcc: false, glibc: None });
            Failure::Cargo { said: words.to_owned(), diagnosis }.headline()
        };
        assert_eq!(cargo("warning: odd\n  error[E1]: no `x`\nerror: could not compile"), "error[E1]: no `x`");
        assert_eq!(cargo("\n said nothing of errors\nmore"), " said nothing of errors");
        assert_eq!(cargo(""), "");
        let finding = Finding {
            severity: Severity::Fail,
            what: "no error here".into(),
            fix: "mend it".into(),
            symbols: Vec::new(),
        };
        let gate = Failure::Gate(finding);
        assert_eq!(
            (gate.headline().as_str(), gate.to_string().as_str()),
            ("gate: no error here", "gate: no error here\n  help: mend it")
        );
        assert_eq!(Failure::SmokeRun("app ended\n  error: x".into()).headline(), "smoke run: app ended");
        let mismatch =
            RebuildMismatch { what: "other".into(), found: vec!["a".into()], help: Some("b".into()) };
        assert_eq!(
            text(&[Failure::Rebuild(mismatch), gate]),
            "rebuild: other\n  a\n  help: b\ngate: no error here\n  help: mend it"
        );
    }
}
