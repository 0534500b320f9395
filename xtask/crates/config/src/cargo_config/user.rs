//! What the user set for a target that meets what we set: in the environment, or in the files of Cargo's configuration.

use std::path::Path;

use super::{CargoConfig, ConfiguredProgram, UserFlags};
use crate::Target;
use xtask_compilers::rustc::Rustc;
use xtask_compilers::rustflags::STATIC;
use xtask_compilers::toolchain::Linker;
use xtask_process::host::{Host, PathLookup};
use xtask_triple::system;

/// What the user set for a target, as far as it meets what we set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSettings {
    /// The flags for rustc, and how ours go with them.
    pub flags: UserFlags,
    /// The linker that is named for the target.
    pub linker: Option<UserLinker>,
    /// The user has a runner for the target.
    pub runner: bool,
}

/// A linker that a user named for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserLinker {
    /// The linker as it is named.
    pub named: String,
    /// Where it is named, for a person.
    pub origin: String,
    /// The linker itself; none where it is not on this machine.
    pub linker: Option<Linker>,
}

/// Where the settings of a user are looked for, and who is asked what `cfg` expressions are about.
#[derive(Debug, Clone, Copy)]
pub struct UserPlaces<'a> {
    /// What the files of Cargo's configuration say.
    pub configuration: &'a CargoConfig,
    /// The environment.
    pub host: &'a Host,
    /// The folder that Cargo is started in.
    pub start: &'a Path,
    /// The cache folder, where answers of rustc are kept.
    pub cache: &'a Path,
}

/// Finds what the user set for a target, which this rustc compiles.
pub fn user_settings(target: &Target, rustc: &Rustc, places: UserPlaces<'_>) -> UserSettings {
    let UserPlaces { configuration, host, start, cache } = places;
    let triple = &target.triple;
    let is_static = (system::of(triple).links_statically)(triple).then(|| STATIC.to_owned());
    let ours: Vec<String> = is_static.into_iter().chain(target.rustflags.iter().cloned()).collect();
    let cfg = |flags: &[String]| rustc.cfg(triple, flags, host, start, cache);
    let flags = configuration.user_flags(triple, host, &ours, &cfg);
    let all: Vec<String> =
        flags.around(ours.iter().map(String::as_str)).into_iter().map(str::to_owned).collect();
    let cfg = || cfg(&all);
    UserSettings {
        linker: configuration.linker(triple, host, &cfg).map(|linker| found(linker, rustc, host)),
        runner: configuration.has_runner(triple, host, &cfg),
        flags,
    }
}

fn found(configured: ConfiguredProgram, rustc: &Rustc, host: &Host) -> UserLinker {
    let program = match configured.find(host) {
        PathLookup::Program(path) => Some(path),
        // rustc looks for it in its own folders.
        _ if configured.program == Path::new("rust-lld") => rustc.rust_lld(),
        _ => None,
    };
    let ConfiguredProgram { named, origin, .. } = configured;
    UserLinker { named, origin, linker: program.map(Linker::named) }
}
