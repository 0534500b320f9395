//! Commands that tests run, and assertions about their results.

use std::ffi::OsStr;
use std::time::Duration;

use serde_json::Value;
use xtask_process::exec::{Cmd, Output, ProcessEnd};
use xtask_process::ui::CiService;

/// The default time limit, long enough for `docker load` on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Runs a command that must succeed within [`LIMIT`].
///
/// # Panics
/// The command fails. The message has its whole output.
#[track_caller]
pub fn run(cmd: &Cmd) -> Output {
    run_within(cmd, LIMIT)
}

/// Runs a command that must succeed within `limit`.
///
/// # Panics
/// As [`run`].
#[track_caller]
pub fn run_within(cmd: &Cmd, limit: Duration) -> Output {
    let output = outside_of_services(cmd).capture_whole(limit).unwrap();
    assert!(output.ok(), "{}\n{}\n{}\n{}", cmd.line(), output.end, output.text(), output.errors());
    output
}

/// Returns the command without the variables of the CI service that may run the tests, unless it sets them itself. In a service,
/// the program under test prints warnings and errors in another form.
fn outside_of_services(cmd: &Cmd) -> Cmd {
    let absent = |name: &&str| !cmd.env.contains_key(OsStr::new(name));
    CiService::VARIABLES.into_iter().filter(absent).fold(cmd.clone(), |cmd, name| cmd.env_remove(name))
}

/// Returns the version that a command prints, or why it prints none.
///
/// # Errors
/// A description: the command fails, or prints no version.
pub fn version(cmd: &Cmd) -> Result<String, String> {
    let output = cmd.capture(LIMIT).map_err(|error| error.what)?;
    let text = output.text();
    let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    match (output.ok(), version) {
        (true, Some(version)) => Ok(version.to_owned()),
        _ => Err(output.errors().lines().next().unwrap_or("it says nothing").to_owned()),
    }
}

/// Returns whether a program starts and answers `--version`.
pub fn starts(program: &str) -> bool {
    Cmd::new(program).arg("--version").capture(Duration::from_secs(30)).is_ok_and(|o| o.ok())
}

/// A command that has ended, for assertions about its result.
#[derive(Debug)]
pub struct Finished {
    line: String,
    output: Output,
}

impl Finished {
    /// Runs a command. Its result is not checked yet.
    ///
    /// # Panics
    /// The command cannot be started.
    #[track_caller]
    pub fn new(cmd: &Cmd, limit: Duration) -> Self {
        Self { line: cmd.line(), output: outside_of_services(cmd).capture_whole(limit).unwrap() }
    }

    /// Asserts the exit code.
    ///
    /// # Panics
    /// The exit code differs. The message has the whole output.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert!(self.output.end == ProcessEnd::Code(code), "expected exit code {code}\n{self}");
        self
    }

    /// Returns how the command ended.
    pub fn end(&self) -> ProcessEnd {
        self.output.end
    }

    /// Returns standard output as text.
    pub fn stdout(&self) -> String {
        self.output.text()
    }

    /// Returns standard error as text.
    pub fn stderr(&self) -> String {
        self.output.errors()
    }

    /// Parses standard output as exactly one JSON document.
    ///
    /// # Panics
    /// It is not one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.output.stdout);
        parsed.unwrap_or_else(|e| panic!("stdout is not one JSON document: {e}\n{self}"))
    }

    /// Asserts that standard error contains every one of these texts.
    ///
    /// # Panics
    /// A text is missing.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr().contains(word), "stderr does not say {word:?}\n{self}");
        }
        self
    }

    /// Asserts that neither stream contains any of these texts.
    ///
    /// # Panics
    /// A stream contains one.
    #[track_caller]
    pub fn never_says(self, words: &[&str]) -> Self {
        for word in words {
            let said = self.stderr().contains(word) || self.stdout().contains(word);
            assert!(!said, "it says {word:?}\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (line, end) = (&self.line, self.output.end);
        write!(f, "$ {line}\n{end}\n--- stdout\n{}\n--- stderr\n{}\n---", self.stdout(), self.stderr())
    }
}
