//! The probe of a toolchain. A candidate is accepted only if it compiled C and linked a Rust program with it.
//! If a runner exists, the program must also run and print the right text.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use trial::Trial;

use super::identity::{Fingerprint, digest};
use super::runner::Runner;
use super::wrapper::WrappedTools;
use super::{Candidate, Link, Linker, zig};
use xtask_files::error::Error;
use xtask_process::exec::Cmd;
use xtask_triple::{Libc, Os, Triple, system};

mod trial;

pub use trial::LIMIT;

/// The version of the probe's programs and steps. It is raised when they change, so that old verdicts no
/// longer count.
const RECIPE: &str = "probe 6";

/// The version of the toolchain identity's recipe. Raising it makes every program build again.
const IDENTITY: &str = "probe 4";

/// The words of the verdict on a toolchain whose glibc is newer than the program may require. They stand in
/// `probe.c`.
pub const NEWER_THAN_FLOOR: &str = "glibc is newer than the floor";

/// The conditions of a probe.
#[derive(Debug, Clone)]
pub struct ProbeSetting<'a> {
    /// The target to build for.
    pub target: &'a Triple,
    /// The std of the target. Without it the probe links only a C program.
    pub std: Option<ProbeStd<'a>>,
    /// The linker of the Rust program, if the toolchain only compiles for the target. Without it the driver
    /// of the toolchain links.
    pub rust_lld: Option<&'a Path>,
    /// The runner that starts the linked program.
    pub runner: &'a Runner,
    /// Whether a mode needs C++.
    pub cxx: bool,
    /// The highest glibc version that the program may require, as `2.31`; none if there is no limit.
    pub glibc: Option<&'a str>,
}

/// The compiler and the sysroot for the Rust part of the probe.
#[derive(Debug, Clone, Copy)]
pub struct ProbeStd<'a> {
    /// The rustc that compiles the Rust part.
    pub rustc: &'a Path,
    /// The folder for `--sysroot`, if the std is not in rustc's own sysroot.
    pub sysroot: Option<&'a Path>,
}

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// The toolchain passed its probe.
    Works(Works),
    /// The toolchain exists and does not work. This verdict is kept, so it must be a fact about the
    /// toolchain.
    Broken {
        /// The step that failed: `start`, `compile`, `archive`, `link`, `run`.
        step: String,
        /// The output of the tool, shortened.
        said: String,
        /// The command that failed, so that the user can try it.
        command: String,
    },
    /// A fault of the machine prevented the probe. The toolchain may work, so no other one replaces it, and
    /// this verdict is never kept.
    Unprobed {
        /// The step that failed, as in [`Verdict::Broken`].
        step: String,
        /// The fault of the machine.
        fault: String,
        /// What to do about it.
        help: String,
        /// The output of the tool, shortened.
        said: String,
        /// The command that failed.
        command: String,
    },
    /// The program that the user named does not exist.
    Absent {
        /// The program, and what is wrong with it.
        what: String,
    },
}

/// The facts about a toolchain that works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Works {
    /// Name and version, without a path: `gcc 12.2.0`.
    pub version: String,
    /// The identity of the toolchain, as in [`super::Toolchain::id`].
    pub id: String,
    /// Whether the C++ compiler passed, too.
    pub cxx: bool,
    /// The completed steps, as text for the user.
    pub steps: Vec<String>,
}

/// Runs the probe of `candidate` with its tools in `dir`, which must exist and be empty.
pub fn probe(candidate: &Candidate, tools: &WrappedTools, setting: &ProbeSetting, dir: &Path) -> Verdict {
    if let Some(what) = &candidate.absent {
        return Verdict::Absent { what: what.clone() };
    }
    for (name, text) in [
        ("probe.c", include_str!("probe/probe.c")),
        ("probe.cc", include_str!("probe/probe.cc")),
        ("probe.rs", include_str!("probe/probe.rs")),
    ] {
        if let Err(error) = std::fs::write(dir.join(name), text) {
            return Verdict::without_files(&Error::io("cannot write", &dir.join(name), &error));
        }
    }
    steps(candidate, tools, setting, dir).unwrap_or_else(|verdict| verdict)
}

