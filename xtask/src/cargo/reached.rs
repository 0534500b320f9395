//! What a user set that reaches the build of a target, and what of it does not: flags of rustc and of C compilers, tools,
//! linkers, wrappers.

use serde::Serialize;

use super::invocation::c_flags;
use xtask_config::cargo_config::{CargoConfig, ConfiguredProgram, UserLinker, UserSettings, WrapperKind};
use xtask_process::host::Host;
use xtask_triple::Triple;

/// Wrappers of rustc that the crate `cc` puts in front of C compilers too.
const OF_C_TOO: [&str; 4] = ["buildcache", "cachepot", "kache", "sccache"];

/// What reaches a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// The flags of rustc, in order, each with its place.
    pub rustflags: Vec<PlacedFlag>,
    /// The variables with flags of C and C++ compilers, `NAME=value`, with their place if that is not the environment.
    pub c_flags: Vec<String>,
    /// The linker that is named for the target, with its place, and whether it is used.
    pub linker: Option<String>,
    /// The wrappers of rustc, with their places.
    pub wrappers: Vec<String>,
    /// What is set and does not reach the target, with the reason.
    pub ignored: Vec<String>,
}

/// A flag of rustc with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlacedFlag {
    /// The flag.
    pub flag: String,
    /// Where it stands.
    pub from: String,
}

impl Reached {
    /// What reaches this target.
    pub fn new(target: &Triple, user: &UserSettings, configuration: &CargoConfig, host: &Host) -> Self {
        let flags = user.flags.all();
        let keys = ["CFLAGS", "CXXFLAGS"].map(|name| c_flags(name, target, host)).concat();
        let wrappers = WrapperKind::ALL.into_iter().filter_map(|kind| configuration.wrapper(kind, host));
        Self {
            rustflags: flags
                .map(|flag| PlacedFlag { flag: flag.text.clone(), from: flag.origin.clone() })
                .collect(),
            c_flags: keys.iter().map(|key| host.said(key)).collect(),
            linker: user.linker.as_ref().map(linker),
            wrappers: wrappers.map(|wrapper| wrapped(&wrapper)).collect(),
            ignored: ignored(target, host),
        }
    }

    /// A line for each, with its name in front.
    pub fn lines(&self) -> Vec<String> {
        let flags = self.rustflags.iter().map(|flag| format!("flag of rustc: {} ({})", flag.flag, flag.from));
        let named = |name: &'static str| move |text: &String| format!("{name}: {text}");
        flags
            .chain(self.c_flags.iter().map(named("flags of C")))
            .chain(self.linker.iter().map(named("linker")))
            .chain(self.wrappers.iter().map(named("wrapper of rustc")))
            .chain(self.ignored.iter().map(named("not used")))
            .collect()
    }
}

fn linker(user: &UserLinker) -> String {
    let UserLinker { named, origin, linker } = user;
    let absent = if linker.is_none() { "; it is not on this machine and not used" } else { "" };
    format!("{named} ({origin}){absent}")
}

fn wrapped(wrapper: &ConfiguredProgram) -> String {
    let of_c = wrapper.program.file_stem().is_some_and(|stem| OF_C_TOO.iter().any(|name| stem == *name));
    let too = if of_c { "; the crate `cc` puts it in front of C compilers too" } else { "" };
    format!("{} ({}){too}", wrapper.named, wrapper.origin)
}

/// What names tools of the host and flags for them says nothing of other targets.
fn ignored(target: &Triple, host: &Host) -> Vec<String> {
    if *target == host.triple {
        return Vec::new();
    }
    let tools = ["CC", "CXX", "AR", "RANLIB"];
    let of_host = ["CFLAGS", "CXXFLAGS"].iter().chain(&tools).map(|name| format!("HOST_{name}"));
    let keys = tools.iter().map(|name| (*name).to_owned()).chain(of_host);
    let set = keys.filter(|key| host.var(key).is_some());
    set.map(|key| format!("{}: it is for the host alone", host.said(&key))).collect()
}
