//! Faults of the machine: reasons for a failure that are not the fault of the failed program. For example, a
//! disk is full, a limit is reached, or a folder is mounted so that nothing in it can be started. Code that
//! judges a failed program checks for such a fault first.
//!
//! If possible, a fault is detected from facts: the system's error number, a signal, an experiment in the
//! folder. A program that fails on a system call only prints the message of the C library or of its own
//! run-time library. Such messages are searched in its output, too (`SYSTEM_ERRORS`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(unix)]
use rustix::{io::Errno, process::Signal};
use xtask_files::error::Error;
use xtask_files::human_size;

use super::{Cmd, Output, ProcessEnd};

/// A fault of the machine, and not of a program that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineFault {
    /// The system refused a call, with an error number that shows a fault of the machine.
    Refused(&'static SystemError),
    /// Programs in a folder cannot be started, although their modes allow it.
    NotExecutable {
        /// The folder with these programs.
        folder: PathBuf,
        /// The system's answer to an attempt.
        answer: String,
    },
    /// No file can be written into a folder.
    NotWritable {
        /// The folder that cannot be written.
        folder: PathBuf,
        /// The system's answer to an attempt.
        answer: String,
    },
    /// The file system of a folder has less free space than the work may need.
    LittleSpace {
        /// The mount point of the file system, or the folder itself.
        folder: PathBuf,
        /// The free space in bytes.
        free: u64,
    },
    /// A limit of this process, which its children inherit, is lower than the needs of compilers.
    Limited {
        /// The limited resource, as text.
        what: &'static str,
        /// The limit, as text.
        limit: String,
        /// The shell command that raises the limit.
        raise: &'static str,
    },
    /// Another process ended the program: the kernel for lack of memory or time, or a user.
    Ended(&'static EndingSignal),
    /// The program still ran when its time limit was over. The time depends on the load of the machine.
    TimedOut(Duration),
}

/// A system error that shows a fault of the machine.
#[derive(Debug, PartialEq, Eq)]
pub struct SystemError {
    /// The number of the error (`errno`).
    number: i32,
    /// The names of the error in programs that do not use the C library's text: error names of Zig, messages
    /// of LLVM, gcc and C++.
    names: &'static [&'static str],
    /// The fault that it shows.
    what: &'static str,
    /// The remedy, as text for the user.
    help: &'static str,
}