/// Runs the steps in order. The first failure is returned as the `Err`.
fn steps(
    candidate: &Candidate,
    tools: &WrappedTools,
    setting: &ProbeSetting,
    dir: &Path,
) -> Result<Verdict, Verdict> {
    let trial = Trial::new(candidate, tools, setting, dir);
    let version = version(candidate, tools, &trial)?;
    let id = toolchain_id(candidate, &version, setting).map_err(|e| trial.unreadable(&e))?;
    let mut steps = vec!["compiled C".to_owned()];
    compile(tools, setting, &trial)?;
    let named = |name: &str| system::program_name(name, setting.target);
    let (program, cxx) = match setting.std {
        Some(std) => {
            let compiled = setting.cxx.then(|| compile_cxx(tools, &trial)).transpose()?;
            let link = rust_link(setting, std, tools, candidate);
            let cxx = link_rust(&link, compiled, candidate.link, &trial)?;
            steps.push("linked a Rust program with it".to_owned());
            (Some(named("probe")), cxx)
        }
        // Only the std has the C library that is linked. Or the first link makes a C library for the kind of
        // program that it links, and a Rust program needs another kind.
        None if system::of(setting.target).std_links || candidate.link.rules().preparation.is_some() => {
            steps.push("linked nothing yet: Rust's std for this target is not installed".to_owned());
            (None, setting.cxx.then(|| tools.cxx.as_ref().map(|_| ()).ok_or_else(no_cxx)))
        }
        None => {
            let link = Cmd::new(&tools.cc).args(["-DPROBE_MAIN", "probe.c", "-o", &named("probe-c"), "-lm"]);
            let links_statically = (system::of(setting.target).links_statically)(setting.target);
            trial.run("link", if links_statically { link.arg("-static") } else { link })?;
            steps.push("linked a C program (Rust's std for this target is not installed yet)".to_owned());
            (Some(named("probe-c")), None)
        }
    };
    steps.extend(program.map(|program| start(setting.runner, &dir.join(program), &trial)).transpose()?);
    let cxx = match cxx {
        None if setting.cxx => Some(cxx_program(tools, &trial)?),
        cxx => cxx,
    };
    steps.extend(cxx.iter().map(|c| match c {
        Ok(()) => "compiled and linked C++".to_owned(),
        Err(why) => format!("C++ does not work: {why}"),
    }));
    let cxx = cxx.is_some_and(|c| c.is_ok());
    Ok(Verdict::Works(Works { version, id, cxx, steps }))
}

/// Compiles C and archives the object, as build scripts do.
fn compile(tools: &WrappedTools, setting: &ProbeSetting, trial: &Trial<'_>) -> Result<(), Verdict> {
    let floor = setting.glibc.filter(|_| setting.target.libc() == Libc::Glibc);
    let define =
        floor.and_then(|v| v.split_once('.')).map(|(_, minor)| format!("-DPROBE_GLIBC_MINOR={minor}"));
    // C code often compiles with the headers of another C library. Their inline functions fail only in
    // programs larger than a probe.
    let library = match setting.target.libc() {
        Libc::Glibc => Some("-DPROBE_GLIBC"),
        Libc::Musl => Some("-DPROBE_MUSL"),
        Libc::Other if setting.target.os() == Os::Wasi => Some("-DPROBE_WASI"),
        Libc::Other => None,
    };
    let compile = Cmd::new(&tools.cc).args(["-c", "-O1", "-fPIC", "-std=c11"]).args(library).args(define);
    // Every build adds this option, so the probe must reject a compiler that does not know it.
    let compile = compile.arg(format!("-ffile-prefix-map={}=/probe", trial.dir.display()));
    trial.run("compile", compile.args(["probe.c", "-o", "probe.o"]))?;
    let Some(ar) = &tools.ar else {
        let said = "the toolchain has no archiver (ar, llvm-ar)".to_owned();
        return Err(Verdict::Broken { step: "archive".into(), said, command: String::new() });
    };
    trial.run("archive", Cmd::new(ar).args(["crs", "libprobe.a", "probe.o"])).map(|_| ())
}

/// The outcome of the C++ steps. A toolchain without C++ still serves a mode that needs only C.
type Cxx = Result<(), String>;

fn no_cxx() -> String {
    "there is no C++ compiler beside the C compiler".into()
}

/// Turns the result of a C++ step into an outcome. A fault of the machine stays an error.
fn cxx_outcome<T>(ended: Result<T, Verdict>) -> Result<Cxx, Verdict> {
    match ended {
        Ok(_) => Ok(Ok(())),
        Err(Verdict::Broken { said, .. }) => Ok(Err(said)),
        Err(verdict) => Err(verdict),
    }
}

