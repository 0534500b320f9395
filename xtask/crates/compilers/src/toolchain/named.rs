//! A compiler that is given by its name or path, with the tools that belong to it.

use std::path::Path;

use super::names::gnu_prefixes;
use super::{Candidate, Driver, Link, Provider};
use xtask_process::host::{Host, PathLookup};
use xtask_triple::{Env, Triple};

/// Makes a candidate from a compiler that the user named: a path or a name on PATH, with its arguments.
pub(super) fn named(
    provider: Provider,
    origin: String,
    mut cc: Driver,
    target: &Triple,
    host: &Host,
) -> Candidate {
    let absent = match host.find(&cc[0]) {
        PathLookup::Program(path) => {
            cc[0] = path.to_string_lossy().into_owned();
            None
        }
        PathLookup::NotExecutable(path) => Some(format!("{} is not executable", path.display())),
        PathLookup::Nothing => Some(format!("there is no program {}", cc[0])),
    };
    if let [program, tool, ..] = cc.as_slice()
        && Path::new(program).file_stem().is_some_and(|s| s == "zig")
        && tool == "cc"
    {
        return named_zig(provider, origin, cc, target, absent);
    }
    let beside = Beside::of(&cc[0], target, host);
    Candidate {
        provider,
        origin,
        cxx: beside.cxx.map(|cxx| std::iter::once(cxx).chain(cc[1..].iter().cloned()).collect()),
        ar: beside.ar,
        ranlib: beside.ranlib,
        linker: None,
        workers: Vec::new(),
        link: match target.env() {
            Env::MingwGnu => Link::Mingw,
            _ if specs_wrapper(Path::new(&cc[0])) => Link::MuslSpecs,
            _ => Link::Driver,
        },
        cc,
        absent,
    }
}

/// Whether a compiler is the script `musl-gcc`, under any name. The script starts gcc with a specs file.
pub(super) fn specs_wrapper(program: &Path) -> bool {
    use std::io::Read as _;
    let mut head = Vec::new();
    let read = std::fs::File::open(program).and_then(|f| f.take(1024).read_to_end(&mut head));
    read.is_ok() && head.starts_with(b"#!") && String::from_utf8_lossy(&head).contains("-specs")
}

/// Makes a candidate from a `zig cc …` that the user named. It links with zig's rules. If the user gave no
/// target, it is added.
fn named_zig(
    provider: Provider,
    origin: String,
    mut cc: Driver,
    target: &Triple,
    absent: Option<String>,
) -> Candidate {
    with_zig_target(&mut cc, target);
    let tool = |tool: &str| vec![cc[0].clone(), tool.to_owned()];
    let cxx = tool("c++").into_iter().chain(cc[2..].iter().cloned()).collect();
    Candidate {
        provider,
        origin,
        cxx: Some(cxx),
        ar: Some(tool("ar")),
        ranlib: Some(tool("ranlib")),
        linker: None,
        workers: Vec::new(),
        link: Link::Zig,
        absent,
        cc,
    }
}

/// Adds the target to a `zig cc …`, unless the user gave one.
pub(super) fn with_zig_target(driver: &mut Driver, target: &Triple) {
    if !driver.iter().any(|w| w == "-target" || w.starts_with("--target")) {
        driver.extend(super::zig::target_flags(target, None).unwrap_or_default());
    }
}

/// Splits a command at white space as the `cc` crate does, unless the whole text is the path of a file.
pub(super) fn words(command: &str) -> Driver {
    if Path::new(command).is_file() {
        return vec![command.to_owned()];
    }
    let words: Driver = command.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() { vec![command.to_owned()] } else { words }
}

/// The tools that lie beside a C compiler and share its prefix and suffix: `aarch64-linux-gnu-gcc-12` has
/// `aarch64-linux-gnu-g++-12` and `aarch64-linux-gnu-ar`.
struct Beside {
    cxx: Option<String>,
    ar: Option<Driver>,
    ranlib: Option<Driver>,
}

impl Beside {
    fn of(cc: &str, target: &Triple, host: &Host) -> Self {
        let path = Path::new(cc);
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let dir = path.parent().unwrap_or_else(|| Path::new(""));
        let usable = |name: String| {
            let file = dir.join(name);
            match host.find(&file.to_string_lossy()) {
                PathLookup::Program(path) => Some(path.to_string_lossy().into_owned()),
                _ => None,
            }
        };
        let cxx = [("gcc", "g++"), ("clang", "clang++"), ("cc", "c++")].iter().find_map(|(c, cxx)| {
            let (prefix, suffix) = name.rsplit_once(c)?;
            usable(format!("{prefix}{cxx}{suffix}"))
        });
        let found = ["gcc", "clang", "cc"].iter().find_map(|c| name.rsplit_once(c));
        let (prefix, suffix) = found.unwrap_or_default();
        // `musl-gcc` wraps the host's gcc and has no C++ compiler or archiver of its own. An archiver without
        // a prefix knows only the host's objects, unless it is LLVM's.
        let own_arch = target.arch() == host.triple.arch();
        let on_path = |name: String| host.program(&name).map(|p| p.to_string_lossy().into_owned());
        let tool = |tool: &str| {
            (!prefix.is_empty())
                .then(|| usable(format!("{prefix}{tool}")))
                .flatten()
                .or_else(|| usable(tool.to_owned()).filter(|_| own_arch))
                .or_else(|| usable(format!("llvm-{tool}{suffix}")))
                .or_else(|| usable(format!("llvm-{tool}")))
                // A compiler in a separate folder (a wrapper, for example) is used with an archiver on PATH.
                .or_else(|| gnu_prefixes(target).into_iter().find_map(|p| on_path(format!("{p}-{tool}"))))
                .or_else(|| on_path(tool.to_owned()).filter(|_| own_arch))
                .or_else(|| on_path(format!("llvm-{tool}")))
                .map(|t| vec![t])
        };
        Self { cxx, ar: tool("ar"), ranlib: tool("ranlib") }
    }
}