/// A signal that does not result from a mistake in the program's own code.
#[derive(Debug, PartialEq, Eq)]
pub struct EndingSignal {
    /// The number of the signal.
    number: i32,
    /// The names that programs print if the signal ends a child: gcc and clang print the C library's name,
    /// rustc its own.
    names: [&'static str; 2],
    /// The usual cause of the signal.
    what: &'static str,
    /// The remedy, as text for the user.
    help: &'static str,
}

const SPACE: &str = "free some space, or use another file system";
const PROCESSES: &str =
    "end some processes, or raise the limit: `ulimit -u`, or the limit of processes of the container";
const MEMORY: &str = "give it more memory, or run fewer jobs at once: CARGO_BUILD_JOBS=1";

/// System errors that only the machine can cause. `EACCES` is not among them, because a badly installed
/// compiler causes it, too.
#[cfg(unix)]
const SYSTEM_ERRORS: &[SystemError] = &[
    SystemError {
        number: Errno::NOSPC.raw_os_error(),
        names: &["NoSpaceLeft"],
        what: "a file system has no space left",
        help: SPACE,
    },
    SystemError {
        number: Errno::DQUOT.raw_os_error(),
        names: &["DiskQuota"],
        what: "a disk quota is used up",
        help: SPACE,
    },
    SystemError {
        number: Errno::ROFS.raw_os_error(),
        names: &["ReadOnlyFileSystem"],
        what: "a file system is read-only",
        help: "mount it so that it can be written, or use another folder: XTASK_CACHE_DIR, CARGO_TARGET_DIR, TMPDIR",
    },
    // This row precedes the next, whose message is the beginning of this one's.
    SystemError {
        number: Errno::NFILE.raw_os_error(),
        names: &["SystemFdQuotaExceeded"],
        what: "no more files can be opened on this machine",
        help: "end some processes, or raise fs.file-max",
    },
    SystemError {
        number: Errno::MFILE.raw_os_error(),
        names: &["ProcessFdQuotaExceeded"],
        what: "a process may not open more files",
        help: "raise the limit: `ulimit -n 1024`",
    },
    SystemError {
        number: Errno::AGAIN.raw_os_error(),
        names: &["SystemResources", "ThreadQuotaExceeded"],
        what: "no more processes or threads can be started",
        help: PROCESSES,
    },
    SystemError {
        number: Errno::NOMEM.raw_os_error(),
        names: &["OutOfMemory", "LLVM ERROR: out of memory", "memory exhausted", "std::bad_alloc"],
        what: "memory ran out",
        help: MEMORY,
    },
    SystemError {
        number: Errno::IO.raw_os_error(),
        names: &["InputOutput"],
        what: "a disk cannot be read or written",
        help: "read the messages of the kernel: `dmesg`",
    },
    SystemError {
        number: Errno::FBIG.raw_os_error(),
        names: &["FileTooBig"],
        what: "a file exceeds the limit of its size",
        help: "raise the limit: `ulimit -f unlimited`",
    },
    SystemError {
        number: Errno::TXTBSY.raw_os_error(),
        names: &["FileBusy"],
        what: "a program that is to be started is still being written",
        help: "run it again",
    },
    SystemError {
        number: Errno::STALE.raw_os_error(),
        names: &["StaleNFSHandle"],
        what: "a network file system has lost a file",
        help: "run it again",
    },
    SystemError {
        number: Errno::NOTCONN.raw_os_error(),
        names: &["NotConnected"],
        what: "a network file system is not connected",
        help: "mount it again, or use another folder",
    },
];

/// Signals that other processes send. A program that crashes by itself ends with another signal, and will
/// crash again.
#[cfg(unix)]
const ENDING_SIGNALS: &[EndingSignal] = &[
    EndingSignal {
        number: Signal::KILL.as_raw(),
        names: ["Killed", "SIGKILL"],
        what: "a program was killed; the kernel does this if memory runs out",
        help: MEMORY,
    },
    EndingSignal {
        number: Signal::XCPU.as_raw(),
        names: ["CPU time limit exceeded", "SIGXCPU"],
        what: "a program has used up its processor time",
        help: "raise the limit: `ulimit -t unlimited`",
    },
    EndingSignal {
        number: Signal::XFSZ.as_raw(),
        names: ["File size limit exceeded", "SIGXFSZ"],
        what: "a file exceeds the limit of its size",
        help: "raise the limit: `ulimit -f unlimited`",
    },
    EndingSignal {
        number: Signal::BUS.as_raw(),
        names: ["Bus error", "SIGBUS"],
        what: "a bus error ended a program; a full file system can cause this",
        help: SPACE,
    },
    EndingSignal {
        number: Signal::TERM.as_raw(),
        names: ["Terminated", "SIGTERM"],
        what: ENDED,
        help: "run it again",
    },
    EndingSignal {
        number: Signal::HUP.as_raw(),
        names: ["Hangup", "SIGHUP"],
        what: ENDED,
        help: "run it again",
    },
    EndingSignal {
        number: Signal::INT.as_raw(),
        names: ["Interrupt", "SIGINT"],
        what: ENDED,
        help: "run it again",
    },
    EndingSignal {
        number: Signal::QUIT.as_raw(),
        names: ["Quit", "SIGQUIT"],
        what: ENDED,
        help: "run it again",
    },
];

#[cfg(not(unix))]
const SYSTEM_ERRORS: &[SystemError] = &[];
#[cfg(not(unix))]
const ENDING_SIGNALS: &[EndingSignal] = &[];

const ENDED: &str = "another process or a user ended the program";

/// A folder that the work needs, and the requirements for it.
#[derive(Debug, Clone, Copy)]
pub struct NeededFolder<'a> {
    /// The path of the folder.
    pub path: &'a Path,
    /// The number of bytes that the work may write there.
    pub space: u64,
    /// Whether programs in the folder are started.
    pub starts: bool,
}

impl MachineFault {
    /// Returns the fault for the number of a system error.
    pub fn of_number(number: Option<i32>) -> Option<Self> {
        SYSTEM_ERRORS.iter().find(|error| Some(error.number) == number).map(Self::Refused)
    }

    /// Returns the fault that prevented the start of a program. If the mode of the file allows execution but
    /// the system denies it, the file is not at fault: a mount option or a policy forbids it.
    pub fn of_start(program: &Path, error: &Error) -> Option<Self> {
        Self::of_number(error.os).or_else(|| {
            let denied = std::io::Error::from_raw_os_error(error.os?);
            let denied = Some(denied).filter(|e| e.kind() == std::io::ErrorKind::PermissionDenied)?;
            let folder = file_system(program.parent().unwrap_or(Path::new("")));
            let answer = match forbids_programs(&folder) {
                true => "it is mounted with noexec".to_owned(),
                false => denied.to_string(),
            };
            is_executable(program).then_some(Self::NotExecutable { folder, answer })
        })
    }

