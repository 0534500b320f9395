//! Which toolchains could serve a target, in the order of the contract. Looks at names on PATH and at variables; runs
//! nothing.

use std::path::Path;

use super::{Candidate, Driver, Link, Nothing, Provider};
use crate::host::{Found, Host};
use crate::triple::{Arch, Env, Libc, Os, Triple};

/// What targets.toml or the command line says about where a target's toolchain may come from.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// `cc = "…"` in targets.toml.
    pub cc: Option<Explicit>,
    /// `--providers`; none means all.
    pub providers: Option<Vec<Provider>>,
    /// The highest glibc version a program may ask for, as `2.31`.
    pub glibc: Option<String>,
}

/// An explicit choice in targets.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explicit {
    /// By provider.
    Provider(Provider),
    /// By program, with arguments if any.
    Program(String),
}

/// The candidates for a target and the places where there was nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// In the order in which they are to be tried.
    pub list: Vec<Candidate>,
    /// Who found nothing, and what was looked for.
    pub nothing: Vec<Nothing>,
}

/// Lists the candidates for `target`. `zig` are the zig drivers on this machine, found by [`super::zig::find`].
pub fn candidates(target: &Triple, host: &Host, wish: &Wish, zig: &[Zig]) -> Candidates {
    let mut found = Candidates::default();
    let allowed = |p: Provider| wish.providers.as_ref().is_none_or(|list| list.contains(&p));
    // What a person named is the only candidate: if it is broken, the search ends there.
    let alone = |candidate| Candidates { list: vec![candidate], nothing: Vec::new() };
    let own = explicit("CC", target);
    if let Some((key, value)) = own.iter().find_map(|key| Some((key, host.var(key)?))) {
        if allowed(Provider::Env) {
            return alone(from_env(key, value, target, host));
        }
        found.nothing(Provider::Env, format!("{key}={value} is left out by --providers"));
    }
    let mut only = None;
    match &wish.cc {
        Some(Explicit::Program(command)) => {
            let origin = format!("cc = \"{command}\" in targets.toml");
            if allowed(Provider::Config) {
                return alone(named(Provider::Config, origin, command, target, host));
            }
            found.nothing(Provider::Config, format!("{origin} is left out by --providers"));
        }
        Some(Explicit::Provider(provider)) => only = Some(*provider),
        None => {
            let hosts = hosts("CC", target, host);
            if let Some((key, value)) = hosts.iter().find_map(|key| Some((key, host.var(key)?))) {
                if allowed(Provider::Env) {
                    return alone(from_env(key, value, target, host));
                }
                found.nothing(Provider::Env, format!("{key}={value} is left out by --providers"));
            }
        }
    }
    for provider in Provider::ALL {
        if matches!(provider, Provider::Env | Provider::Config) || only.is_some_and(|p| p != provider) {
            continue;
        }
        if !allowed(provider) {
            found.nothing(provider, "left out by --providers");
            continue;
        }
        let before = found.list.len();
        let looked_for = match provider {
            Provider::Host if *target != host.triple => continue,
            Provider::Host => gcc_like(&mut found, provider, &["cc", "gcc", "clang"], target, host),
            Provider::Gnu => gcc_like(&mut found, provider, &gnu_names(target), target, host),
            Provider::Musl => gcc_like(&mut found, provider, &musl_names(target, host), target, host),
            Provider::Mingw => gcc_like(&mut found, provider, &mingw_names(target), target, host),
            Provider::Clang => clang(&mut found, target, host),
            Provider::Zig => from_zig(&mut found, target, wish.glibc.as_deref(), zig),
            Provider::Env | Provider::Config => continue,
        };
        if found.list.len() == before
            && let Some(looked_for) = looked_for
        {
            found.nothing(provider, looked_for);
        }
    }
    found
}

impl Candidates {
    fn nothing(&mut self, provider: Provider, looked_for: impl Into<String>) {
        self.nothing.push(Nothing { provider, looked_for: looked_for.into() });
    }
}

