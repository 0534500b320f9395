//! One run of the program, and what it said.

use serde_json::Value;
use xtask_process::exec::{Cmd, End, Output};

/// A run that ended.
#[derive(Debug)]
pub(crate) struct Run {
    line: String,
    output: Output,
}

impl Run {
    pub(crate) fn new(cmd: &Cmd, output: Output) -> Self {
        Self { line: cmd.line(), output }
    }

    /// Asserts the exit code, showing everything where it is another.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert!(self.output.end == End::Code(code), "expected exit code {code}\n{self}");
        self
    }

    pub(crate) fn stdout(&self) -> String {
        self.output.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.output.errors()
    }

    /// stdout as exactly one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.output.stdout);
        parsed.unwrap_or_else(|e| panic!("stdout is not one JSON document: {e}\n{self}"))
    }

    /// Asserts that stderr holds every one of these.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr().contains(word), "stderr does not say {word:?}\n{self}");
        }
        self
    }

    /// Asserts that neither stream holds any of these.
    #[track_caller]
    pub(crate) fn never_says(self, words: &[&str]) -> Self {
        for word in words {
            let said = self.stderr().contains(word) || self.stdout().contains(word);
            assert!(!said, "it says {word:?}\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (line, end) = (&self.line, self.output.end);
        write!(f, "$ {line}\n{end}\n--- stdout\n{}\n--- stderr\n{}\n---", self.stdout(), self.stderr())
    }
}

/// The entry of `jobs` for a target.
#[track_caller]
pub(crate) fn job<'v>(document: &'v Value, target: &str) -> &'v Value {
    let jobs = document["jobs"].as_array().unwrap_or_else(|| panic!("no jobs in {document:#}"));
    jobs.iter().find(|j| j["target"] == target).unwrap_or_else(|| panic!("no {target} in {document:#}"))
}
