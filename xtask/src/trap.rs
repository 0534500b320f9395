//! Traps: programs that replace every C compiler while a pure build runs. If the build for a *target* calls a
//! trap, the trap logs the caller and fails. If a build script compiles C for the *host*, the trap logs the
//! call and runs the real compiler.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};

mod code;
mod hit;
mod leftovers;
mod mask;
pub mod pkg_config;
mod promise;

pub use hit::Hit;
pub use leftovers::{Script, ScriptLeftovers, package_name};
pub use mask::{Masks, outside_view};
pub use promise::{BrokenPromise, Leftover, survived, switches};

use crate::compile_cache::{SCCACHE, front_script};
use xtask_compilers::toolchain::compilers::compiles_c;
use xtask_compilers::toolchain::identity::Fingerprint;
use xtask_compilers::toolchain::providers::host::driver;
use xtask_compilers::toolchain::stand_in::TARGET_DIR;
use xtask_compilers::toolchain::wrapper::{executable, script_of};
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The log of calls, one JSON document per line.
const LOG: &str = "XTASK_TRAP_LOG";
/// The triples whose builds must not call a C compiler, separated by spaces.
const TRIPLES: &str = "XTASK_TRAP_TARGETS";
/// The folder that contains the traps.
const DIR: &str = "XTASK_TRAP_DIR";

/// Set for a compiler whose call a trap has logged, so that the programs it starts are not logged again.
const TOLD: &str = "XTASK_TRAP_TOLD";

/// A set of traps that can be put in front of a build.
#[derive(Debug, Clone)]
pub struct Traps {
    dir: PathBuf,
    log: PathBuf,
    host_cc: Option<PathBuf>,
}

/// Programs that compile C or C++ or that drive such compilers, with the variables that name them.
pub(crate) const TOOLS: [(&str, &str); 5] =
    [("CC", "cc"), ("CXX", "c++"), ("AR", "ar"), ("RANLIB", "ranlib"), ("CMAKE", "cmake")];

/// Writes the traps under `dir`: one for each tool above, and one for each program on PATH whose name is a C
/// compiler's, or that of one of `compilers`. `this` is the path of this program. Calls are logged to `log`.
///
/// # Errors
/// A trap cannot be written.
pub fn set(dir: &Path, log: &Path, host: &Host, compilers: &BTreeSet<PathBuf>, this: &Path) -> Result<Traps> {
    let names = shadowed(host, compilers);
    let print = names.iter().fold(Fingerprint::new("trap 2"), |f, (name, real)| {
        f.with(name).with(real.as_os_str().as_encoded_bytes())
    });
    let dir = dir.join(print.with(this.as_os_str().as_encoded_bytes()).short());
    let me = this.to_string_lossy().into_owned();
    let write = |name: &str, kind: &str, real: &Path| {
        let words = vec![me.clone(), TRAP.into(), kind.to_owned(), real.to_string_lossy().into_owned()];
        executable(&dir.join(name), &script_of(&words))
    };
    for (name, real) in &names {
        write(name, name, real)?;
    }
    // Its server lives outside of the build and would reach every compiler.
    if let Some(sccache) = host.program(SCCACHE) {
        executable(&dir.join(SCCACHE), &front_script(this, &sccache, true))?;
    }
    let host_cc = driver(host);
    if let Some(cc) = &host_cc {
        write(LINK_ONLY, LINK_ONLY, cc)?;
    }
    Ok(Traps { dir, log: log.to_owned(), host_cc })
}

/// The name of the shim that passes a call to the host's compiler only if the call links.
const LINK_ONLY: &str = "link-only";

impl Traps {
    /// Returns the environment of a pure build: every spelling of every variable that names a C tool, PATH
    /// with the traps in front, and the variables of the traps. `target_dir` is Cargo's target folder.
    pub fn env(&self, host: &Host, targets: &[&Triple], target_dir: &Path) -> BTreeMap<String, String> {
        let mut env = BTreeMap::new();
        let mut set = |key: String, value: &Path| env.insert(key, value.to_string_lossy().into_owned());
        for (variable, name) in TOOLS {
            let trap = self.dir.join(name);
            for key in [variable.to_owned(), format!("TARGET_{variable}"), format!("HOST_{variable}")] {
                set(key, &trap);
            }
            for triple in targets.iter().copied().chain([&host.triple]) {
                set(format!("{variable}_{triple}"), &trap);
                set(format!("{variable}_{}", triple.underscored()), &trap);
            }
        }
        let path = std::iter::once(&self.dir).chain(host.build_path());
        if let Ok(path) = std::env::join_paths(path) {
            env.insert("PATH".into(), path.to_string_lossy().into_owned());
        }
        env.insert(DIR.into(), self.dir.to_string_lossy().into_owned());
        env.insert(LOG.into(), self.log.to_string_lossy().into_owned());
        env.insert(TARGET_DIR.into(), target_dir.to_string_lossy().into_owned());
        let triples: Vec<&str> = targets.iter().map(|t| t.as_str()).collect();
        env.insert(TRIPLES.into(), triples.join(" "));
        env
    }

