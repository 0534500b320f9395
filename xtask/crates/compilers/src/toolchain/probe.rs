//! The probe: a candidate counts only after it compiled C, linked a Rust program with it, and, where a runner exists,
//! the program ran and said the right thing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::identity::{Fingerprint, digest};
use super::runner::Runner;
use super::wrapper::WrappedTools;
use super::{Candidate, Link, Linker};
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Cmd, Output, ProcessEnd};
use xtask_triple::{Libc, Triple, system};

/// How long one step of a probe may take, in seconds; then its whole process group is ended.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Raised when the probe's programs or steps change, so that old verdicts no longer count.
const RECIPE: &str = "probe 4";

/// What a probe is made with.
#[derive(Debug, Clone)]
pub struct ProbeSetting<'a> {
    /// The target to build for.
    pub target: &'a Triple,
    /// Its std; none where it is not there yet: the probe then links a C program alone.
    pub std: Option<ProbeStd<'a>>,
    /// The runner that starts the linked program.
    pub runner: &'a Runner,
    /// Whether a mode needs C++.
    pub cxx: bool,
    /// The highest glibc version that the program may require, as `2.31`; none where there is no limit.
    pub glibc: Option<&'a str>,
}

/// The compiler and the sysroot that the Rust half of the probe is built with.
#[derive(Debug, Clone, Copy)]
pub struct ProbeStd<'a> {
    /// The rustc that compiles the Rust half.
    pub rustc: &'a Path,
    /// The folder for `--sysroot`, where the std is not in rustc's own.
    pub sysroot: Option<&'a Path>,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// The toolchain passed its probe.
    Works(Works),
    /// The toolchain is there and does not work.
    Broken {
        /// Which step failed: `start`, `compile`, `archive`, `link`, `run`.
        step: String,
        /// The output of the tool, shortened.
        said: String,
        /// The command that failed, for someone who wants to try it.
        command: String,
        /// It took too long or was killed, which depends on what else the machine does: no fact to be kept.
        #[serde(default)]
        passing: bool,
    },
    /// The program that was named is not there.
    Absent {
        /// Which, and what is wrong with it.
        what: String,
    },
}

impl Verdict {
    /// Whether the next look may well find something else.
    pub fn passing(&self) -> bool {
        matches!(self, Verdict::Broken { passing: true, .. })
    }
}

/// What is known of a toolchain that works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Works {
    /// Name and version, without a path: `gcc 12.2.0`.
    pub version: String,
    /// The identity of the toolchain, as in [`super::Toolchain::id`].
    pub id: String,
    /// Whether the C++ compiler passed too.
    pub cxx: bool,
    /// The steps that were taken, in words.
    pub steps: Vec<String>,
}

/// Runs the probe in `dir`, which must exist and be empty, with the tools of `candidate`.
///
/// # Errors
/// Where the probe's files cannot be written; a tool that fails is a [`Verdict`], not an error.
pub fn probe(
    candidate: &Candidate,
    tools: &WrappedTools,
    setting: &ProbeSetting,
    dir: &Path,
) -> Result<Verdict> {
    if let Some(what) = &candidate.absent {
        return Ok(Verdict::Absent { what: what.clone() });
    }
    for (name, text) in [
        ("probe.c", include_str!("probe/probe.c")),
        ("probe.cc", include_str!("probe/probe.cc")),
        ("probe.rs", include_str!("probe/probe.rs")),
    ] {
        std::fs::write(dir.join(name), text).map_err(|e| Error::io("cannot write", &dir.join(name), &e))?;
    }
    Ok(steps(candidate, tools, setting, dir).unwrap_or_else(|broken| broken))
}

