//! Why a job does not pass: what failed, with its cause. It becomes text where it is printed or reported.

use std::fmt;

use crate::cargo::messages::first_error;
use crate::trap::BrokenPromise;
use xtask_files::error::Error;
use xtask_gate::Finding;

/// The kind of failure of a job, with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Cargo made no program. Its words and those of the tools that it called, which may be many lines.
    Cargo(String),
    /// The build of a mode that promises no C did not keep the promise.
    Impure {
        /// Who broke it, how, and what to do.
        broken: BrokenPromise,
        /// The words of the build itself, where it failed too.
        said: String,
    },
    /// What Cargo made cannot be read as a program.
    Unreadable(Error),
    /// The gate refuses the program, by itself or in an image.
    Gate(Finding),
    /// The smoke run failed: a line that says how, then the last words of the program and what to do.
    SmokeRun(String),
    /// A second build is not the same.
    Rebuild(RebuildMismatch),
}

/// What a second build shows to be wrong with the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildMismatch {
    /// What is wrong, one line.
    pub what: String,
    /// What was found, a line each.
    pub found: Vec<String>,
    /// What to do, where that is known.
    pub help: Option<String>,
}

impl Failure {
    /// Returns the one line that stands for the failure in a summary of many jobs.
    pub fn headline(&self) -> String {
        let text = self.to_string();
        let line = match self {
            Failure::Cargo(words) => first_error(words).unwrap_or_default(),
            _ => text.lines().next().unwrap_or_default(),
        };
        line.to_owned()
    }
}

/// Returns the text of the whole failure, over several lines.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Cargo(words) => f.write_str(words),
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

/// Several failures of one job as one text.
pub fn text(failures: &[Failure]) -> String {
    failures.iter().map(Failure::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_gate::Severity;

    #[test]
    fn each_failure_has_one_line_for_summaries() {
        let cargo = |words: &str| Failure::Cargo(words.to_owned()).headline();
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
