//! The user's settings for a target that interact with xtask's own settings. They come from the environment
//! or from the files of Cargo's configuration.

use std::path::Path;

use super::{CargoConfig, ConfiguredProgram, UserFlags};
use crate::Target;
use xtask_compilers::rustc::Rustc;
use xtask_compilers::rustflags::STATIC;
use xtask_compilers::toolchain::Linker;
use xtask_process::host::{Host, PathLookup};
use xtask_triple::system;

/// The user's settings for a target that interact with xtask's own settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSettings {
    /// The flags for rustc, and the way in which xtask's flags are added.
    pub flags: UserFlags,
    /// The linker that the user named for the target.
    pub linker: Option<UserLinker>,
    /// Whether the user has a runner for the target.
    pub runner: bool,
}

/// A linker that a user named for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserLinker {
    /// The linker as it is written.
    pub named: String,
    /// The place of the name, as text for the user.
    pub origin: String,
    /// The linker itself; none if it is not on this machine.
    pub linker: Option<Linker>,
}

/// The sources of the user's settings, and the inputs for `cfg` expressions.
#[derive(Debug, Clone, Copy)]
pub struct UserPlaces<'a> {
    /// The content of the files of Cargo's configuration.
    pub configuration: &'a CargoConfig,
    /// The environment variables and PATH.
    pub host: &'a Host,
    /// The folder in which Cargo is started.
    pub start: &'a Path,
    /// The cache folder, in which rustc's answers are kept.
    pub cache: &'a Path,
}

/// Finds the user's settings for a target that this rustc compiles.
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
        // rustc searches `rust-lld` in its own folders.
        _ if configured.program == Path::new("rust-lld") => rustc.rust_lld(),
        _ => None,
    };
    let ConfiguredProgram { named, origin, .. } = configured;
    UserLinker { named, origin, linker: program.map(Linker::named) }
}