/// Compiles C++ and archives the object.
fn compile_cxx(tools: &WrappedTools, trial: &Trial<'_>) -> Result<Cxx, Verdict> {
    let (Some(cxx), Some(ar)) = (&tools.cxx, &tools.ar) else { return Ok(Err(no_cxx())) };
    let compile = Cmd::new(cxx).args(["-c", "-O1", "-fPIC", "-std=c++11", "probe.cc", "-o", "probe-cxx.o"]);
    let archive = Cmd::new(ar).args(["crs", "libprobecxx.a", "probe-cxx.o"]);
    let compiled = trial.run("compile C++", compile);
    cxx_outcome(compiled.and_then(|_| trial.run("compile C++", archive)))
}

/// Links the Rust program, with C++ in it if that was compiled. The link is the same as in a build, so that a
/// driver that makes its C++ library during this link can use it again later. If C++ makes the link fail, the
/// program is linked without it.
fn link_rust(
    link: &Cmd,
    compiled: Option<Cxx>,
    kind: Link,
    trial: &Trial<'_>,
) -> Result<Option<Cxx>, Verdict> {
    let cxx = match compiled {
        Some(Ok(())) => {
            let library = kind.rules().cxx_library.unwrap_or("stdc++");
            let with = link.clone().args(["--cfg=probe_cxx".to_owned(), format!("-l{library}")]);
            let linked = cxx_outcome(trial.run("link", with))?;
            if linked.is_ok() {
                return Ok(Some(linked));
            }
            Some(linked)
        }
        other => other,
    };
    trial.run("link", link.clone())?;
    Ok(cxx)
}

/// Compiles and links a C++ program.
fn cxx_program(tools: &WrappedTools, trial: &Trial<'_>) -> Result<Cxx, Verdict> {
    let Some(cxx) = &tools.cxx else { return Ok(Err(no_cxx())) };
    let program = ["-std=c++11", "-DPROBE_CXX_PROGRAM", "probe.cc", "-o", "probe-cxx"];
    cxx_outcome(trial.run("compile C++", Cmd::new(cxx).args(program)))
}

/// Runs the linked program if there is a runner, and returns the step as text.
fn start(runner: &Runner, program: &Path, trial: &Trial<'_>) -> Result<String, Verdict> {
    let cmd = match (runner.command(program), runner) {
        (Some(cmd), _) => cmd,
        (None, Runner::None { reason }) => return Ok(format!("did not run it: {reason}")),
        (None, _) => unreachable!("only Runner::None has no command"),
    };
    let output = trial.run("run", cmd)?;
    if output.text() == "probe 42" {
        return Ok("ran it".to_owned());
    }
    let said = format!("the program printed {:?} instead of \"probe 42\"", output.text());
    Err(Verdict::Broken { step: "run".into(), said, command: String::new() })
}

fn rust_link(setting: &ProbeSetting, std: ProbeStd, tools: &WrappedTools, candidate: &Candidate) -> Cmd {
    let target = setting.target;
    let linker = match setting.rust_lld {
        Some(program) => Linker::RustLld { program: program.to_owned() },
        None => Linker::Driver { program: tools.linker.clone(), link: candidate.link },
    };
    // The order of arguments in which build scripts pass C libraries, so that the libraries are linked in the
    // same order. `rust-lld` without a filter has no libm: its functions are in the C library of the std.
    let libraries: &[&str] =
        if setting.rust_lld.is_some() { &["-Lnative=."] } else { &["-Lnative=.", "-lm"] };
    let cmd = Cmd::new(std.rustc)
        .args(["--edition=2024", "--crate-type=bin", "--target", target.as_str(), "probe.rs", "-o"])
        .arg(system::program_name("probe", target))
        .args(linker.rustflags(target, std.sysroot))
        .arg(format!("-Clinker={}", linker.program().display()))
        // As in most release profiles. zig makes one C library for stripped programs and another for
        // unstripped ones, 20 s each.
        .arg("-Cstrip=symbols")
        .args(libraries)
        // The user's rustc flags are not part of the probe.
        .env_remove("RUSTFLAGS")
        .env_remove(super::stand_in::TARGET_DIR);
    match zig::sdk_stand_in(target, &tools.linker).filter(|_| candidate.link == Link::Zig) {
        Some(folder) => cmd.env(zig::SDKROOT, folder),
        None => cmd,
    }
}