/// The steps in order; the first that fails is the `Err`.
fn steps(
    candidate: &Candidate,
    tools: &WrappedTools,
    setting: &ProbeSetting,
    dir: &Path,
) -> Result<Verdict, Verdict> {
    let mut steps = Vec::new();
    let version = version(candidate, tools, dir)?;

    let floor = setting.glibc.filter(|_| setting.target.libc() == Libc::Glibc);
    let define =
        floor.and_then(|v| v.split_once('.')).map(|(_, minor)| format!("-DPROBE_GLIBC_MINOR={minor}"));
    // Headers of another C library often compile, and their inline functions fail only in programs larger than a probe.
    let library = match setting.target.libc() {
        Libc::Glibc => Some("-DPROBE_GLIBC"),
        Libc::Musl => Some("-DPROBE_MUSL"),
        Libc::Other => None,
    };
    let compile = Cmd::new(&tools.cc).args(["-c", "-O1", "-fPIC", "-std=c11"]).args(library).args(define);
    // What a build adds, so that a compiler that does not know it is found out here.
    let compile = compile.arg(format!("-ffile-prefix-map={}=/probe", dir.display()));
    run("compile", compile.args(["probe.c", "-o", "probe.o"]), dir)?;
    let Some(ar) = &tools.ar else {
        let said = "there is no archiver for it (ar, llvm-ar)".to_owned();
        return Err(Verdict::Broken { step: "archive".into(), said, command: String::new(), passing: false });
    };
    run("archive", Cmd::new(ar).args(["crs", "libprobe.a", "probe.o"]), dir)?;
    steps.push("compiled C".to_owned());

    let program = match setting.std {
        Some(std) => {
            let link = rust_link(setting.target, std, tools, candidate.link);
            prepare(candidate, &link, dir)?;
            run("link", link, dir)?;
            steps.push("linked a Rust program with it".to_owned());
            dir.join("probe")
        }
        None => {
            let link = Cmd::new(&tools.cc).args(["-DPROBE_MAIN", "probe.c", "-o", "probe-c", "-lm"]);
            let links_statically = (system::of(setting.target).links_statically)(setting.target);
            let link = if links_statically { link.arg("-static") } else { link };
            prepare(candidate, &link, dir)?;
            run("link", link, dir)?;
            steps.push("linked a C program (Rust's std for this target is not here yet)".to_owned());
            dir.join("probe-c")
        }
    };
    match setting.runner.command(&program) {
        Some(cmd) => {
            let output = run("run", cmd, dir)?;
            if output.text() != "probe 42" {
                return Err(Verdict::Broken {
                    step: "run".into(),
                    said: format!("the program printed {:?} instead of \"probe 42\"", output.text()),
                    command: String::new(),
                    passing: false,
                });
            }
            steps.push("ran it".to_owned());
        }
        None => {
            let Runner::None { reason } = setting.runner else {
                unreachable!("only Runner::None has no command")
            };
            steps.push(format!("did not run it: {reason}"));
        }
    }
    let cxx = setting.cxx.then(|| cxx(tools, dir)).transpose()?;
    steps.extend(cxx.iter().map(|c| match c {
        Ok(()) => "compiled and linked C++".to_owned(),
        Err(why) => format!("cannot do C++: {why}"),
    }));
    let cxx = cxx.is_some_and(|c| c.is_ok());
    let id = toolchain_id(candidate, &version, setting);
    Ok(Verdict::Works(Works { version, id, cxx, steps }))
}

fn rust_link(target: &Triple, std: ProbeStd, tools: &WrappedTools, link: Link) -> Cmd {
    let linker = Linker::Driver { program: tools.linker.clone(), link };
    Cmd::new(std.rustc)
        .args(["--edition=2024", "--crate-type=bin", "--target", target.as_str(), "probe.rs", "-o", "probe"])
        .args(linker.rustflags(target, std.sysroot))
        .arg(format!("-Clinker={}", tools.linker.display()))
        // As most release profiles: zig makes one C library for stripped programs and one for others, 20 s each.
        .arg("-Cstrip=symbols")
        // As build scripts hand C over, so that the libraries come in the same order.
        .args(["-Lnative=.", "-lm"])
        // What the user's environment says to rustc is no part of the probe.
        .env_remove("RUSTFLAGS")
        .env_remove(super::stand_in::TARGET_DIR)
}

/// Compiles and links C++. A toolchain without it still serves a mode that needs C alone.
fn cxx(tools: &WrappedTools, dir: &Path) -> Result<Result<(), String>, Verdict> {
    let Some(cxx) = &tools.cxx else {
        return Ok(Err("there is no C++ compiler beside the C compiler".into()));
    };
    let cmd = Cmd::new(cxx).args(["-std=c++11", "probe.cc", "-o", "probe-cxx"]);
    match run("compile C++", cmd, dir) {
        Ok(_) => Ok(Ok(())),
        Err(Verdict::Broken { said, passing: false, .. }) => Ok(Err(said)),
        Err(verdict) => Err(verdict),
    }
}

/// The compiler's name and version from the first line of `--version`, without a path or a distribution's remark:
/// `aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0` → `gcc 12.2.0`.
fn version(candidate: &Candidate, tools: &WrappedTools, dir: &Path) -> Result<String, Verdict> {
    if let Some(name) = candidate.link.rules().versioned {
        let said = run("start", Cmd::new(&candidate.cc[0]).arg("version"), dir)?;
        return Ok(format!("{name} {}", said.text()));
    }
    // A compiler need not know --version; whether it works, the next steps show.
    let output = Cmd::new(&tools.cc).arg("--version").cwd(dir).capture(LIMIT);
    Ok(version_of(&output.ok().filter(Output::ok).map(|o| o.text()).unwrap_or_default()))
}

/// Name and version from what a compiler of C says to `--version`: `gcc 12.2.0`.
pub fn version_of(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let kind = if line.contains("clang") {
        "clang"
    } else if text.contains("Free Software Foundation") {
        "gcc"
    } else {
        "cc"
    };
    let outside = without_parentheses(line);
    let number = outside
        .split_whitespace()
        .rfind(|w| w.starts_with(|c: char| c.is_ascii_digit()) && w.contains('.'))
        .unwrap_or("of unknown version");
    format!("{kind} {number}")
}

