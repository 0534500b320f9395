//! Lists the user's settings that affect the build of a target, and those that do not: flags of rustc and of
//! C compilers, tools, linkers, wrappers.

use serde::Serialize;

use super::c_flags::c_flags;
use xtask_config::Target;
use xtask_config::cargo_config::{CargoConfig, ConfiguredProgram, UserLinker, UserSettings, WrapperKind};
use xtask_process::host::Host;
use xtask_triple::Triple;

/// Wrappers of rustc that the crate `cc` also puts in front of C compilers.
const OF_C_TOO: [&str; 4] = ["buildcache", "cachepot", "kache", "sccache"];

/// The settings that affect the build of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// The flags of rustc, in order, each with the place that sets it.
    pub rustflags: Vec<PlacedFlag>,
    /// The variables with flags of C and C++ compilers, as `NAME=value`, with their place unless that is the
    /// environment.
    pub c_flags: Vec<String>,
    /// The linker that is set for the target, with its place, and whether it is used.
    pub linker: Option<String>,
    /// The wrappers of rustc, with their places.
    pub wrappers: Vec<String>,
    /// The settings that do not affect the target, with the reason.
    pub ignored: Vec<String>,
}

/// A flag of rustc with the place that sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlacedFlag {
    /// The text of the flag.
    pub flag: String,
    /// The place that sets it.
    pub from: String,
}

impl Reached {
    /// Collects the settings that affect this target.
    pub fn new(target: &Target, user: &UserSettings, configuration: &CargoConfig, host: &Host) -> Self {
        let flags = user.flags.all();
        let of_c = ["CFLAGS", "CXXFLAGS"].map(|name| c_flags(name, target, host)).concat();
        let wrappers = WrapperKind::ALL.into_iter().filter_map(|kind| configuration.wrapper(kind, host));
        Self {
            rustflags: flags
                .map(|flag| PlacedFlag { flag: flag.text.clone(), from: flag.origin.clone() })
                .collect(),
            c_flags: of_c.into_iter().map(|flags| flags.text).collect(),
            linker: user.linker.as_ref().map(linker),
            wrappers: wrappers.map(|wrapper| wrapped(&wrapper)).collect(),
            ignored: ignored(&target.triple, host),
        }
    }

    /// Returns one line for each setting, with its name in front.
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

/// Returns the variables that name the host's tools and their flags: they do not apply to other targets.
fn ignored(target: &Triple, host: &Host) -> Vec<String> {
    if *target == host.triple {
        return Vec::new();
    }
    let tools = ["CC", "CXX", "AR", "RANLIB"];
    let of_host = ["CFLAGS", "CXXFLAGS"].iter().chain(&tools).map(|name| format!("HOST_{name}"));
    let keys = tools.iter().map(|name| (*name).to_owned()).chain(of_host);
    let set = keys.filter(|key| host.var(key).is_some());
    set.map(|key| format!("{}: it applies only to the host", host.said(&key))).collect()
}
