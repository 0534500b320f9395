//! How rustc links a target's programs: through the driver of a C toolchain, in one of several ways, or by `rust-lld` alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mapped_link::MapRequest;
use super::named::specs_wrapper;
use super::stand_in::DriverCall;
use super::zig;
use crate::rustflags::STATIC;
use xtask_triple::{Triple, system};

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

/// What differs between the ways to link, and with the drivers that need them.
#[derive(Debug)]
pub struct Rules {
    /// The name that the JSON documents use for such a linker.
    pub name: &'static str,
    /// What rustc must be told for a target, beside the linker.
    pub rustflag: fn(&Triple) -> Option<&'static str>,
    /// How this program filters the arguments of the driver; none where the driver is called as it is.
    pub filter: Option<Filter>,
    /// The driver's program says its bare version after `version`, and this is what it is a version of; none where it is asked
    /// with `--version`.
    pub versioned: Option<&'static str>,
    /// How the driver is asked for a link map.
    pub map: MapRequest,
    /// What the driver makes before its first link for a target.
    pub preparation: Option<Preparation>,
    /// The C++ library that the `cc` crate has to link, where it is not the one that it expects.
    pub cxx_library: Option<&'static str>,
}

/// The filter of a driver: this program is called in its place and changes the arguments.
#[derive(Debug)]
pub struct Filter {
    /// The first argument with which a wrapper starts this program.
    pub word: &'static str,
    /// Does what build systems ask a C compiler for, and returns the exit code.
    pub compile: fn(&DriverCall<'_>) -> u8,
    /// Does what rustc asks a linker for, and returns the exit code.
    pub link: fn(&DriverCall<'_>) -> u8,
}

/// What a driver makes before its first link for a target, and keeps.
#[derive(Debug)]
pub struct Preparation {
    /// The time that the preparation may take.
    pub limit: Duration,
    /// What a person who waits for it reads, behind the name of the target.
    pub note: &'static str,
}

impl Link {
    /// Every way to link.
    pub const ALL: [Link; 3] = [Link::Driver, Link::MuslSpecs, Link::Zig];

    /// The rules that this way to link follows.
    pub fn rules(self) -> &'static Rules {
        match self {
            Link::Driver => &DRIVER,
            Link::MuslSpecs => &MUSL_SPECS,
            Link::Zig => &zig::LINK,
        }
    }
}

const DRIVER: Rules = Rules {
    name: "driver",
    rustflag: |_| None,
    filter: None,
    versioned: None,
    map: MapRequest::Driver,
    preparation: None,
    cxx_library: None,
};

const MUSL_SPECS: Rules = Rules { rustflag: |_| Some("-Crelocation-model=static"), ..DRIVER };

/// The linker of a target's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linker {
    /// A C toolchain's driver.
    Driver {
        /// The driver that rustc starts to link.
        program: PathBuf,
        /// What kind of driver it is.
        link: Link,
    },
    /// `rust-lld`, with the start files and the C library that lie in the std's `self-contained` folder: no C
    /// toolchain takes part.
    RustLld {
        /// The path of the program `rust-lld`.
        program: PathBuf,
    },
}

impl Linker {
    /// A linker that a person named, which gets rustc's arguments as they are.
    pub fn named(program: PathBuf) -> Self {
        let link = if specs_wrapper(&program) { Link::MuslSpecs } else { Link::Driver };
        Self::Driver { program, link }
    }

    /// The program that rustc starts.
    pub fn program(&self) -> &Path {
        match self {
            Linker::Driver { program, .. } | Linker::RustLld { program } => program,
        }
    }

    /// The name that the JSON documents use.
    pub fn name(&self) -> &'static str {
        match self {
            Linker::Driver { link, .. } => link.rules().name,
            Linker::RustLld { .. } => "rust-lld",
        }
    }

    /// How it is asked for a link map.
    pub fn map_request(&self) -> MapRequest {
        match self {
            Linker::Driver { link, .. } => link.rules().map,
            Linker::RustLld { .. } => MapRequest::Linker,
        }
    }

    /// The flags that rustc needs for a target because of its std and this linker, the linker itself excepted: Cargo takes
    /// that from `CARGO_TARGET_<T>_LINKER`.
    pub fn rustflags(&self, target: &Triple, sysroot: Option<&Path>) -> Vec<String> {
        let mut flags = Vec::new();
        if let Some(dir) = sysroot {
            flags.push(format!("--sysroot={}", dir.display()));
        }
        if (system::of(target).links_statically)(target) {
            // Said for every musl target: riscv64gc's default is dynamic, and others may follow (rust#144513 and kin).
            flags.push(STATIC.into());
        }
        match self {
            Linker::Driver { link, .. } => flags.extend((link.rules().rustflag)(target).map(Into::into)),
            Linker::RustLld { .. } => {
                flags.extend(["-Clinker-flavor=ld.lld".into(), "-Clink-self-contained=yes".into()]);
            }
        }
        flags
    }
}
