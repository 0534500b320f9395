//! Lists the toolchains that could serve a target, in the documented order. It looks at names on PATH and at
//! variables, and starts no program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::named::{named, words};
use super::providers::{Search, env};
use super::{Candidate, Nothing, Provider};
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The user's restrictions on the toolchain of a target, from targets.toml or the command line.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The choice of `cc = "…"` in targets.toml, if it is set.
    pub cc: Option<CcChoice>,
    /// The providers that `--providers` allows; none means all.
    pub providers: Option<Vec<Provider>>,
    /// The highest glibc version that a program may require, as `2.31`.
    pub glibc: Option<String>,
    /// The provider that a lock names. Its candidates are tried first.
    pub locked: Option<Provider>,
    /// The providers that targets.toml defines, in its order. They are tried before the built-in ones.
    pub own: Vec<Provider>,
}

/// The C toolchain that targets.toml chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CcChoice {
    /// A provider of the toolchain.
    Provider(Provider),
    /// A compiler: an absolute path, or a name to look up on PATH.
    Program(PathBuf),
}

/// The candidates for a target, and the providers without one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// The candidates, in the order in which they are probed.
    pub list: Vec<Candidate>,
    /// The providers that found nothing, and what they looked for.
    pub nothing: Vec<Nothing>,
}

/// Lists the candidates for `target`. `zigs` are the zig programs on this machine, found by
/// [`super::zig::find`].
pub fn candidates(target: &Triple, host: &Host, wish: &Wish, zigs: &[Zig]) -> Candidates {
    let mut found = Candidates::default();
    let allowed = |p: Provider| wish.providers.as_ref().is_none_or(|list| list.contains(&p));
    // A toolchain that the user named is the only candidate. If it is broken, no other one is tried.
    let alone = |candidate| Candidates { list: vec![candidate], nothing: Vec::new() };
    let own = env::for_target("CC", target);
    if let Some((key, value)) = own.iter().find_map(|key| Some((key, host.var(key)?))) {
        if allowed(Provider::Env) {
            return alone(env::candidate(key, value, target, host));
        }
        found.nothing(Provider::Env, format!("{} is left out by --providers", host.said(key)));
    }
    let mut only = None;
    match &wish.cc {
        Some(CcChoice::Program(command)) => {
            let command = command.to_string_lossy();
            let origin = format!("cc = \"{command}\" in targets.toml");
            if allowed(Provider::Config) {
                return alone(named(Provider::Config, origin, words(&command), target, host));
            }
            found.nothing(Provider::Config, format!("{origin} is left out by --providers"));
        }
        Some(CcChoice::Provider(provider)) => only = Some(*provider),
        None => {
            let hosts = env::for_host("CC", target, host);
            if let Some((key, value)) = hosts.iter().find_map(|key| Some((key, host.var(key)?))) {
                if allowed(Provider::Env) {
                    return alone(env::candidate(key, value, target, host));
                }
                found.nothing(Provider::Env, format!("{} is left out by --providers", host.said(key)));
            }
        }
    }
    for &provider in wish.own.iter().chain(Provider::ALL) {
        if provider.is_explicit() || only.is_some_and(|p| p != provider) {
            continue;
        }
        if !allowed(provider) {
            found.nothing(provider, "left out by --providers");
            continue;
        }
        if let Some(why) = provider.elsewhere(target) {
            // This reason is reported only if the user named the provider.
            if only.is_some() || wish.providers.is_some() {
                found.nothing(provider, why);
            }
            continue;
        }
        let glibc = wish.glibc.as_deref();
        let finds = Provider::find(&Search { provider, target, host, glibc, zigs });
        if let (true, Some(looked_for)) = (finds.candidates.is_empty(), finds.looked_for) {
            found.nothing(provider, looked_for);
        }
        found.list.extend(finds.candidates);
    }
    // The sort is stable: the order within the locked provider, and among the others, stays.
    found.list.sort_by_key(|candidate| Some(candidate.provider) != wish.locked);
    found
}

/// Returns the compilers and linkers of providers of targets.toml for these targets, as absolute paths. Where a
/// command is a program that starts another one, such as ccache or a shell, that other one is returned.
pub fn own_compilers<'t>(
    own: &[Provider],
    targets: impl Iterator<Item = &'t Triple> + Clone,
    host: &Host,
) -> BTreeSet<PathBuf> {
    let of = |(provider, target): (Provider, &Triple)| {
        let search = Search { provider, target, host, glibc: None, zigs: &[] };
        let finds = provider.elsewhere(target).is_none().then(|| Provider::find(&search));
        let drivers = |candidate: Candidate| {
            let Candidate { cc, cxx, linker, .. } = candidate;
            [Some(cc), cxx, linker].into_iter().flatten()
        };
        finds.unwrap_or_default().candidates.into_iter().flat_map(drivers).map(|driver| {
            let mut words = driver.into_iter();
            let program = words.next().unwrap_or_default();
            PathBuf::from(words.next().filter(|word| !word.starts_with('-')).unwrap_or(program))
        })
    };
    let all = own.iter().flat_map(|&provider| targets.clone().map(move |target| (provider, target)));
    all.flat_map(of).filter(|path| path.is_absolute()).collect()
}

/// Returns the folders of providers of targets.toml for these targets, each with the path that replaces it in
/// build outputs. The root of the file system has no such path.
pub fn own_roots<'t>(
    own: &[Provider],
    targets: impl Iterator<Item = &'t Triple> + Clone,
    host: &Host,
) -> BTreeMap<PathBuf, String> {
    let root = |provider: Provider, target: &Triple| {
        let Provider::Own(own) = provider else { return None };
        let root = own.root(target, host).ok().flatten().map(PathBuf::from)?;
        let is_renamed = provider.elsewhere(target).is_none() && root.parent().is_some();
        is_renamed.then(|| (root, format!("/provider/{}", own.name)))
    };
    own.iter().flat_map(|&own| targets.clone().filter_map(move |target| root(own, target))).collect()
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
    /// The place where it was found, as text for the user.
    pub origin: String,
}
