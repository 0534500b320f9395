//! The only place that starts processes. A command is a value ([`Cmd`]) that pure code makes and tests
//! inspect; this module runs it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fault::MachineFault;
use pipe::{Pipe, PipeEnd};
use xtask_files::error::{Error, ExitKind, Result};
use xtask_files::escape::plain;

mod capture;
pub mod fault;
mod group;
mod jobserver;
mod kept;
mod pipe;
pub mod processes;
pub mod signal;
mod undo;
pub use capture::Capture;
pub use group::end_groups_on_signals;
pub use jobserver::look_at_jobserver;
pub use kept::KeptText;
pub use undo::Undo;

/// The time limit for waiting until a busy program file can be started.
const BUSY: Duration = Duration::from_secs(2);

/// The longest line in bytes that is passed on in one piece. It is far above the longest message of Cargo.
const LINE: u64 = 64 << 20;

/// The number of lines that may wait for their receiver.
const WAITING: usize = 1000;

/// A command line, with its changes to the environment. Making one runs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cmd {
    /// The program: a path, or a name that is searched on PATH.
    pub program: OsString,
    /// The arguments of the program, without its name.
    pub args: Vec<OsString>,
    /// The variables that are set (`Some`) or removed (`None`) in the inherited environment.
    pub env: BTreeMap<OsString, Option<OsString>>,
    /// The working directory; with none, that of the caller.
    pub cwd: Option<PathBuf>,
    /// Whether the command starts with an empty environment instead of the inherited one.
    pub clear_env: bool,
}

/// The end of a command, with its output.
#[derive(Debug, Clone)]
pub struct Output {
    /// How the process ended: its exit code, a signal, or a limit.
    pub end: ProcessEnd,
    /// Standard output. If it is long, only its two ends are kept, with a line about the omission between
    /// them, unless all of it was requested.
    pub stdout: Vec<u8>,
    /// Standard error, shortened in the same way.
    pub stderr: Vec<u8>,
    /// Whether standard output contained the text of [`Capture::finding`].
    pub found: bool,
    /// The wall time in seconds.
    pub seconds: f64,
}

/// The ways in which a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEnd {
    /// The process exited with this code.
    Code(i32),
    /// The process was ended by this signal (Unix).
    Signal(i32),
    /// This program ended it, with its whole process group, because its time limit was over.
    TimedOut(Duration),
    /// This program ended it, with its whole process group, because it printed more than this number of
    /// bytes.
    TooMuch(u64),
}

/// The stream of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The line came from standard output.
    Stdout,
    /// The line came from standard error.
    Stderr,
}

