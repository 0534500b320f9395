//! The only place that prints. Data goes to stdout and progress to stderr. Both obey `--quiet`, `--json`,
//! `NO_COLOR` and `CI`.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;

mod line;
mod task;
pub use line::{Moment, far};
pub use task::{Doing, Task, TaskWatcher};

/// The error that stopped the output to stdout. It is read only at the end of the run; no decision depends on
/// it.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// The warnings that were already given. They are only used to avoid repetition; no decision depends on them.
static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The settings for printing, decided once from the arguments and the environment.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    /// Whether progress is hidden. Errors and warnings are always shown.
    pub quiet: bool,
    /// Whether every command that is run is shown.
    pub verbose: bool,
    /// Whether text on stderr is coloured.
    pub color: bool,
    /// Whether text on stdout is coloured.
    pub color_out: bool,
    /// Whether stderr is a terminal that can redraw lines.
    pub live: bool,
}

/// The facts about the environment that decide how to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TerminalEnvironment {
    /// Whether stdout is a terminal.
    pub out: bool,
    /// Whether stderr is a terminal.
    pub err: bool,
    /// Whether `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub no_color: bool,
    /// Whether the variable `TERM` is `dumb`.
    pub dumb: bool,
    /// Whether the variable `CI` says that this is a CI run, see [`in_ci`].
    pub ci: bool,
}

/// Whether a value of `CI` says that this is a CI run: it is set, not empty and not `false`.
pub fn in_ci(value: Option<&std::ffi::OsStr>) -> bool {
    value.is_some_and(|v| !v.is_empty() && v != "false")
}

impl Ui {
    /// Decides how to print, from the streams and the environment of this process.
    pub fn new(quiet: bool, verbose: bool, json: bool) -> Self {
        let var = |key: &str| std::env::var_os(key);
        let around = TerminalEnvironment {
            out: std::io::stdout().is_terminal(),
            err: std::io::stderr().is_terminal(),
            no_color: var("NO_COLOR").is_some_and(|v| !v.is_empty()),
            dumb: var("TERM").is_some_and(|t| t == "dumb"),
            ci: in_ci(var("CI").as_deref()),
        };
        Self::decide(quiet, verbose, json, around)
    }

    /// Decides how to print. A dumb terminal counts as no terminal. With `json`, stdout contains one JSON
    /// document and nothing else.
    pub fn decide(quiet: bool, verbose: bool, json: bool, around: TerminalEnvironment) -> Self {
        let terminal = around.err && !around.dumb;
        Self {
            quiet,
            verbose,
            color: terminal && !around.no_color,
            color_out: around.out && !around.dumb && !around.no_color && !json,
            live: terminal && !around.ci && !quiet,
        }
    }

    /// Returns settings that print only errors and warnings, for tests and benchmarks.
    pub fn silent() -> Self {
        Self::decide(true, false, false, TerminalEnvironment::default())
    }

    /// Prints data to stdout, with a newline at its end. A write error does not end the run here, because the
    /// run should still complete. [`written`] reports the error at the end.
    pub fn data(&self, text: &str) {
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        let mut out = std::io::stdout().lock();
        if LOST.get().is_none()
            && let Err(error) = write!(out, "{text}{newline}").and_then(|()| out.flush())
        {
            // Only one thread can set it, because stdout is locked.
            let _ = LOST.set(error);
        }
    }

    /// Prints progress in Cargo's style: a verb of at most 12 characters in its own column, then the text.
    pub fn step(&self, verb: &str, text: impl AsRef<str>) {
        if !self.quiet {
            self.labelled("32", verb, text.as_ref());
        }
    }

    /// Prints that the run waits for the lock of the images in target/dist.
    pub fn waits_for_images(&self) {
        self.step("Waiting", "for another run that uses the images in target/dist");
    }

    /// Prints a line that only `-v` shows.
    pub fn detail(&self, verb: &str, text: impl AsRef<str>) {
        if self.verbose {
            self.labelled("36", verb, text.as_ref());
        }
    }

    /// Prints a warning, after which the run continues. `--quiet` does not hide it.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.prefixed("33", "warning", text.as_ref());
    }

    /// Prints a warning that several parts of a run may give, but only once.
    pub fn warn_once(&self, text: impl Into<String>) {
        let text = text.into();
        if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone()) {
            self.warn(text);
        }
    }

    /// Prints the error that ended the command.
    pub fn error(&self, error: &Error) {
        self.prefixed("31", "error", &error.to_string());
    }

    /// Prints a question on stderr without a newline, so that the answer follows on the same line.
    pub fn ask(&self, question: &str) {
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{question}");
        let _ = err.flush();
    }

    /// Prints lines on stderr without a label, for the output of a compiler. Terminal controls are removed.
    pub fn raw(&self, text: &str) {
        self.line(&plain(text));
    }

    /// Prints lines on stderr unchanged, for text of this program with its own colours.
    pub fn styled(&self, text: &str) {
        self.line(text);
    }

    /// Starts to show that something is in progress; see [`Task`].
    pub fn task(&self, verb: &str, text: impl Into<String>) -> Task {
        Task::start(*self, verb, text.into(), Duration::ZERO, None)
    }

    /// Works as [`Ui::task`], with a function that observes the progress.
    pub fn watched_task(&self, verb: &str, text: impl Into<String>, look: TaskWatcher) -> Task {
        Task::start(*self, verb, text.into(), Duration::ZERO, Some(look))
    }

    /// Works as [`Ui::task`], for work that usually takes no time: nothing is shown in the first seconds.
    pub fn late_task(&self, verb: &str, text: impl Into<String>) -> Task {
        Task::start(*self, verb, text.into(), task::LATE, None)
    }

    fn labelled(&self, color: &str, verb: &str, text: &str) {
        // The text may contain the output of a program, whose terminal controls must not take effect.
        let text = plain(text);
        if self.color {
            self.line(&format!("\x1b[1;{color}m{verb:>12}\x1b[0m {text}"));
        } else {
            self.line(&format!("{verb:>12} {text}"));
        }
    }

    fn prefixed(&self, color: &str, label: &str, text: &str) {
        let text = plain(text);
        if self.color {
            self.line(&format!("\x1b[1;{color}m{label}\x1b[0m: {text}"));
        } else {
            self.line(&format!("{label}: {text}"));
        }
    }

    /// Prints a line on stderr. It replaces the line of a [`Task`], which the task then redraws.
    fn line(&self, text: &str) {
        let start = if self.live { task::START } else { "" };
        eprintln(&format!("{start}{text}"));
    }
}

/// Returns whether all data reached stdout. It is called at the end of a run that had no other error.
///
/// # Errors
/// As [`wrote`].
pub fn written() -> Result<()> {
    LOST.get().map_or(Ok(()), lost)
}

/// Turns the result of writing data into a result of the command. A closed pipe is no error, because its
/// reader needs no more data.
///
/// # Errors
/// Something could not be written.
pub fn wrote(result: std::io::Result<()>) -> Result<()> {
    result.or_else(|error| lost(&error))
}

fn lost(error: &std::io::Error) -> Result<()> {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Error::failed(format!("cannot write to stdout: {error}"))),
    }
}

/// Returns the number of columns of the terminal on stderr, or 80 if it is not known.
fn columns() -> usize {
    #[cfg(unix)]
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).map(|size| usize::from(size.ws_col));
    #[cfg(not(unix))]
    let size: std::io::Result<usize> = Ok(0);
    size.ok().filter(|columns| *columns > 0).unwrap_or(80)
}

fn eprintln(text: &str) {
    // If stderr is a closed pipe, the error cannot be reported.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
