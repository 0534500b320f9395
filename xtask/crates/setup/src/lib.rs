//! Gets what `doctor` found missing. [`Want`] says what, [`machine::Machine`] what there is to get it with,
//! [`steps::steps`] (pure) which commands that means, and [`run::run`] runs them after a person agreed.
//!
//! Nothing is ever removed: packages are installed with `--no-remove`, and all that is not a package of the system
//! lies in the cache folder.

use std::fmt;

use xtask_compilers::toolchain::{Provider, Supply};
use xtask_triple::Triple;

pub mod apt;
pub mod cosign;
pub mod machine;
mod pip;
pub mod python_library;
pub mod run;
pub mod steps;
pub mod zig;

pub use machine::Machine;
pub use python_library::PythonLibrary;
pub use run::{SetupContext, SetupReport, obtainable, run};
pub use steps::{Action, Step, steps};

/// Something that is missing, named by what it is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// A C compiler of this machine, which rustc links build scripts with. Before all else: whatever is built needs it.
    HostCompiler,
    /// zig: a C compiler for every target, and the source of musl's start files. Before the stds, which use it.
    Zig,
    /// The source of Rust's library, with the rustc that it belongs to.
    Source,
    /// A std for a target.
    Std(Triple),
    /// A C cross compiler with a C library (GNU): qemu loads dynamic programs by that library. Other compilers, zig among
    /// them, bring none that is installed.
    GnuCross {
        /// The target that the compiler compiles for.
        target: Triple,
        /// Whether a C++ compiler is wanted as well.
        cxx: bool,
    },
    /// The C compiler of a provider, from a package of the system.
    Compiler {
        /// The provider of the compiler.
        provider: Provider,
        /// The target that the compiler compiles for.
        target: Triple,
    },
    /// qemu's user mode, which runs programs of this target.
    Qemu(Triple),
    /// The kernel hands programs of this target to qemu, so that containers of that platform run.
    Binfmt(Triple),
    /// A library of Python that tests hold documents against.
    Library(PythonLibrary),
    /// cosign 2 and 3, which tests verify signatures with.
    Cosign,
    /// A program that tests look with: `skopeo`, `umoci`, `docker-registry`.
    Program(String),
}

impl Want {
    /// What setup installs so that a provider serves a target; none where it has nothing to install.
    pub fn compiler(provider: Provider, target: &Triple) -> Option<Self> {
        Some(match provider.supply(target)? {
            Supply::Zig => Want::Zig,
            Supply::Package { .. } => Want::Compiler { provider, target: target.clone() },
        })
    }

    /// The package that brings a provider's compiler; none where something else is wanted.
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
                write!(
                    f,
                    "the C library that programs for {target} are run with, which comes with GNU's compiler"
                )
            }
            Want::GnuCross { target, cxx: true } => {
                write!(f, "GNU's C and C++ compilers for {target}, with their C library")
            }
            Want::Compiler { provider, target } => write!(f, "the C compiler of {provider} for {target}"),
            Want::Qemu(target) => write!(f, "qemu for {target}"),
            Want::Binfmt(target) => write!(f, "containers of {target} by way of binfmt_misc"),
            Want::Library(library) => library.fmt(f),
            Want::Cosign => f.write_str("cosign 2 and 3"),
            Want::Program(name) => f.write_str(name),
        }
    }
}