/// Returns the compiler's name and version from the first line of `--version`. A path or a distribution's
/// remark is left out: `aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0` → `gcc 12.2.0`.
fn version(candidate: &Candidate, tools: &WrappedTools, trial: &Trial<'_>) -> Result<String, Verdict> {
    if let Some(name) = candidate.link.rules().versioned {
        let said = trial.run("start", Cmd::new(&candidate.cc[0]).arg("version"))?;
        return Ok(format!("{name} {}", said.text()));
    }
    // A compiler may not know `--version`. The next steps show whether it works.
    match trial.run("start", Cmd::new(&tools.cc).arg("--version")) {
        Ok(output) => Ok(version_of(&output.text())),
        Err(Verdict::Broken { .. }) => Ok(version_of("")),
        // The version is part of the toolchain's identity, so it must not stay unknown.
        Err(verdict) => Err(verdict),
    }
}

/// Returns name and version from the `--version` output of a C compiler: `gcc 12.2.0`.
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
    let numbers = || outside.split_whitespace().filter(|w| w.starts_with(|c: char| c.is_ascii_digit()));
    // Debian's MinGW has only the first number, with its kind of threads: `12-win32`.
    let number = numbers().rfind(|w| w.contains('.')).or_else(|| numbers().next_back());
    let number = number.unwrap_or("of unknown version");
    format!("{kind} {number}")
}

/// Returns the text outside of parentheses. Distributions put their own version numbers inside of them.
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

/// Returns a digest of everything that decides the toolchain's output: its drivers' contents, its arguments,
/// its version and the highest glibc that programs may require.
fn toolchain_id(candidate: &Candidate, version: &str, setting: &ProbeSetting) -> std::io::Result<String> {
    let mut print = Fingerprint::new(IDENTITY).with(version).with(candidate.provider.name());
    for driver in candidate.drivers() {
        // If a driver does not exist, the next step reports it.
        let contents = match digest(Path::new(&driver[0])) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            contents => contents.unwrap_or_default(),
        };
        print = print.with(contents).with(driver[1..].join("\0"));
    }
    for worker in &candidate.workers {
        print = print.with(digest(worker)?);
    }
    Ok(print.with(setting.glibc.unwrap_or_default()).short())
}

/// Returns the key of a kept verdict. It covers everything that could change the verdict, read by `stat`
/// alone. The place where a candidate was found is not part of it.
pub fn key(candidate: &Candidate, setting: &ProbeSetting, this: &Path) -> String {
    let Candidate { provider, origin: _, cc, cxx, ar, ranlib, linker, workers, link, absent } = candidate;
    let name = provider.name();
    let of_candidate = format!("{name} {cc:?} {cxx:?} {ar:?} {ranlib:?} {linker:?} {link:?} {absent:?}");
    let mut print = Fingerprint::new(RECIPE).with(setting.target.as_str()).with(of_candidate);
    for driver in candidate.drivers() {
        print = print.with_stat(Path::new(&driver[0]));
    }
    for worker in workers {
        print = print.with_stat(worker);
    }
    if let Some(std) = setting.std {
        print = print
            .with_stat(std.rustc)
            .with(std.sysroot.unwrap_or(Path::new("")).as_os_str().as_encoded_bytes());
    }
    for program in setting.runner.program().into_iter().chain(setting.rust_lld) {
        print = print.with_stat(program);
    }
    let print = print.with(format!("{:?} {} {:?}", setting.runner, setting.cxx, setting.glibc));
    // A toolchain with a filter links through this program, so this program is part of the key.
    if candidate.link.rules().filter.is_some() { print.with_stat(this) } else { print }.short()
}

/// A folder for one probe. It is removed when dropped.
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
    fn the_words_about_the_floor_are_those_of_the_probe() {
        assert!(include_str!("probe/probe.c").contains(NEWER_THAN_FLOOR));
    }

    #[test]
    fn versions_lose_paths_and_remarks() {
        let fsf = "\nCopyright (C) 2022 Free Software Foundation, Inc.";
        let cases = [
            (format!("aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0{fsf}"), "gcc 12.2.0"),
            (format!("cc (Debian 12.2.0-14+deb12u1) 12.2.0{fsf}"), "gcc 12.2.0"),
            ("Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu".to_owned(), "clang 14.0.6"),
            (format!("x86_64-w64-mingw32-gcc (GCC) 12-win32{fsf}"), "gcc 12-win32"),
            ("tcc".to_owned(), "cc of unknown version"),
        ];
        for (text, expected) in cases {
            assert_eq!(version_of(&text), expected);
        }
    }
}
