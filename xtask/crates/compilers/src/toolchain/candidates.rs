//! Which toolchains could serve a target, in the order of the contract. Looks at names on PATH and at variables; runs
//! nothing.

use std::path::PathBuf;

use super::named::named;
use super::providers::{Search, env};
use super::{Candidate, Nothing, Provider};
use xtask_process::host::Host;
use xtask_triple::Triple;

/// What targets.toml or the command line says about where a target's toolchain may come from.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The choice that `cc = "…"` in targets.toml makes; none where it is left out.
    pub cc: Option<CcChoice>,
    /// The providers that `--providers` allows; none means all.
    pub providers: Option<Vec<Provider>>,
    /// The highest glibc version a program may ask for, as `2.31`.
    pub glibc: Option<String>,
    /// The provider whose candidates are tried before those of others, since a lock names it.
    pub locked: Option<Provider>,
}

/// The explicit choice of a C toolchain in targets.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CcChoice {
    /// Where the toolchain comes from.
    Provider(Provider),
    /// A compiler: an absolute path, or a name to look up on PATH.
    Program(PathBuf),
}

/// The candidates for a target and the places where there was nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// The candidates, in the order in which they are to be tried.
    pub list: Vec<Candidate>,
    /// The providers that found nothing, and what they looked for.
    pub nothing: Vec<Nothing>,
}

/// Lists the candidates for `target`. `zigs` are the zig drivers on this machine, found by [`super::zig::find`].
pub fn candidates(target: &Triple, host: &Host, wish: &Wish, zigs: &[Zig]) -> Candidates {
    let mut found = Candidates::default();
    let allowed = |p: Provider| wish.providers.as_ref().is_none_or(|list| list.contains(&p));
    // What a person named is the only candidate: if it is broken, the search ends there.
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
                return alone(named(Provider::Config, origin, &command, target, host));
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
    for &provider in Provider::ALL {
        if provider.is_explicit() || only.is_some_and(|p| p != provider) {
            continue;
        }
        if !allowed(provider) {
            found.nothing(provider, "left out by --providers");
            continue;
        }
        if let Some(why) = provider.elsewhere(target) {
            // Nobody asks why it was not taken, unless it was named.
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
    // Stable: among those of one provider, and of all others, the order stays.
    found.list.sort_by_key(|candidate| Some(candidate.provider) != wish.locked);
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