    /// Returns the fault that ended a program, from its end and its output.
    pub fn of_output(output: &Output) -> Option<Self> {
        match output.end {
            ProcessEnd::TimedOut(limit) => return Some(Self::TimedOut(limit)),
            ProcessEnd::Signal(number) => {
                if let Some(signal) = ENDING_SIGNALS.iter().find(|signal| signal.number == number) {
                    return Some(Self::Ended(signal));
                }
            }
            ProcessEnd::Code(_) | ProcessEnd::TooMuch(_) => {}
        }
        [output.errors(), output.text()].iter().find_map(|words| Self::of_words(words))
    }

    /// Returns the fault that the output of a failed program names.
    pub fn of_words(words: &str) -> Option<Self> {
        let names = |names: &[&str]| names.iter().any(|name| has_word(words, name));
        let error = SYSTEM_ERRORS.iter().find(|error| words.contains(&*error.text()) || names(error.names));
        let signal = || ENDING_SIGNALS.iter().find(|signal| names(&signal.names));
        error.map(Self::Refused).or_else(|| signal().map(Self::Ended))
    }

    /// Searches for a fault that exists now, by experiments that leave nothing behind: in folders, and with
    /// the limits of this process. It takes some milliseconds, so it is meant for use after a failure.
    pub fn present(folders: &[NeededFolder<'_>]) -> Option<Self> {
        Self::in_folders(folders).or_else(of_limits)
    }

    /// Works as [`MachineFault::present`], but checks only the folders.
    pub fn in_folders(folders: &[NeededFolder<'_>]) -> Option<Self> {
        folders.iter().find_map(Self::of_folder)
    }

    /// Adds the name of the full file system to a fault about lack of space, if one of these folders is on
    /// it.
    #[must_use]
    pub fn placed(self, folders: &[NeededFolder<'_>]) -> Self {
        let of_space = match &self {
            Self::Refused(error) => error.help == SPACE,
            Self::Ended(signal) => signal.help == SPACE,
            _ => false,
        };
        Self::in_folders(folders).filter(|_| of_space).unwrap_or(self)
    }

    fn of_folder(folder: &NeededFolder<'_>) -> Option<Self> {
        let NeededFolder { path, space, starts } = *folder;
        if !path.is_dir() {
            return Some(Self::NotWritable {
                folder: path.to_owned(),
                answer: "there is no such folder".into(),
            });
        }
        // The experiment is a script: everything that forbids starting programs in the folder forbids
        // starting it, too.
        let name = format!(".start-{}-{:?}", std::process::id(), std::thread::current().id());
        let trial = TrialFile(path.join(name));
        let written = xtask_files::place(&trial.0, |staged| {
            std::fs::write(staged, "#!/bin/sh\nexit 0\n")?;
            #[cfg(unix)]
            std::fs::set_permissions(staged, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
            Ok(())
        });
        if let Err(error) = written {
            let folder = path.to_owned();
            let refused = Self::of_number(error.os);
            return Some(refused.unwrap_or(Self::NotWritable { folder, answer: error.what }));
        }
        let started = starts.then(|| Cmd::new(&trial.0).capture(START));
        if let Some(Err(error)) = started {
            let answer = error.what.clone();
            let refused = Self::of_start(&trial.0, &error);
            return Some(refused.unwrap_or(Self::NotExecutable { folder: path.to_owned(), answer }));
        }
        let free = free(path).filter(|free| *free < space)?;
        Some(Self::LittleSpace { folder: file_system(path), free })
    }

    /// Returns the remedy, as text for the user.
    pub fn help(&self) -> String {
        match self {
            Self::Refused(error) => error.help.to_owned(),
            Self::Ended(signal) => signal.help.to_owned(),
            Self::NotExecutable { folder, .. } => {
                format!("allow programs in {} to be started, or {OTHER_FOLDER}", folder.display())
            }
            Self::NotWritable { folder, .. } => {
                format!("allow this user to write into {}, or {OTHER_FOLDER}", folder.display())
            }
            Self::LittleSpace { .. } => SPACE.to_owned(),
            Self::Limited { raise, .. } => format!("raise the limit: `{raise}`"),
            Self::TimedOut(_) => "run it again when the machine has less to do".to_owned(),
        }
    }
}

impl fmt::Display for MachineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => f.write_str(error.what),
            Self::Ended(signal) => f.write_str(signal.what),
            Self::NotExecutable { folder, answer } => {
                write!(f, "programs in {} cannot be started: {answer}", folder.display())
            }
            Self::NotWritable { folder, answer } => {
                write!(f, "no file can be written into {}: {answer}", folder.display())
            }
            Self::LittleSpace { folder, free } => {
                write!(f, "the file system {} has only {} left", folder.display(), human_size(*free))
            }
            Self::Limited { what, limit, .. } => write!(f, "{what} of a process is limited to {limit}"),
            Self::TimedOut(limit) => {
                write!(f, "a program was still running after {} s", limit.as_secs())
            }
        }
    }
}

impl SystemError {
    /// Returns the message of the C library and of Rust's std for the error, in the C locale.
    fn text(&self) -> String {
        let text = std::io::Error::from_raw_os_error(self.number).to_string();
        text.split(" (os error ").next().unwrap_or_default().to_owned()
    }
}

/// A file that is removed when dropped.
struct TrialFile(PathBuf);

impl Drop for TrialFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Whether the mode of a file allows anyone to execute it.
fn is_executable(program: &Path) -> bool {
    #[cfg(unix)]
    let executable = std::fs::metadata(program)
        .is_ok_and(|meta| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0);
    #[cfg(not(unix))]
    let executable = program.is_file();
    executable
}

/// The time limit for starting a script of one line.
const START: Duration = Duration::from_secs(60);

const OTHER_FOLDER: &str = "use another folder: XTASK_CACHE_DIR, CARGO_TARGET_DIR, TMPDIR";

/// The number of threads and files that compilers need at the same time, at least.
const AT_ONCE: usize = 32;

/// Returns a fault in the limits of this process, which its children inherit.
fn of_limits() -> Option<MachineFault> {
    of_threads().or_else(of_files).or_else(of_resources)
}

fn of_threads() -> Option<MachineFault> {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(receiver));
    let mut refused = None;
    let mut threads = Vec::new();
    for _ in 0..AT_ONCE {
        let receiver = std::sync::Arc::clone(&receiver);
        let wait = move || drop(receiver.lock().map(|receiver| receiver.recv()));
        match std::thread::Builder::new().stack_size(64 << 10).spawn(wait) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                refused = error.raw_os_error();
                break;
            }
        }
    }
    drop(sender);
    threads.into_iter().for_each(|thread| drop(thread.join()));
    MachineFault::of_number(refused)
}