    /// Returns the shim around the host's compiler that allows it only to link, or none if the host has no
    /// compiler.
    pub fn host_linker(&self) -> Option<PathBuf> {
        self.host_cc.as_ref().map(|_| self.dir.join(LINK_ONLY))
    }

    /// Checks whether a failed build called a C compiler for this target.
    ///
    /// # Errors
    /// [`xtask_files::error::ExitKind::Failed`] with every call of a compiler for the target, and as
    /// [`Traps::hits`].
    pub fn judge(&self, mode: &str, target: &Triple) -> Result<()> {
        let hits = self.hits()?;
        let own: Vec<&Hit> =
            hits.iter().filter(|hit| hit.target.as_deref() == Some(target.as_str())).collect();
        let broken = BrokenPromise::new(mode, target.as_str(), &own, &[], &[]);
        let Some(BrokenPromise { what, found, help }) = broken else { return Ok(()) };
        Err(found.into_iter().fold(Error::failed(what), Error::found).help(help))
    }

    /// Returns the logged calls that belong to the last run of each build script, in the order of the calls.
    /// If there is no log, there are no calls. An unreadable line counts as a call of an unknown program.
    ///
    /// # Errors
    /// The log exists and cannot be read.
    pub fn hits(&self) -> Result<Vec<Hit>> {
        read_log(&self.log)
    }
}

/// Reads the calls in a log that belong to the last run of each build script. If there is no log, there are
/// none.
fn read_log(log: &Path) -> Result<Vec<Hit>> {
    let text = match std::fs::read_to_string(log) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("cannot read", log, &e)),
    };
    let broken = |line: &str| Error::failed(format!("the trap's log has a broken line: {line}"));
    let read = |line: &str| serde_json::from_str(line).map_err(|_| broken(line));
    let hits = text.lines().map(read).collect::<Result<Vec<Hit>>>()?;
    Ok(hits.into_iter().filter(Hit::is_current).collect())
}

/// Returns every program name to shadow, with the path of the program that it hides (empty if there is none).
fn shadowed(host: &Host, compilers: &BTreeSet<PathBuf>) -> BTreeMap<String, PathBuf> {
    let own: BTreeSet<&OsStr> = compilers.iter().filter_map(|path| path.file_name()).collect();
    let mut names = BTreeMap::new();
    for dir in host.build_path() {
        let Ok(entries) = std::fs::read_dir(dir) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // A call would have reached the first one on PATH.
            if compiles_c(&name) || own.contains(&*entry.file_name()) {
                names.entry(name).or_insert_with(|| entry.path());
            }
        }
    }
    for (_, name) in TOOLS {
        names.entry(name.to_owned()).or_default();
    }
    names
}

/// The first argument of a trap.
pub const TRAP: &str = "__trap";

/// Runs as a trap if the arguments ask for it, and returns the exit code.
pub fn take_over(args: &[String]) -> Option<u8> {
    match args.first()? == TRAP {
        true => Some(spring(&args[1..])),
        false => pkg_config::take_over(args),
    }
}

/// Runs a trap, with the arguments `<kind> <real program or empty> <arguments…>`. A mask has the arguments
/// `mask <second view> <compiler> <called name> <arguments…>`. Returns the exit code.
pub fn spring(args: &[String]) -> u8 {
    if let [kind, view, compiler, called, args @ ..] = args
        && kind == mask::MASK
    {
        let real = mask::real(Path::new(view), Path::new(compiler), Path::new(called));
        let real = real.to_string_lossy();
        // Linkers, rustc's among them, are called by their paths. They link objects that no masked compiler
        // can have made.
        let told = std::env::var_os(TOLD).is_some();
        return if compiles(args) && !told { caught(called, &real, args) } else { hand_on(&real, args) };
    }
    let [kind, real, args @ ..] = args else {
        eprintln!("a trap is called by its script only");
        return 2;
    };
    if kind == LINK_ONLY && !compiles(args) {
        return hand_on(real, args);
    }
    caught(kind, real, args)
}

/// Logs a call. The call fails if it is for a target, and is passed on if it is for the host.
fn caught(kind: &str, real: &str, args: &[String]) -> u8 {
    let targets = targets_of_caller();
    let krate = krate_of_caller();
    let out_dir = out_dir_of_caller();
    let target_dir = std::env::var_os(TARGET_DIR).map(PathBuf::from);
    // A caller may set `OUT_DIR` to a false folder.
    let own = out_dir.clone().filter(|dir| target_dir.is_some_and(|target_dir| dir.starts_with(target_dir)));
    let hit = |target| Hit {
        krate: krate.clone(),
        program: kind.to_owned(),
        args: args.to_vec(),
        target,
        asked: hit::only_asks(kind, args, own.as_deref()),
        out_dir: out_dir.clone(),
        at: hit::now(),
    };
    let hits: Vec<Hit> = targets.into_iter().map(hit).collect();
    for hit in &hits {
        if let Err(error) = log(hit) {
            // A call that cannot be logged would break the proof, so it fails for a target and for the host.
            eprintln!("xtask: cannot log a call of {kind}: {error}");
            return 1;
        }
    }
    if let Some(hit) = hits.iter().find(|h| h.target.is_some()) {
        let target = hit.target.as_deref().unwrap_or_default();
        eprintln!("xtask: this is a pure build for {target}: no C compiler may run. {}", hit.line());
        return 1;
    }
    if real.is_empty() {
        eprintln!("{kind}: not found");
        return 127;
    }
    become_real(Cmd::new(real).args(args).env(TOLD, "1"))
}