/// A zig on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zig {
    /// The zig program itself.
    pub program: String,
    /// Where it was found, for a person.
    pub origin: String,
}

/// The spellings that name a tool for this target alone, in the order of the `cc` crate: `CC_<triple>`,
/// `CC_<triple_with_underscores>`, `TARGET_CC`. They go before `cc` in targets.toml.
fn explicit(variable: &str, target: &Triple) -> Vec<String> {
    vec![
        format!("{variable}_{target}"),
        format!("{variable}_{}", target.underscored()),
        format!("TARGET_{variable}"),
    ]
}

/// The spellings that name the host's tool, for the target that is the host: `HOST_CC` and `CC`. They stand for the
/// host's compiler, so that `cc` in targets.toml goes before them.
fn hosts(variable: &str, target: &Triple, host: &Host) -> Vec<String> {
    match *target == host.triple {
        true => vec![format!("HOST_{variable}"), variable.to_owned()],
        false => Vec::new(),
    }
}

fn from_env(key: &str, value: &str, target: &Triple, host: &Host) -> Candidate {
    let mut candidate = named(Provider::Env, format!("{key}={value}"), value, target, host);
    for (variable, slot) in
        [("CXX", &mut candidate.cxx), ("AR", &mut candidate.ar), ("RANLIB", &mut candidate.ranlib)]
    {
        let keys = explicit(variable, target).into_iter().chain(hosts(variable, target, host));
        if let Some(value) = keys.into_iter().find_map(|key| host.var(&key)) {
            let mut tool = words(value);
            // Absolute, so that a change of the tool is seen; what is not there is told by the probe.
            if let Some(path) = host.program(&tool[0]) {
                tool[0] = path.to_string_lossy().into_owned();
            }
            *slot = Some(tool);
        }
    }
    candidate
}

/// A compiler that a person named: a path, a name on PATH, or either with arguments.
fn named(provider: Provider, origin: String, command: &str, target: &Triple, host: &Host) -> Candidate {
    let mut cc = words(command);
    let absent = match host.find(&cc[0]) {
        Found::Program(path) => {
            cc[0] = path.to_string_lossy().into_owned();
            None
        }
        Found::NotExecutable(path) => Some(format!("{} is not executable", path.display())),
        Found::Nothing => Some(format!("there is no program {}", cc[0])),
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
        link: if specs_wrapper(&cc[0]) { Link::MuslSpecs } else { Link::Driver },
        cc,
        absent,
    }
}

/// Whether a compiler is the script `musl-gcc`, under whatever name: it starts gcc with a specs file.
fn specs_wrapper(program: &str) -> bool {
    use std::io::Read as _;
    let mut head = Vec::new();
    let read = std::fs::File::open(program).and_then(|f| f.take(1024).read_to_end(&mut head));
    read.is_ok() && head.starts_with(b"#!") && String::from_utf8_lossy(&head).contains("-specs")
}

/// `zig cc …` chosen by a person: it is linked with as zig must be, and told the target where the person did not.
fn named_zig(
    provider: Provider,
    origin: String,
    mut cc: Driver,
    target: &Triple,
    absent: Option<String>,
) -> Candidate {
    if !cc.iter().any(|w| w == "-target" || w.starts_with("--target")) {
        cc.extend(super::zig::target_flags(target, None).unwrap_or_default());
    }
    let tool = |tool: &str| vec![cc[0].clone(), tool.to_owned()];
    let cxx = tool("c++").into_iter().chain(cc[2..].iter().cloned()).collect();
    Candidate {
        provider,
        origin,
        cxx: Some(cxx),
        ar: Some(tool("ar")),
        ranlib: Some(tool("ranlib")),
        link: Link::Zig,
        absent,
        cc,
    }
}