/// The text outside of parentheses, which is where distributions put their own version numbers.
fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let mut outside = String::new();
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    outside
}

/// Digest over what decides the toolchain's output: its drivers' contents, its arguments, its version and the floor.
fn toolchain_id(candidate: &Candidate, version: &str, setting: &ProbeSetting) -> String {
    let mut print = Fingerprint::new(RECIPE).with(version).with(candidate.provider.name());
    for driver in [Some(&candidate.cc), candidate.cxx.as_ref(), candidate.ar.as_ref()].into_iter().flatten() {
        print = print.with(digest(Path::new(&driver[0])).unwrap_or_default()).with(driver[1..].join("\0"));
    }
    print.with(setting.glibc.unwrap_or_default()).short()
}

/// What a verdict is kept under: everything that could change it, seen by stat alone.
pub fn key(candidate: &Candidate, setting: &ProbeSetting, this: &Path) -> String {
    let mut print = Fingerprint::new(RECIPE).with(setting.target.as_str()).with(format!("{candidate:?}"));
    for driver in [Some(&candidate.cc), candidate.cxx.as_ref(), candidate.ar.as_ref()].into_iter().flatten() {
        print = print.with_stat(Path::new(&driver[0]));
    }
    if let Some(std) = setting.std {
        print = print
            .with_stat(std.rustc)
            .with(std.sysroot.unwrap_or(Path::new("")).as_os_str().as_encoded_bytes());
    }
    if let Runner::Qemu { program, .. } = setting.runner {
        print = print.with_stat(program);
    }
    let print = print.with(format!("{:?} {} {:?}", setting.runner, setting.cxx, setting.glibc));
    // Some link through this program's own filter.
    if candidate.link.rules().filter.is_some() { print.with_stat(this) } else { print }.short()
}

fn run(step: &str, cmd: Cmd, dir: &Path) -> Result<Output, Verdict> {
    run_within(LIMIT, step, cmd, dir)
}

/// Lets the driver make what it links with, by the very link that is judged next: what it makes depends on the arguments.
fn prepare(candidate: &Candidate, link: &Cmd, dir: &Path) -> Result<(), Verdict> {
    match &candidate.link.rules().preparation {
        Some(preparation) => run_within(preparation.limit, "link", link.clone(), dir).map(|_| ()),
        None => Ok(()),
    }
}

fn run_within(limit: Duration, step: &str, cmd: Cmd, dir: &Path) -> Result<Output, Verdict> {
    let cmd = cmd.cwd(dir);
    let broken = |said, passing| Verdict::Broken { step: step.into(), said, command: cmd.line(), passing };
    let output = cmd.capture(limit).map_err(|e| broken(e.what, false))?;
    if output.ok() {
        return Ok(output);
    }
    let words = [output.errors(), output.text()].into_iter().find(|t| !t.is_empty());
    let said = words.map_or_else(|| "nothing".to_owned(), |t| shortened(&t));
    Err(match output.end {
        ProcessEnd::Code(code) => broken(format!("{said}\n(exit code {code})"), false),
        // 9 is what the kernel sends where memory runs out. A program that crashes by itself will crash again.
        ProcessEnd::Signal(signal) => broken(format!("{said}\n(signal {signal})"), signal == 9),
        ProcessEnd::TimedOut(_) => broken(format!("{said}\n({})", output.end), true),
        ProcessEnd::TooMuch(_) => broken(format!("{said}\n({})", output.end), false),
    })
}

/// The first and the last lines of a compiler's output: the error is at either end.
fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|l| l.get(..300).unwrap_or(l)).collect();
    match lines.len() {
        0..=12 => lines.join("\n"),
        n => format!("{}\n… {} more lines …\n{}", lines[..6].join("\n"), n - 11, lines[n - 5..].join("\n")),
    }
}

/// A folder for one probe, removed when dropped.
#[derive(Debug)]
pub struct ProbeFolder(pub PathBuf);

impl Drop for ProbeFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_lose_paths_and_remarks() {
        let fsf = "\nCopyright (C) 2022 Free Software Foundation, Inc.";
        let cases = [
            (format!("aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0{fsf}"), "gcc 12.2.0"),
            (format!("cc (Debian 12.2.0-14+deb12u1) 12.2.0{fsf}"), "gcc 12.2.0"),
            ("Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu".to_owned(), "clang 14.0.6"),
            ("tcc".to_owned(), "cc of unknown version"),
        ];
        for (text, expected) in cases {
            assert_eq!(version_of(&text), expected);
        }
    }

    #[test]
    fn long_words_keep_both_ends() {
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let short = shortened(&text);
        assert!(short.starts_with("line 0\n") && short.ends_with("line 99") && short.lines().count() == 12);
    }
}
