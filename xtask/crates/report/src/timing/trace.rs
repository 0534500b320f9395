//! Measures the parts of a build's time. A thread samples the processes below this one, and looks at the
//! leaves of the process tree: compilers and linkers work there, and their callers wait. The build itself is
//! not changed: there is no wrapper and no other command line. So the traced build is the timed one.
//!
//! Only on Linux (proc(5): `task/<tid>/children`, `comm`, `cmdline`). On other systems, or if a kernel lacks
//! these files, there are no parts.

use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::record::BuildSeconds;
use xtask_compilers::toolchain::compilers::{KEPT_BY_KERNEL, is_compiler};
use xtask_process::exec::processes::{DEPTH_MAX, children};

/// The interval between two samples. One sample costs about 0.2 ms.
const STEP: Duration = Duration::from_millis(10);

/// The kind of work that a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TracedWork {
    C,
    Rust,
    Link,
    Other,
}

/// The samples, as shares of each kind of work. A sample with several working processes is split evenly.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Shares {
    c: f64,
    rust: f64,
    link: f64,
    other: f64,
}

impl Shares {
    fn add(&mut self, workers: &[TracedWork]) {
        if workers.is_empty() {
            self.other += 1.0;
        }
        let each = 1.0 / workers.len().max(1) as f64;
        for work in workers {
            *match work {
                TracedWork::C => &mut self.c,
                TracedWork::Rust => &mut self.rust,
                TracedWork::Link => &mut self.link,
                TracedWork::Other => &mut self.other,
            } += each;
        }
    }

    /// Returns the parts of a build that took this many seconds, or none if there was no sample.
    fn of(self, seconds: f64) -> Option<BuildSeconds> {
        let all = self.c + self.rust + self.link + self.other;
        let part = |share: f64| seconds * share / all;
        (all > 0.0).then(|| BuildSeconds {
            c_s: part(self.c),
            rustc_s: part(self.rust),
            link_s: part(self.link),
            other_s: part(self.other),
        })
    }
}

/// A trace that is running.
#[derive(Debug)]
pub struct Trace {
    stop: Sender<()>,
    thread: JoinHandle<Shares>,
}

impl Trace {
    /// Begins to sample the processes that this one starts. Returns none if the system does not show them.
    pub fn start() -> Option<Self> {
        let own = std::process::id();
        children(own)?;
        let (stop, stopped) = mpsc::channel();
        let look = move || {
            let mut shares = Shares::default();
            while stopped.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                let mut workers = Vec::new();
                for child in children(own).unwrap_or_default() {
                    ends(child, 0, &mut workers);
                }
                shares.add(&workers);
            }
            shares
        };
        let thread = std::thread::Builder::new().name("trace".into()).spawn(look).ok()?;
        Some(Self { stop, thread })
    }

    /// Ends the trace. `seconds` is the measured duration of the build; the parts add up to it.
    pub fn finish(self, seconds: f64) -> Option<BuildSeconds> {
        drop(self.stop);
        self.thread.join().ok()?.of(seconds)
    }
}

/// Adds the work of the leaves of a process tree. A process that has ended meanwhile adds nothing.
fn ends(pid: u32, depth: usize, workers: &mut Vec<TracedWork>) {
    let Some(children) = children(pid) else { return };
    if children.is_empty() || depth == DEPTH_MAX {
        let Ok(name) = fs::read_to_string(format!("/proc/{pid}/comm")) else { return };
        let args = || fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        workers.extend(work(name.trim_end(), args));
    }
    for child in children {
        ends(child, depth + 1, workers);
    }
}

/// Returns the kind of work of a process with this name, or none for Cargo itself, which waits. `args` are
/// its arguments, each followed by NUL.
fn work(name: &str, args: impl Fn() -> String) -> Option<TracedWork> {
    // The kernel keeps 15 bytes of a name, so a longer name is truncated.
    let last =
        name.rsplit('-').find(|part| !part.bytes().all(|b| b.is_ascii_digit() || b == b'.')).unwrap_or(name);
    Some(match last {
        "cargo" => return None,
        "rustc" => TracedWork::Rust,
        "cc1" | "cc1plus" | "as" | "ar" | "ranlib" | "cmake" | "ninja" => TracedWork::C,
        "ld" | "ld.bfd" | "ld.gold" | "ld.lld" | "lld" | "mold" | "collect2" => TracedWork::Link,
        // Drivers do both, and their arguments show which.
        "python3" | "sh" => driver(&args()),
        _ if is_compiler(name) => driver(&args()),
        // A driver with a truncated name: `x86_64-linux-gnu-gcc-12` is `x86_64-linux-gn`.
        _ if name.len() == KEPT_BY_KERNEL && name.contains("-linux-") => driver(&args()),
        _ => TracedWork::Other,
    })
}

fn driver(args: &str) -> TracedWork {
    let mut args = args.split('\0');
    let has = |wanted: &[&str]| args.any(|arg| wanted.contains(&arg));
    let mut has = has;
    if has(&["-c", "-S", "-E", "-cc1", "-cc1as", "ar", "ranlib"]) { TracedWork::C } else { TracedWork::Link }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_work() {
        let of = |name: &str, args: &str| work(name, || args.replace(' ', "\0"));
        for (name, args, expected) in [
            ("cargo", "", None),
            ("rustc", "rustc --crate-name x -o y", Some(TracedWork::Rust)),
            ("cc1", "", Some(TracedWork::C)),
            ("gcc", "gcc -c x.c", Some(TracedWork::C)),
            ("gcc", "gcc x.o -o x", Some(TracedWork::Link)),
            ("gcc-12", "gcc-12 -O2 -c x.c", Some(TracedWork::C)),
            ("aarch64-linux-g", "aarch64-linux-gnu-gcc -c x.c", Some(TracedWork::C)),
            ("x86_64-linux-gn", "x86_64-linux-gnu-ld x.o", Some(TracedWork::Link)),
            ("rust-lld", "", Some(TracedWork::Link)),
            ("ld.lld", "", Some(TracedWork::Link)),
            ("zig", "zig clang -cc1 x.c", Some(TracedWork::C)),
            ("zig", "zig cc x.o -o x", Some(TracedWork::Link)),
            ("build-script-bu", "", Some(TracedWork::Other)),
        ] {
            assert_eq!(of(name, args), expected, "{name} {args}");
        }
    }

    #[test]
    fn what_runs_is_seen() {
        let sleep = std::path::Path::new("/bin/sleep");
        if !cfg!(target_os = "linux") || !sleep.exists() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let compiler = dir.path().join("cc1");
        fs::copy(sleep, &compiler).unwrap();
        let trace = Trace::start().unwrap();
        let output =
            xtask_process::exec::Cmd::new(&compiler).arg("0.5").capture(Duration::from_secs(60)).unwrap();
        let parts = trace.finish(output.seconds).unwrap();
        // Other tests of this program start processes meanwhile, and their work is counted too.
        assert!(parts.c_s > 0.0, "{parts:?}");
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut shares = Shares::default();
        shares.add(&[TracedWork::Rust, TracedWork::C]);
        shares.add(&[TracedWork::Rust]);
        shares.add(&[]);
        shares.add(&[TracedWork::Link, TracedWork::Link]);
        let parts = shares.of(8.0).unwrap();
        assert_eq!((parts.rustc_s, parts.c_s, parts.link_s, parts.other_s), (3.0, 1.0, 2.0, 2.0));
        assert_eq!(Shares::default().of(1.0), None);
    }
}