/// Splits at white space as the `cc` crate does, unless the whole is the path of a file.
fn words(command: &str) -> Driver {
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
                Found::Program(path) => Some(path.to_string_lossy().into_owned()),
                _ => None,
            }
        };
        let cxx = [("gcc", "g++"), ("clang", "clang++"), ("cc", "c++")].iter().find_map(|(c, cxx)| {
            let (prefix, suffix) = name.rsplit_once(c)?;
            usable(format!("{prefix}{cxx}{suffix}"))
        });
        let found = ["gcc", "clang", "cc"].iter().find_map(|c| name.rsplit_once(c));
        let (prefix, suffix) = found.unwrap_or_default();
        // `musl-gcc` is a wrapper around the host's gcc: it brings no C++ and no archiver of its own. An archiver
        // without a prefix knows the host's objects only, unless it is LLVM's.
        let own_arch = target.arch() == host.triple.arch();
        let on_path = |name: String| host.program(&name).map(|p| p.to_string_lossy().into_owned());
        let tool = |tool: &str| {
            (!prefix.is_empty())
                .then(|| usable(format!("{prefix}{tool}")))
                .flatten()
                .or_else(|| usable(tool.to_owned()).filter(|_| own_arch))
                .or_else(|| usable(format!("llvm-{tool}{suffix}")))
                .or_else(|| usable(format!("llvm-{tool}")))
                // A compiler in a folder of its own (a wrapper, say) is used with the archiver that others have.
                .or_else(|| gnu_prefixes(target).into_iter().find_map(|p| on_path(format!("{p}-{tool}"))))
                .or_else(|| on_path(tool.to_owned()).filter(|_| own_arch))
                .or_else(|| on_path(format!("llvm-{tool}")))
                .map(|t| vec![t])
        };
        Self { cxx, ar: tool("ar"), ranlib: tool("ranlib") }
    }
}

/// Adds the first of `names` that is on PATH; says what was looked for.
fn gcc_like<S: AsRef<str>>(
    found: &mut Candidates,
    provider: Provider,
    names: &[S],
    target: &Triple,
    host: &Host,
) -> Option<String> {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    for name in &names {
        match host.find(name) {
            Found::Nothing => {}
            Found::Program(_) => {
                found.list.push(named(provider, format!("{name} on PATH"), name, target, host));
                return None;
            }
            Found::NotExecutable(_) => {
                found.list.push(named(provider, format!("{name} on PATH"), name, target, host));
            }
        }
    }
    (!names.is_empty()).then(|| format!("{} on PATH", names.join(", ")))
}

/// The prefixes under which distributions ship GNU cross compilers: Debian and Fedora first, then the vendors'.
pub fn gnu_prefixes(target: &Triple) -> Vec<String> {
    let Some((arch, abi)) = gnu_arch(target) else { return Vec::new() };
    if target.libc() != Libc::Glibc {
        return Vec::new();
    }
    let mut list = vec![
        format!("{arch}-linux-gnu{abi}"),
        format!("{arch}-unknown-linux-gnu{abi}"),
        format!("{arch}-none-linux-gnu{abi}"),
    ];
    if target.arch() == Arch::X86 {
        list.push("i686-linux-gnu".into());
    }
    list
}

fn gnu_names(target: &Triple) -> Vec<String> {
    gnu_prefixes(target).into_iter().map(|p| format!("{p}-gcc")).collect()
}

pub(crate) fn musl_names(target: &Triple, host: &Host) -> Vec<String> {
    let Some((arch, abi)) = gnu_arch(target).filter(|_| target.libc() == Libc::Musl) else {
        return Vec::new();
    };
    let mut arches = vec![arch];
    if target.arch() == Arch::ArmV7 {
        arches.insert(0, "armv7");
    }
    let mut list = Vec::new();
    for arch in arches {
        for vendor in ["", "unknown-", "alpine-"] {
            list.push(format!("{arch}-{vendor}linux-musl{abi}-gcc"));
        }
    }
    if target.arch() == host.triple.arch() && host.triple.os() == Os::Linux {
        list.push("musl-gcc".into());
    }
    list
}

