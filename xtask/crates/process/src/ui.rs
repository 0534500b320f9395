//! The only printer: stdout is data, stderr is progress, and both obey `--quiet`, `--json`, `NO_COLOR` and `CI`.

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

/// Why stdout takes no more. Not decision state: it is looked at when all is done.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// What was warned of once. Not decision state: it is only said.
static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// How to print, decided once from the arguments and the environment.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    /// Progress is not shown; errors and warnings are.
    pub quiet: bool,
    /// Every command that is run is shown.
    pub verbose: bool,
    /// Text on stderr is coloured.
    pub color: bool,
    /// Text on stdout is coloured.
    pub color_out: bool,
    /// stderr is a terminal that can redraw lines.
    pub live: bool,
}

/// What the environment says about printing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TerminalEnvironment {
    /// stdout is a terminal.
    pub out: bool,
    /// stderr is a terminal.
    pub err: bool,
    /// `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub no_color: bool,
    /// The variable `TERM` is `dumb`.
    pub dumb: bool,
    /// The variable `CI` says that nobody watches, see [`in_ci`].
    pub ci: bool,
}

/// Whether a value of `CI` says that nobody watches: set, not empty and not `false`.
pub fn in_ci(value: Option<&std::ffi::OsStr>) -> bool {
    value.is_some_and(|v| !v.is_empty() && v != "false")
}

impl Ui {
    /// Looks at the streams and the environment of this process and decides.
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

    /// The decision. A dumb terminal is none. With `json`, stdout carries one JSON document and nothing else.
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

    /// A Ui that prints nothing but errors: for tests and benchmarks.
    pub fn silent() -> Self {
        Self::decide(true, false, false, TerminalEnvironment::default())
    }

    /// Data: one piece of text to stdout, with its newline. What cannot be written ends nothing here, since a run is worth
    /// its end: see [`written`].
    pub fn data(&self, text: &str) {
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        let mut out = std::io::stdout().lock();
        if LOST.get().is_none()
            && let Err(error) = write!(out, "{text}{newline}").and_then(|()| out.flush())
        {
            // Nobody else writes while it is locked.
            let _ = LOST.set(error);
        }
    }

    /// Progress, in Cargo's manner: a verb of at most 12 characters in its own column, then what it is about.
    pub fn step(&self, verb: &str, text: impl AsRef<str>) {
        if !self.quiet {
            self.labelled("32", verb, text.as_ref());
        }
    }

    /// Says why nothing goes on: the lock of the images in target/dist is taken.
    pub fn waits_for_images(&self) {
        self.step("Waiting", "for another run that uses the images in target/dist");
    }

    /// A line that only `-v` shows.
    pub fn detail(&self, verb: &str, text: impl AsRef<str>) {
        if self.verbose {
            self.labelled("36", verb, text.as_ref());
        }
    }

    /// Something a person should know although the run goes on. Shown also under `--quiet`.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.prefixed("33", "warning", text.as_ref());
    }

    /// The same for what several parts of a run notice, each by itself: it is said once.
    pub fn warn_once(&self, text: impl Into<String>) {
        let text = text.into();
        if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone()) {
            self.warn(text);
        }
    }

    /// The error that ended the command.
    pub fn error(&self, error: &Error) {
        self.prefixed("31", "error", &error.to_string());
    }

    /// A question on stderr, without a newline: the answer stands behind it.
    pub fn ask(&self, question: &str) {
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{question}");
        let _ = err.flush();
    }

    /// Lines on stderr without a label: a compiler's own words.
    pub fn raw(&self, text: &str) {
        self.line(&plain(text));
    }

    /// Lines on stderr as they are: text of this program, with colours of its own.
    pub fn styled(&self, text: &str) {
        self.line(text);
    }

    /// Starts showing that something is going on; see [`Task`].
    pub fn task(&self, verb: &str, text: impl Into<String>) -> Task {
        Task::start(*self, verb, text.into(), Duration::ZERO, None)
    }

    /// As [`Ui::task`], with something that looks at what goes on.
    pub fn watched_task(&self, verb: &str, text: impl Into<String>, look: TaskWatcher) -> Task {
        Task::start(*self, verb, text.into(), Duration::ZERO, Some(look))
    }

    /// As [`Ui::task`], for what is mostly done at once: nothing is shown until it has taken some seconds.
    pub fn late_task(&self, verb: &str, text: impl Into<String>) -> Task {
        Task::start(*self, verb, text.into(), task::LATE, None)
    }

    fn labelled(&self, color: &str, verb: &str, text: &str) {
        // What a program said may be part of it, and must not steer the terminal.
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

    /// A line on stderr, in place of that of a [`Task`] where there is one; the task draws its own again.
    fn line(&self, text: &str) {
        let start = if self.live { task::START } else { "" };
        eprintln(&format!("{start}{text}"));
    }
}

/// Whether all data reached stdout.
///
/// # Errors
/// As [`wrote`]; for the end of a run that nothing else ended.
pub fn written() -> Result<()> {
    LOST.get().map_or(Ok(()), lost)
}

/// What came of writing data. A closed pipe is not an error worth a message: whoever closed it has seen enough.
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

/// How many columns the terminal on stderr has; 80 where it does not say.
fn columns() -> usize {
    #[cfg(unix)]
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).map(|size| usize::from(size.ws_col));
    #[cfg(not(unix))]
    let size: std::io::Result<usize> = Ok(0);
    size.ok().filter(|columns| *columns > 0).unwrap_or(80)
}

fn eprintln(text: &str) {
    // stderr may be a closed pipe; there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