fn of_files() -> Option<MachineFault> {
    let open = |_| std::fs::File::open("/dev/null");
    let opened: Result<Vec<_>, _> = (0..AT_ONCE).map(open).collect();
    MachineFault::of_number(opened.err()?.raw_os_error())
}

/// Returns a limit that is so low that compilers fail without a clear message: they crash, or a signal ends
/// them.
#[cfg(unix)]
fn of_resources() -> Option<MachineFault> {
    use rustix::process::{Resource, getrlimit};
    let bytes = |limit: u64| human_size(limit);
    let count = |limit: u64| limit.to_string();
    let seconds = |limit: u64| format!("{limit} s");
    type Row = (Resource, u64, &'static str, &'static str, fn(u64) -> String);
    let rows: [Row; 6] = [
        (Resource::As, 8 << 30, "the memory", "ulimit -v unlimited", bytes),
        (Resource::Data, 8 << 30, "the memory", "ulimit -d unlimited", bytes),
        (Resource::Stack, 1 << 20, "the stack", "ulimit -s 8192", bytes),
        (Resource::Fsize, 1 << 30, "the size of a file", "ulimit -f unlimited", bytes),
        (Resource::Nofile, 256, "the number of open files", "ulimit -n 1024", count),
        (Resource::Cpu, 3600, "the processor time", "ulimit -t unlimited", seconds),
    ];
    rows.into_iter().find_map(|(resource, least, what, raise, said)| {
        let limit = getrlimit(resource).current.filter(|limit| *limit < least)?;
        Some(MachineFault::Limited { what, limit: said(limit), raise })
    })
}

#[cfg(not(unix))]
fn of_resources() -> Option<MachineFault> {
    None
}

