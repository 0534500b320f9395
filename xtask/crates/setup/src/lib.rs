//! Installs what `doctor` found missing. [`Want`] is a missing thing, and [`machine::Machine`] describes the
//! package managers of the machine. [`steps::steps`] (pure) decides on the commands, and [`run::run`] runs
//! them after the user has agreed.
//!
//! Setup removes nothing. It installs packages of the system with `--no-remove`, and everything else goes
//! into the cache folder.

use std::fmt;

use xtask_compilers::toolchain::{Provider, Supply};
use xtask_triple::Triple;

pub mod apt;
pub mod cosign;
pub mod machine;
mod pip;
pub mod python_library;
pub mod run;
pub mod sccache;
pub mod steps;
pub mod zig;

pub use machine::Machine;
pub use python_library::PythonLibrary;
pub use run::{SetupContext, SetupReport, obtainable, run};
pub use steps::{Action, Step, steps};

/// A missing thing, named by its purpose. The order of the variants is the order in which they are installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// A C compiler of this machine, with which rustc links build scripts. It is installed first, because
    /// every build needs it.
    HostCompiler,
    /// zig: a C compiler for every target, and the source of musl's start files. It is installed before the
    /// stds, which use it.
    Zig,
    /// The source of Rust's library, together with its rustc.
    Source,
    /// A std for a target.
    Std(Triple),
    /// A GNU C cross compiler with its C library. qemu needs this library to run dynamic programs. Other
    /// compilers, such as zig, install no C library.
    GnuCross {
        /// The target that the compiler compiles for.
        target: Triple,
        /// Whether a C++ compiler is also wanted.
        cxx: bool,
    },
    /// The C compiler of a provider, from a package of the system.
    Compiler {
        /// The provider of the compiler.
        provider: Provider,
        /// The target that the compiler compiles for.
        target: Triple,
    },
    /// qemu's user mode emulation, which runs programs of this target.
    Qemu(Triple),
    /// wine, which runs programs of this Windows target.
    Wine(Triple),
    /// An entry in the kernel's binfmt_misc that starts programs of this target with qemu, so that containers
    /// of this platform run.
    Binfmt(Triple),
    /// A Python library with which tests check documents.
    Library(PythonLibrary),
    /// cosign 2 and 3, with which tests verify signatures.
    Cosign,
    /// sccache, with which tests share compiled files.
    Sccache,
    /// A program that tests use for inspection: `skopeo`, `umoci`, `docker-registry`.
    Program(String),
}

impl Want {
    /// Returns what setup installs to make a provider serve a target, or none if setup cannot install it.
    pub fn compiler(provider: Provider, target: &Triple) -> Option<Self> {
        Some(match provider.supply(target)? {
            Supply::Zig => Want::Zig,
            Supply::Package { .. } => Want::Compiler { provider, target: target.clone() },
        })
    }

    /// Returns the package of a provider's compiler, or none for another want.
    fn package(&self) -> Option<Supply> {
        let Want::Compiler { provider, target } = self else { return None };
        provider.supply(target)
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Want::HostCompiler => f.write_str("a C compiler of this machine"),
            Want::Zig => write!(f, "zig {}", zig::VERSION),
            Want::Source => f.write_str("the source of Rust's library"),
            Want::Std(target) => write!(f, "a std for {target}"),
            Want::GnuCross { target, cxx: false } => {
                write!(f, "the C library for running programs for {target} (part of GNU's cross compiler)")
            }
            Want::GnuCross { target, cxx: true } => {
                write!(f, "GNU's C and C++ compilers for {target}, with their C library")
            }
            Want::Compiler { provider, target } => write!(f, "the C compiler of {provider} for {target}"),
            Want::Qemu(target) => write!(f, "qemu for {target}"),
            Want::Wine(target) => write!(f, "wine for {target}"),
            Want::Binfmt(target) => write!(f, "containers of {target} with binfmt_misc"),
            Want::Library(library) => library.fmt(f),
            Want::Cosign => f.write_str("cosign 2 and 3"),
            Want::Sccache => write!(f, "sccache {}", sccache::VERSION),
            Want::Program(name) => f.write_str(name),
        }
    }
}
