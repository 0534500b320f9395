//! A call of a C compiler that a trap caught.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use xtask_process::exec::Cmd;

/// One call of a C compiler during a pure build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hit {
    /// The crate with its version whose build script made the call. If Cargo named none, a description of the
    /// caller.
    pub krate: String,
    /// The name that was called: `cc`, `CC_aarch64_unknown_linux_musl`, `cmake`.
    pub program: String,
    /// The arguments that the compiler was called with.
    pub args: Vec<String>,
    /// The target of the build; none for the host.
    pub target: Option<String>,
    /// Whether the call only queried the compiler, so that its output would not be linked.
    #[serde(default)]
    pub asked: bool,
    /// The `OUT_DIR` of the caller, if it had one.
    #[serde(default)]
    pub out_dir: Option<PathBuf>,
    /// The time of the call, in microseconds since 1970.
    #[serde(default)]
    pub at: u64,
}

/// The size limit in bytes of a file in `OUT_DIR` that counts as a test of the compiler.
const TEST_MAX: u64 = 4096;

impl Hit {
    /// Returns a line such as `ring 0.17.14 ran: cc -c -o x.o x.c`. A query has `asked` instead of `ran`.
    pub fn line(&self) -> String {
        let mut command = Cmd::new(&self.program);
        command.args.extend(self.args.iter().map(Into::into));
        let line: String = command.line().chars().take(400).collect();
        format!("{} {}: {line}", self.krate, if self.asked { "asked" } else { "ran" })
    }

    /// Returns whether the build script that called has not run again since. Cargo touches a file when it
    /// starts a script.
    pub(super) fn is_current(&self) -> bool {
        let started = self.out_dir.as_deref().and_then(Path::parent).map(|dir| dir.join("invoked.timestamp"));
        let started = started.and_then(|file| std::fs::metadata(file).ok()?.modified().ok());
        started.is_none_or(|started| started <= SystemTime::UNIX_EPOCH + Duration::from_micros(self.at))
    }
}

/// Returns the time in microseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Returns whether a call only queries a compiler: its version, its settings, or whether it compiles a small
/// text that the caller has just written into its `OUT_DIR`.
pub(super) fn only_asks(program: &str, args: &[String], out_dir: Option<&Path>) -> bool {
    let is = |arg: &String, list: &[&str]| list.contains(&arg.as_str());
    let about_itself = |arg: &String| {
        is(
            arg,
            &[
                "--version",
                "-V",
                "-v",
                "-vV",
                "--help",
                "-dumpversion",
                "-dumpmachine",
                "-dumpfullversion",
                "-###",
            ],
        ) || arg.starts_with("-print-")
            || arg.starts_with("--print-")
    };
    let preprocesses = |arg: &String| is(arg, &["-E", "-M", "-MM", "-fsyntax-only"]);
    let sources: Vec<&String> = args.iter().filter(|arg| is_source(arg)).collect();
    let compiles =
        args.iter().any(|arg| is(arg, &["-c", "-S"]) || arg.starts_with("-x")) || !sources.is_empty();
    if !compiles {
        // `ar` and `cmake` do their work without any of these arguments.
        return args.iter().any(about_itself) || (args.is_empty() && !is_archiver(program));
    }
    if args.iter().any(preprocesses) {
        return true;
    }
    !sources.is_empty() && sources.iter().all(|source| is_test(source, out_dir))
}

fn is_archiver(program: &str) -> bool {
    ["ar", "ranlib", "cmake"].iter().any(|name| program.to_lowercase().contains(name))
}

/// Returns whether an argument is a source file of a language that C compilers compile.
pub(super) fn is_source(arg: &str) -> bool {
    const SOURCES: [&str; 12] = ["c", "cc", "cp", "cpp", "cxx", "c++", "C", "m", "mm", "s", "S", "i"];
    let ending = Path::new(arg).extension();
    !arg.starts_with('-') && ending.is_some_and(|ending| SOURCES.iter().any(|source| ending == *source))
}

fn is_test(source: &str, out_dir: Option<&Path>) -> bool {
    let path = std::env::current_dir().unwrap_or_default().join(source);
    let own = out_dir.is_some_and(|folder| path.starts_with(folder));
    own && std::fs::metadata(path).is_ok_and(|meta| meta.len() <= TEST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_told_from_compiling() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str, length: usize| {
            let file = dir.path().join(name);
            std::fs::write(&file, "x".repeat(length)).unwrap();
            file.display().to_string()
        };
        let (small, large) = (place("flag_check.c", 30), place("sqlite3.c", 5000));
        let asks = |line: &str| {
            let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            only_asks("cc", &args, Some(dir.path()))
        };
        for line in [
            "--version",
            "-dumpmachine",
            "-print-search-dirs",
            "-E x.c",
            "",
            "-v -E -x c /dev/null",
            "-fsyntax-only x.c",
        ] {
            assert!(asks(line), "{line}");
        }
        assert!(asks(&format!("-O0 -mavx512f -o /x/out -c {small}")));
        for line in [
            "-c x.c -o x.o",
            "x.S",
            "a.o -o app",
            "-xc - -o x",
            &format!("-c {small} x.c"),
            &format!("-c {large}"),
        ] {
            assert!(!asks(line), "{line}");
        }
        assert!(!only_asks("ar", &[], None) && only_asks("ar", &["--version".into()], None));
    }

    #[test]
    fn a_call_of_an_earlier_run_of_a_script_is_past() {
        let dir = tempfile::tempdir().unwrap();
        let hit = |at| Hit {
            krate: "sly 0.7.1".into(),
            program: "cc".into(),
            args: Vec::new(),
            target: None,
            asked: false,
            out_dir: Some(dir.path().join("out")),
            at,
        };
        assert!(hit(1).is_current(), "nobody says when the script ran");
        std::fs::write(dir.path().join("invoked.timestamp"), "").unwrap();
        assert!(!hit(1).is_current() && hit(now() + 1_000_000).is_current());
    }
}