/// Replaces this process by the real program, with a PATH without traps. A program that looks for another of
/// its own name on PATH, as ccache does, would otherwise find the trap again.
fn hand_on(real: &str, args: &[String]) -> u8 {
    become_real(Cmd::new(real).args(args))
}

fn become_real(cmd: Cmd) -> u8 {
    let (Some(traps), Some(path)) = (std::env::var_os(DIR), std::env::var_os("PATH")) else {
        return cmd.replace();
    };
    match std::env::join_paths(std::env::split_paths(&path).filter(|dir| *dir != Path::new(&traps))) {
        Ok(path) => cmd.env("PATH", path).replace(),
        Err(_) => cmd.replace(),
    }
}

/// Returns the targets to which the caller belongs, judging by its `OUT_DIR`; none stands for the host. Cargo
/// sets `OUT_DIR` for every build script. Because `--target` is always passed, files for a target lie in the
/// folder of that target's name. A caller without `OUT_DIR` or with a foreign one may hide its target, so its
/// call counts for every target.
fn targets_of_caller() -> Vec<Option<String>> {
    let triples = std::env::var(TRIPLES).unwrap_or_default();
    let mut triples = triples.split(' ').map(str::to_owned);
    let dirs = (std::env::var_os("OUT_DIR"), std::env::var_os(TARGET_DIR));
    let (Some(out_dir), Some(target_dir)) = dirs else { return triples.map(Some).collect() };
    let (out_dir, target_dir) = (PathBuf::from(out_dir), PathBuf::from(target_dir));
    if !out_dir.starts_with(&target_dir) {
        return triples.map(Some).collect();
    }
    vec![triples.find(|t| out_dir.starts_with(target_dir.join(t)))]
}

fn log(hit: &Hit) -> std::io::Result<()> {
    let file = std::env::var_os(LOG).ok_or_else(|| std::io::Error::other(format!("{LOG} is not set")))?;
    append(&file, hit)
}

/// Prints a line to the caller of the program that this one replaces.
fn say(line: &str) {
    eprintln!("{line}");
}

/// Returns the name and the version of the crate whose build script is the caller.
fn krate_of_caller() -> String {
    let var = |key| std::env::var(key).unwrap_or_default();
    match var("CARGO_PKG_NAME") {
        name if name.is_empty() => "a program that Cargo did not start".to_owned(),
        name => format!("{name} {}", var("CARGO_PKG_VERSION")),
    }
}

fn out_dir_of_caller() -> Option<PathBuf> {
    std::env::var_os("OUT_DIR").map(PathBuf::from)
}

fn append(file: &OsStr, hit: &Hit) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(hit)?;
    line.push(b'\n');
    // One write in append mode, so that calls of parallel build scripts do not mix.
    std::fs::OpenOptions::new().create(true).append(true).open(file)?.write_all(&line)
}

/// Returns whether a compiler driver's arguments, including those in response files, make it compile rather
/// than only link.
fn compiles(args: &[String]) -> bool {
    let in_file = |arg: &String| std::fs::read_to_string(arg.strip_prefix('@')?).ok();
    let in_files: Vec<String> = args
        .iter()
        .filter_map(in_file)
        .flat_map(|text| {
            text.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect::<Vec<_>>()
        })
        .collect();
    says_compile(args) || says_compile(&in_files)
}

fn says_compile(args: &[String]) -> bool {
    args.iter().any(|arg| {
        matches!(arg.as_str(), "-c" | "-S" | "-E" | "-") || arg.starts_with("-x") || hit::is_source(arg)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linking_is_not_compiling() {
        let args = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(!compiles(&args("-m64 a.o b.rlib -lgcc_s -Wl,--as-needed -o app.cpp.so -pie")));
        let dir = tempfile::tempdir().unwrap();
        for (text, compile) in [("-o x\n-c\nx.c\n", true), ("\"x.c\" -o x", true), ("a.o\n-o\nx\n", false)] {
            let file = dir.path().join("words");
            std::fs::write(&file, text).unwrap();
            assert_eq!(compiles(&[format!("@{}", file.display())]), compile, "{text}");
        }
        for line in ["-c x.c -o x.o", "x.c -o x", "-E x.h", "-xc - -o x", "-O2 x.S"] {
            assert!(compiles(&args(line)), "{line}");
        }
    }
}
