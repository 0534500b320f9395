//! The one error type: what went wrong, what was tried and found, what to do, and which exit code that means.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a command ends, which decides its exit code. The order of the variants is not their precedence: see [`ExitKind::code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// A build, a gate or a test failed: exit code 1.
    Failed,
    /// The command line or targets.toml is wrong: exit code 2.
    Usage,
    /// Something is missing on this machine and can be installed: exit code 3.
    Missing,
}

impl ExitKind {
    /// The process exit code, the same for every command.
    pub fn code(self) -> u8 {
        match self {
            ExitKind::Failed => 1,
            ExitKind::Usage => 2,
            ExitKind::Missing => 3,
        }
    }
}

/// An error as a person reads it: one line of what went wrong, lines of what was found, lines of what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Decides the exit code.
    pub kind: ExitKind,
    /// What went wrong, one line without a final stop. May hold several lines where it is a rendered diagnostic.
    pub what: String,
    /// What was tried and what was found, a line each (`note:` when rendered).
    pub found: Vec<String>,
    /// What to do about it, a line each, commands verbatim (`help:` when rendered).
    pub help: Vec<String>,
    /// The `errno` of the system call that failed, if any. It distinguishes a fault of the machine from other faults.
    pub os: Option<i32>,
    /// The places in files that are at fault. The text of the error names them too; an editor or a CI service shows the message at
    /// its line.
    pub places: Box<[SourcePlace]>,
}

/// A place in a file, with what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePlace {
    /// The file, as whoever reported it named it.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1; none if it is not known.
    pub column: Option<usize>,
    /// What is wrong, in one line.
    pub what: String,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A build, gate or test that failed (exit code 1).
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(ExitKind::Failed, what)
    }

    /// Bad usage or a bad targets.toml (exit code 2).
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(ExitKind::Usage, what)
    }

    /// Something that this machine lacks (exit code 3).
    pub fn missing(what: impl Into<String>) -> Self {
        Self::new(ExitKind::Missing, what)
    }

    /// A file operation that failed: `doing` is a verb phrase such as `"cannot read"`.
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let failed = Self::failed(format!("{doing} {}: {error}", path.display())).due_to(error);
        match error.kind() {
            std::io::ErrorKind::IsADirectory => {
                failed.help("a folder is where the file should be: move it away")
            }
            _ => failed,
        }
    }

    fn new(kind: ExitKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            found: Vec::new(),
            help: Vec::new(),
            os: None,
            places: Box::default(),
        }
    }

    /// Records the `errno` of the system error that caused this error.
    #[must_use]
    pub fn due_to(mut self, error: &std::io::Error) -> Self {
        self.os = error.raw_os_error();
        self
    }

    /// Adds a line of what was tried or found.
    #[must_use]
    pub fn found(mut self, line: impl Into<String>) -> Self {
        self.found.push(line.into());
        self
    }

    /// Adds a line of what to do.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        for line in &self.found {
            write!(f, "\n  note: {}", line.replace('\n', "\n        "))?;
        }
        for line in &self.help {
            write!(f, "\n  help: {}", line.replace('\n', "\n        "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
