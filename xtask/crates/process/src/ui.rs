//! The only place that prints. Data goes to stdout and progress to stderr. Both obey `--quiet`, `--json`,
//! `NO_COLOR` and `CI`. In a CI service, lines fold, errors appear beside the log, and nothing that others wrote is taken for a
//! command of the service: see `service`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;

mod group;
mod line;
mod service;
mod task;
pub use group::LineGroup;
pub use line::{Moment, far};
pub use service::{Annotation, CiService};
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
    /// Whether stdout is one JSON document.
    pub json: bool,
    /// The CI service that reads the output, if any.
    pub service: Option<CiService>,
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
    /// The CI service that reads the output, if any.
    pub service: Option<CiService>,
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
            service: CiService::of(var),
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
            live: terminal && !around.ci && around.service.is_none() && !quiet,
            json,
            service: around.service,
        }
    }

    /// Returns settings that print only errors and warnings, for tests and benchmarks.
    pub fn silent() -> Self {
        Self::decide(true, false, false, TerminalEnvironment::default())
    }

    /// Prints data to stdout, with a newline at its end. A write error does not end the run here, because the
    /// run should still complete. [`written`] reports the error at the end.
    pub fn data(&self, text: &str) {
        self.document(&match self.service {
            None => Cow::Borrowed(text),
            Some(service) if self.json => Cow::Owned(service.harmless_json(text)),
            Some(service) => Cow::Owned(service.harmless(text)),
        });
    }

    /// Works as [`Ui::data`], for a document that a program reads: every byte stays as it is, also in a CI service.
    pub fn document(&self, text: &str) {
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

    /// Prints a warning, after which the run continues. `--quiet` does not hide it. GitHub's log shows an annotation as a warning,
    /// so it is not printed twice there.
    pub fn warn(&self, text: impl AsRef<str>) {
        let message = text.as_ref();
        if !self.annotate(&Annotation { error: false, title: "", message, place: None }) {
            self.prefixed("33", "warning", message);
        }
    }

    /// Prints a warning that several parts of a run may give, but only once.
    pub fn warn_once(&self, text: impl Into<String>) {
        let text = text.into();
        if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone()) {
            self.warn(text);
        }
    }

    /// Prints the error that ended the command. Places in files get annotations of their own.
    pub fn error(&self, error: &Error) {
        let message = &error.to_string();
        let alone = error.places.is_empty();
        if !alone || !self.annotate(&Annotation { error: true, title: "", message, place: None }) {
            self.prefixed("31", "error", message);
        }
        for place in &error.places {
            self.point_at("", &place.what, Some((&place.file, place.line, place.column)));
        }
    }

    /// Points a CI service at an error that was printed, at a place in the sources if it is known. Elsewhere it does nothing.
    pub fn point_at(&self, title: &str, message: &str, place: Option<(&Path, usize, Option<usize>)>) {
        let checkout = std::env::var_os("GITHUB_WORKSPACE").filter(|_| self.service.is_some());
        let named = place.and_then(|(file, line, column)| {
            Some((service::below(Path::new(checkout.as_ref()?), file)?, line, column))
        });
        let place = named.as_ref().map(|(file, line, column)| (file.as_str(), *line, *column));
        self.annotate(&Annotation { error: true, title, message, place });
    }

    /// Begins a group of lines, which the log of a CI service folds.
    pub fn group(&self, title: &str) -> LineGroup {
        LineGroup::open(self, title)
    }

    /// Prints an annotation, and returns whether the service has any.
    fn annotate(&self, annotation: &Annotation<'_>) -> bool {
        let command = self.service.and_then(|service| service.annotation(annotation));
        command.iter().for_each(|command| eprintln(command));
        command.is_some()
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
        let text = self.service.map_or(Cow::Borrowed(text), |service| Cow::Owned(service.harmless(text)));
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