impl Cmd {
    /// Makes a command without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            clear_env: false,
        }
    }

    /// Adds one argument at the end.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds several arguments at the end, in order.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets a variable in the environment of the command.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(key.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Sets a variable that was not set for the command before.
    #[must_use]
    pub fn env_default(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.entry(key.as_ref().to_owned()).or_insert_with(|| Some(value.as_ref().to_owned()));
        self
    }

    /// Removes a variable from the environment of the command.
    #[must_use]
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.env.insert(key.as_ref().to_owned(), None);
        self
    }

    /// Removes a variable that was not set for the command before.
    #[must_use]
    pub fn env_remove_default(mut self, key: impl AsRef<OsStr>) -> Self {
        self.env.entry(key.as_ref().to_owned()).or_insert(None);
        self
    }

    /// Sets the working directory of the command.
    #[must_use]
    pub fn cwd(mut self, dir: impl AsRef<Path>) -> Self {
        self.cwd = Some(dir.as_ref().to_owned());
        self
    }

    /// Appends this command to another one, `outer`, which replaces itself by it or starts it. If `outer` is
    /// a shell, it drops variables whose names are not valid in a shell, such as
    /// `CC_x86_64-unknown-linux-musl`. `env` sets these again.
    #[must_use]
    pub fn behind(&self, outer: Cmd) -> Self {
        let plain =
            |key: &OsStr| key.as_encoded_bytes().iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let odd = |(key, value): (&OsString, &Option<OsString>)| {
            let value = value.as_ref().filter(|_| !plain(key))?;
            let mut word = key.clone();
            word.push("=");
            word.push(value);
            Some(word)
        };
        let odd: Vec<OsString> = self.env.iter().filter_map(odd).collect();
        let outer = if odd.is_empty() { outer } else { outer.arg("env").args(odd) };
        let mut outer = outer.arg(&self.program).args(&self.args);
        (outer.env, outer.cwd, outer.clear_env) = (self.env.clone(), self.cwd.clone(), self.clear_env);
        outer
    }

    /// Returns the command as text for a POSIX shell, without the environment.
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        words.map(|w| quote(&w.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    fn command(&self) -> Command {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        if self.clear_env {
            command.env_clear();
        }
        let inherited = jobserver::look_at_jobserver().iter().filter(|_| !self.clear_env);
        for (key, value) in inherited {
            command.env(key, value);
        }
        for (key, value) in &self.env {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(dir) = &self.cwd {
            command.current_dir(dir);
        }
        command
    }

    /// Starts the command. A script that this process has just written may be busy for a moment. If another
    /// thread forks meanwhile, its child holds the script open for writing until it replaces itself by its
    /// program.
    fn spawn(&self, command: &mut Command) -> Result<Child> {
        let begun = Instant::now();
        loop {
            match command.spawn() {
                Err(e) if e.kind() == std::io::ErrorKind::ExecutableFileBusy && begun.elapsed() < BUSY => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                spawned => return spawned.map_err(|e| cannot_start(self, &e)),
            }
        }
    }

    /// Runs the command and passes on each line of both streams when it is complete, on the calling thread. A
    /// line of more than 64 MiB comes in pieces. Returns how the process ended, and the wall time in seconds.
    ///
    /// The command has a process group of its own, which ends when this program is interrupted. This also
    /// holds if only this program gets the signal, as from a CI service. A terminal sends it to all
    /// processes.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn lines(&self, mut each: impl FnMut(Stream, &str)) -> Result<(ProcessEnd, f64)> {
        let begun = Instant::now();
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        group::own(&mut command);
        let mut child = self.spawn(&mut command)?;
        let guard = group::GroupGuard::new(&child);
        let (tx, rx) = mpsc::sync_channel(WAITING);
        let ended = PipeEnd::default();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let out = out.map(|stream| Pipe { stream, ended: ended.clone() });
        let err = err.map(|stream| Pipe { stream, ended: ended.clone() });
        let out = out.map_or(Ok(()), |out| send_lines(out, Stream::Stdout, tx.clone()));
        let err = err.map_or(Ok(()), |err| send_lines(err, Stream::Stderr, tx));
        // It must not wait until the lines end: a process that left the group may hold the pipes open
        // forever.
        let wait = move || {
            let end = child.wait();
            drop(guard);
            ended.set();
            end
        };
        let waiting = out.and(err).and_then(|()| thread(wait)).map_err(|e| cannot_start(self, &e))?;
        for (stream, line) in rx {
            each(stream, &line);
        }
        let early = |_| Err(std::io::Error::other("the thread that waited for it ended early"));
        let end = waiting.join().unwrap_or_else(early).map_err(|e| cannot_start(self, &e))?;
        Ok((ProcessEnd::from(end), begun.elapsed().as_secs_f64()))
    }

    /// Replaces this process by the command (Unix), or runs it with the caller's streams (other systems). On
    /// Unix it returns only if the command cannot be started, with an exit code.
    pub fn replace(&self) -> u8 {
        #[cfg(unix)]
        {
            let error = std::os::unix::process::CommandExt::exec(self.command().stdin(Stdio::inherit()));
            eprintln!("{}", cannot_start(self, &error));
            127
        }
        #[cfg(not(unix))]
        self.pass_through()
    }

    /// Runs the command with the caller's three streams and returns its exit code, or 127 if it cannot be
    /// started.
    pub fn pass_through(&self) -> u8 {
        match self.inherit() {
            Ok(ProcessEnd::Code(code)) => u8::try_from(code).unwrap_or(1),
            Ok(_) => 1,
            Err(error) => {
                eprintln!("{error}");
                127
            }
        }
    }

    /// Runs the command with its two output streams written to files, and without input. Returns its exit
    /// code in the form of a shell: 128 plus the number of the signal that ended it, or 127 if it cannot be
    /// started.
    pub fn into_files(&self, out: std::fs::File, errors: std::fs::File) -> u8 {
        match self.command().stdin(Stdio::null()).stdout(out).stderr(errors).status().map(ProcessEnd::from) {
            Ok(ProcessEnd::Code(code)) => u8::try_from(code).unwrap_or(1),
            Ok(ProcessEnd::Signal(signal)) => {
                u8::try_from(signal).map_or(1, |signal| signal.saturating_add(128))
            }
            Ok(_) => 1,
            Err(error) => {
                eprintln!("{}", cannot_start(self, &error));
                127
            }
        }
    }

    /// Runs the command with the caller's three streams. This is for commands that the user answers or
    /// watches (`sudo apt-get …`, tests).
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn inherit(&self) -> Result<ProcessEnd> {
        let status = self.command().stdin(Stdio::inherit()).status().map_err(|e| cannot_start(self, &e))?;
        Ok(ProcessEnd::from(status))
    }
}

/// Returns the first line that a command prints, trimmed. Returns none if the command does not exist, fails
/// or prints nothing. It is meant for optional facts, such as git's commit.
pub fn first_line(dir: &Path, program: &str, args: &[&str]) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
    let shell = xshell::Shell::new().ok()?;
    shell.change_dir(dir);
    let text = shell.cmd(program).args(args).quiet().ignore_stderr().read().ok()?;
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

impl Output {
    /// Whether the command ended with exit code 0.
    pub fn ok(&self) -> bool {
        self.end == ProcessEnd::Code(0)
    }

    /// Returns standard output as text, trimmed at the end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// Returns standard error as text, without terminal controls such as colours, trimmed at the end.
    pub fn errors(&self) -> String {
        plain(&String::from_utf8_lossy(&self.stderr)).trim_end().to_owned()
    }
}

impl std::fmt::Display for ProcessEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProcessEnd::Code(code) => write!(f, "exit code {code}"),
            ProcessEnd::Signal(number) => match signal::signal_name(*number) {
                Some(name) => write!(f, "{name} (signal {number})"),
                None => write!(f, "signal {number}"),
            },
            ProcessEnd::TimedOut(limit) => write!(f, "still running after {} s", limit.as_secs()),
            ProcessEnd::TooMuch(most) => write!(f, "more than {} of output", xtask_files::human_size(*most)),
        }
    }
}