fn mingw_names(target: &Triple) -> Vec<String> {
    match (target.env(), target.arch()) {
        (Env::MingwGnu, Arch::X86_64) => vec!["x86_64-w64-mingw32-gcc".into()],
        (Env::MingwGnu, Arch::X86) => vec!["i686-w64-mingw32-gcc".into()],
        _ => Vec::new(),
    }
}

/// GNU's name of the architecture and the suffix of the ABI.
fn gnu_arch(target: &Triple) -> Option<(&'static str, &'static str)> {
    let abi = match target.env() {
        Env::GnuEabihf | Env::MuslEabihf => "eabihf",
        Env::GnuEabi | Env::MuslEabi => "eabi",
        Env::Gnu | Env::Musl => "",
        _ => return None,
    };
    let arch = match target.arch() {
        Arch::X86_64 => "x86_64",
        Arch::X86 => "i686",
        Arch::Aarch64 => "aarch64",
        Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5 => "arm",
        Arch::Riscv64 => "riscv64",
        Arch::Powerpc64le => "powerpc64le",
        Arch::S390x => "s390x",
        Arch::Loongarch64 => "loongarch64",
        Arch::Wasm32 | Arch::Other => return None,
    };
    Some((arch, abi))
}

/// LLVM's spelling of a Linux target, which clang and zig share: `aarch64-linux-musl`.
pub fn llvm_target(target: &Triple) -> Option<String> {
    let (arch, abi) = gnu_arch(target)?;
    let libc = match target.libc() {
        Libc::Glibc => "gnu",
        Libc::Musl => "musl",
        Libc::Other => return None,
    };
    // GNU says i686, clang takes it, zig says x86.
    Some(format!("{arch}-linux-{libc}{abi}"))
}

/// The newest clang first: an old one that is also there is no reason to fail.
const CLANGS: [&str; 13] = [
    "clang", "clang-23", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16",
    "clang-15", "clang-14", "clang-13", "clang-11",
];

fn clang(found: &mut Candidates, target: &Triple, host: &Host) -> Option<String> {
    let llvm = llvm_target(target)?;
    let Some(name) = CLANGS.into_iter().find(|name| host.program(name).is_some()) else {
        return Some("clang, clang-23 … clang-11 on PATH".into());
    };
    let command = format!("{name} --target={llvm}");
    let mut candidate =
        named(Provider::Clang, format!("{command}, {name} being on PATH"), &command, target, host);
    // An archiver for another machine's objects must know them: LLVM's knows all.
    if *target != host.triple {
        let suffix = name.strip_prefix("clang").unwrap_or("");
        let llvm = |tool: &str| {
            host.program(&format!("llvm-{tool}{suffix}")).map(|p| vec![p.to_string_lossy().into_owned()])
        };
        candidate.ar = llvm("ar").or(candidate.ar);
        candidate.ranlib = llvm("ranlib").or(candidate.ranlib);
    }
    found.list.push(candidate);
    None
}

fn from_zig(found: &mut Candidates, target: &Triple, glibc: Option<&str>, zigs: &[Zig]) -> Option<String> {
    let flags = super::zig::target_flags(target, glibc)?;
    for zig in zigs {
        let driver = |tool: &str| {
            let mut words = vec![zig.program.clone(), tool.to_owned()];
            if matches!(tool, "cc" | "c++") {
                words.extend(flags.iter().cloned());
            }
            words
        };
        found.list.push(Candidate {
            provider: Provider::Zig,
            origin: format!("zig cc {}, {}", flags.join(" "), zig.origin),
            cc: driver("cc"),
            cxx: Some(driver("c++")),
            ar: Some(driver("ar")),
            ranlib: Some(driver("ranlib")),
            link: Link::Zig,
            absent: None,
        });
    }
    zigs.is_empty()
        .then(|| "zig on PATH, python3 -m ziglang, the zig that `cargo xtask setup` installs".into())
}
