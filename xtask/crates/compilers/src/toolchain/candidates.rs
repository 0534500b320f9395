//! Which toolchains could serve a target, in the order of the contract. Looks at names on PATH and at variables; runs
//! nothing.

use super::named::{named, words};
use super::names::{gnu_names, llvm_target, mingw_names, musl_names};
use super::{Candidate, Link, Nothing, Provider};
use xtask_process::host::{Found, Host};
use xtask_triple::Triple;

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