impl ProcessEnd {
    /// Whether this program ended the process. Processes that it started may still run elsewhere.
    pub fn is_ours(self) -> bool {
        matches!(self, ProcessEnd::TimedOut(_) | ProcessEnd::TooMuch(_))
    }
}

impl From<ExitStatus> for ProcessEnd {
    fn from(status: ExitStatus) -> Self {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return ProcessEnd::Signal(signal);
        }
        ProcessEnd::Code(status.code().unwrap_or(-1))
    }
}

fn cannot_start(cmd: &Cmd, error: &std::io::Error) -> Error {
    let program = Path::new(&cmd.program).display();
    let what = format!("cannot run {program}: {error}");
    let failed = Error::failed(what).due_to(error).found(format!("the command was: {}", cmd.line()));
    let fault = MachineFault::of_start(Path::new(&cmd.program), &failed);
    let missing = fault.is_some() || error.kind() == std::io::ErrorKind::NotFound;
    let kind = if missing { ExitKind::Missing } else { failed.kind };
    fault.into_iter().fold(Error { kind, ..failed }, |error, fault| error.help(fault.help()))
}

fn send_lines(
    stream: impl Read + Send + 'static,
    kind: Stream,
    tx: mpsc::SyncSender<(Stream, String)>,
) -> std::io::Result<()> {
    let send = move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.by_ref().take(LINE).read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            if tx.send((kind, text)).is_err() {
                return;
            }
            line.clear();
        }
    };
    thread(send).map(|_| ())
}

/// Starts a thread that reads the output of a command, or waits for the command.
fn thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<JoinHandle<T>> {
    std::thread::Builder::new().spawn(work)
}

/// Quotes a word for a POSIX shell if it needs quoting.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:+,@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { quoted(word) }
}

/// Puts a word between quotes for a POSIX shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