/// Returns the number of bytes that this user can still write on the file system of a folder, or none if it
/// is not known.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    // Some file systems report no block count.
    (stat.f_blocks > 0).then(|| stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

/// Returns the mount point of a folder's file system, or the folder itself if it is on the root file system.
#[cfg(unix)]
fn file_system(folder: &Path) -> PathBuf {
    use std::os::unix::fs::MetadataExt as _;
    let device = |dir: &Path| std::fs::metadata(dir).ok().map(|meta| meta.dev());
    let own = device(folder);
    let top = folder.ancestors().take_while(|above| device(above) == own).last();
    top.filter(|top| top.parent().is_some()).unwrap_or(folder).to_owned()
}

#[cfg(not(unix))]
fn file_system(folder: &Path) -> PathBuf {
    folder.to_owned()
}

/// Whether a file system is mounted with an option that forbids starting programs.
fn forbids_programs(folder: &Path) -> bool {
    #[cfg(target_os = "linux")]
    let noexec = rustix::fs::statvfs(folder)
        .is_ok_and(|stat| stat.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
    // rustix reads this option on Linux only.
    #[cfg(not(target_os = "linux"))]
    let noexec = folder.as_os_str().is_empty();
    noexec
}

/// Whether a text contains a word, and not only as a part of a longer word.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str) -> Option<MachineFault> {
        MachineFault::of_output(&Cmd::new("/bin/sh").args(["-c", script]).capture(START).unwrap())
    }

    #[test]
    fn every_error_of_the_system_is_known_by_its_number_and_in_words() {
        for error in SYSTEM_ERRORS {
            let fault = Some(MachineFault::Refused(error));
            assert_eq!(MachineFault::of_number(Some(error.number)), fault);
            // The messages of Rust programs, of C programs, and those with other names.
            let real = std::io::Error::from_raw_os_error(error.number).to_string();
            let words = [
                format!("thread panicked: {real}"),
                format!("x.c:1:1: fatal error: error writing to /tmp/x.s: {}", error.text()),
            ];
            let named = error.names.iter().map(|name| format!("error: unable to build: {name}\n"));
            for said in words.into_iter().chain(named) {
                assert_eq!(MachineFault::of_words(&said), fault, "{said}");
            }
            assert!(!MachineFault::Refused(error).help().is_empty());
        }
        for number in [Errno::NOENT, Errno::ACCESS, Errno::NOEXEC, Errno::PERM] {
            assert_eq!(MachineFault::of_number(Some(number.raw_os_error())), None);
        }
        assert_eq!(MachineFault::of_number(None), None);
    }

    #[test]
    fn a_program_that_was_ended_is_told_from_one_that_crashed() {
        for signal in ENDING_SIGNALS {
            let fault = Some(MachineFault::Ended(signal));
            // If this test runs in the background of a shell, its children ignore some of the signals.
            let number = signal.number;
            let killed = format!("exec env --default-signal sh -c 'kill -{number} $$'");
            assert_eq!(sh(&killed), fault, "{number}");
            // The messages of a driver and of rustc about a child.
            let said = format!("gcc: fatal error: {} signal terminated program cc1", signal.names[0]);
            assert_eq!(MachineFault::of_words(&said), fault);
            let said = format!("linking with `cc` failed: signal: {} ({})", signal.number, signal.names[1]);
            assert_eq!(MachineFault::of_words(&said), fault);
        }
        for script in [
            "kill -SEGV $$",
            "kill -ABRT $$",
            "kill -ILL $$",
            "exit 1",
            "echo undefined symbol: Killed_by >&2; exit 1",
        ] {
            assert_eq!(sh(script), None, "{script}");
        }
        let late = Cmd::new("/bin/sh").args(["-c", "sleep 60"]).capture(Duration::from_millis(50)).unwrap();
        assert!(matches!(MachineFault::of_output(&late), Some(MachineFault::TimedOut(_))));
    }

    #[test]
    fn what_a_compiler_says_of_code_is_no_fault_of_the_machine() {
        for said in [
            "x.c:3:10: fatal error: stdio.h: No such file or directory",
            "error: linking with `cc` failed: exit status: 1\nld: cannot find -lm",
            "cc1: error: bad value 'x' for '-march=' switch",
            "sh: 1: /opt/cc1: Permission denied",
            "error: OutOfMemoryError is not declared",
        ] {
            assert_eq!(MachineFault::of_words(said), None, "{said}");
        }
    }

    #[test]
    fn a_folder_that_serves_has_no_fault_and_one_that_is_none_has() {
        let dir = tempfile::tempdir().unwrap();
        let needed = |path| NeededFolder { path, space: 1, starts: true };
        assert_eq!(MachineFault::of_folder(&needed(dir.path())), None);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing stays");
        let greedy = NeededFolder { space: u64::MAX, ..needed(dir.path()) };
        assert!(matches!(MachineFault::of_folder(&greedy), Some(MachineFault::LittleSpace { .. })));
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let fault = MachineFault::of_folder(&needed(&file)).unwrap();
        assert!(matches!(&fault, MachineFault::NotWritable { folder, .. } if *folder == file), "{fault}");
    }
}
