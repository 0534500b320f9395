//! C toolchains: where they may come from ([`Provider`]), which ones there are for a target ([`candidates`]), and which
//! of them work ([`probe`]). A toolchain is used only after its probe passed.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub mod candidates;
pub mod identity;
mod named;
pub mod names;
pub mod probe;
pub mod runner;
pub mod stand_in;
pub mod survey;
pub mod wrapper;
pub mod zig;

/// Where a toolchain comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// `CC_<triple>` or `TARGET_CC` (`CC` and `HOST_CC` too where the target is the host).
    Env,
    /// `cc` in targets.toml, as a program.
    Config,
    /// The host's own compiler, where the target is the host.
    Host,
    /// A GNU cross gcc.
    Gnu,
    /// A musl cross gcc, or `musl-gcc`.
    Musl,
    /// clang with a sysroot for the target.
    Clang,
    /// MinGW-w64's gcc.
    Mingw,
    /// `zig cc`.
    Zig,
}

impl Provider {
    /// Every provider, in the order in which they are tried.
    pub const ALL: [Provider; 8] = [
        Provider::Env,
        Provider::Config,
        Provider::Host,
        Provider::Gnu,
        Provider::Musl,
        Provider::Clang,
        Provider::Mingw,
        Provider::Zig,
    ];

    /// The name that `--providers`, targets.toml and the JSON documents use.
    pub fn name(self) -> &'static str {
        match self {
            Provider::Env => "env",
            Provider::Config => "config",
            Provider::Host => "host",
            Provider::Gnu => "gnu",
            Provider::Musl => "musl",
            Provider::Clang => "clang",
            Provider::Mingw => "mingw",
            Provider::Zig => "zig",
        }
    }

    /// The provider of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A program with the arguments that make it what it is: `["/usr/bin/clang", "--target=aarch64-linux-gnu"]`.
pub type Driver = Vec<String>;

/// A toolchain that might work: its drivers, not yet run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it comes from.
    pub provider: Provider,
    /// What pointed to it, for a person: `CC_aarch64_unknown_linux_musl=/bin/false`, `aarch64-linux-gnu-gcc on PATH`.
    pub origin: String,
    /// The C compiler. Where it was named but is not there, `absent` says so.
    pub cc: Driver,
    /// The C++ compiler, where one lies beside the C compiler.
    pub cxx: Option<Driver>,
    /// The archiver.
    pub ar: Option<Driver>,
    /// The archive indexer.
    pub ranlib: Option<Driver>,
    /// How rustc links with it.
    pub link: Link,
    /// Why it cannot even be tried: a file that is not there or not executable.
    pub absent: Option<String>,
}

/// How rustc links through a toolchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The C compiler driver takes rustc's arguments as they are.
    Driver,
    /// `musl-gcc`: the host's gcc behind a specs file, which knows `-static` and does not know `-static-pie`. Programs
    /// that rustc links through it as position-independent crash at their start.
    MuslSpecs,
    /// `zig cc` behind our filter, with zig's own C library and start files.
    Zig,
}

/// One of the places a provider looked at without finding a candidate, for `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nothing {
    /// Who looked.
    pub provider: Provider,
    /// What it looked for, or why it did not look.
    pub looked_for: String,
}

/// A toolchain that passed its probe for a target, ready to be handed to Cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// Where it comes from.
    pub provider: Provider,
    /// Name and version, without a path: `gcc 12.2.0`.
    pub version: String,
    /// 16 hexadecimal digits over everything that could change what it produces.
    pub id: String,
    /// The C compiler: one absolute path, since build systems split words differently.
    pub cc: PathBuf,
    /// The C++ compiler, where its probe passed.
    pub cxx: Option<PathBuf>,
    /// The archiver.
    pub ar: Option<PathBuf>,
    /// The archive indexer.
    pub ranlib: Option<PathBuf>,
    /// What rustc links with.
    pub linker: PathBuf,
    /// How rustc links with it.
    pub link: Link,
}
