//! How rustc links the programs of a target: through the driver of a C toolchain, or with `rust-lld` alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mapped_link::MapRequest;
use super::named::specs_wrapper;
use super::stand_in::DriverCall;
use super::zig;
use crate::rustflags::STATIC;
use xtask_triple::Triple;
use xtask_triple::system::{self, ObjectFormat};

/// The ways in which rustc links through a toolchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The driver of the C compiler, which gets rustc's arguments unchanged.
    Driver,
    /// `musl-gcc`: the host's gcc with a specs file that knows `-static` but not `-static-pie`. A
    /// position-independent program that rustc links through it crashes at its start.
    MuslSpecs,
    /// MinGW-w64's gcc, which writes the time of the link into programs, and links its C++ library as a DLL,
    /// unless told otherwise.
    Mingw,
    /// `zig cc` behind a filter of xtask, with zig's own C library and start files.
    Zig,
}

/// The properties in which the ways to link differ.
#[derive(Debug)]
pub struct Rules {
    /// The name that the JSON documents use for such a linker.
    pub name: &'static str,
    /// Returns the flag that rustc needs for a target, in addition to the linker.
    pub rustflag: fn(&Triple) -> Option<&'static str>,
    /// How this program filters the arguments of the driver; none if the driver is called directly.
    pub filter: Option<Filter>,
    /// The product name, for a driver whose `version` command prints only a number. With none, the driver is
    /// asked with `--version`.
    pub versioned: Option<&'static str>,
    /// How the driver is asked for a link map.
    pub map: MapRequest,
    /// The step that the driver takes before its first link for a target.
    pub preparation: Option<Preparation>,
    /// The C++ library that the `cc` crate has to link, if it is not the crate's default.
    pub cxx_library: Option<&'static str>,
}

/// The filter of a driver. This program is called instead of the driver and changes the arguments.
#[derive(Debug)]
pub struct Filter {
    /// The first argument that a wrapper passes, so that this program acts as the filter.
    pub word: &'static str,
    /// Serves a call as a C compiler, and returns the exit code.
    pub compile: fn(&DriverCall<'_>) -> u8,
    /// Serves a call as a linker, and returns the exit code.
    pub link: fn(&DriverCall<'_>) -> u8,
}

/// The step that a driver takes before its first link for a target. Its result is kept.
#[derive(Debug)]
pub struct Preparation {
    /// The time limit of the preparation.
    pub limit: Duration,
    /// The note that is shown during the preparation, after the name of the target.
    pub note: &'static str,
}

impl Link {
    /// Every way to link.
    pub const ALL: [Link; 4] = [Link::Driver, Link::MuslSpecs, Link::Mingw, Link::Zig];

    /// Returns the rules of this way to link.
    pub fn rules(self) -> &'static Rules {
        match self {
            Link::Driver => &DRIVER,
            Link::MuslSpecs => &MUSL_SPECS,
            Link::Mingw => &MINGW,
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

const MINGW: Rules = Rules {
    rustflag: |_| Some("-Clink-arg=-Wl,--no-insert-timestamp"),
    // gcc finds the library at the link, so rustc does not search for it.
    cxx_library: Some("static:-bundle=stdc++"),
    ..DRIVER
};

/// The linker of a target's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linker {
    /// A C toolchain's driver.
    Driver {
        /// The driver that rustc starts to link.
        program: PathBuf,
        /// The way in which the driver links.
        link: Link,
    },
    /// `rust-lld` with the start files and the C library in the std's `self-contained` folder. No C toolchain
    /// is used.
    RustLld {
        /// The path of the program `rust-lld`.
        program: PathBuf,
    },
}

impl Linker {
    /// Makes a linker from a program that the user named. It gets rustc's arguments unchanged.
    pub fn named(program: PathBuf) -> Self {
        let link = if specs_wrapper(&program) { Link::MuslSpecs } else { Link::Driver };
        Self::Driver { program, link }
    }

    /// Returns the program that rustc starts.
    pub fn program(&self) -> &Path {
        match self {
            Linker::Driver { program, .. } | Linker::RustLld { program } => program,
        }
    }

    /// Returns the name that the JSON documents use.
    pub fn name(&self) -> &'static str {
        match self {
            Linker::Driver { link, .. } => link.rules().name,
            Linker::RustLld { .. } => "rust-lld",
        }
    }

    /// Returns how this linker is asked for a link map of a target's programs.
    pub fn map_request(&self, target: &Triple) -> MapRequest {
        match self {
            // Linkers of Mach-O programs have other options for a map, and zig's has none.
            _ if system::of(target).objects == ObjectFormat::MachO => MapRequest::Nothing,
            Linker::Driver { link: Link::Zig, .. } if system::of(target).objects == ObjectFormat::Pe => {
                MapRequest::LldLink
            }
            Linker::Driver { link, .. } => link.rules().map,
            Linker::RustLld { .. } => MapRequest::Linker,
        }
    }

    /// Returns the flags that rustc needs for a target with this std and this linker. The flag for the linker
    /// itself is not included: Cargo reads the linker from `CARGO_TARGET_<T>_LINKER`.
    pub fn rustflags(&self, target: &Triple, sysroot: Option<&Path>) -> Vec<String> {
        let mut flags = Vec::new();
        if let Some(dir) = sysroot {
            flags.push(format!("--sysroot={}", dir.display()));
        }
        if (system::of(target).links_statically)(target) {
            // Set for every musl target: the default of riscv64gc is dynamic, and others may follow
            // (rust#144513 and related).
            flags.push(STATIC.into());
        }
        match self {
            Linker::Driver { link, .. } => flags.extend((link.rules().rustflag)(target).map(Into::into)),
            Linker::RustLld { .. } => {
                let flavor =
                    if system::of(target).objects == ObjectFormat::Wasm { "wasm-ld" } else { "ld.lld" };
                flags.extend([format!("-Clinker-flavor={flavor}"), "-Clink-self-contained=yes".into()]);
            }
        }
        flags
    }
}
