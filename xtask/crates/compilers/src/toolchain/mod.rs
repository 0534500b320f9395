//! C toolchains: where they may come from ([`Provider`]), which ones there are for a target ([`candidates`]), and which
//! of them work ([`probe`]). A toolchain is used only after its probe passed.

use std::path::PathBuf;

pub mod arguments;
pub mod candidates;
pub mod compilers;
pub mod identity;
pub mod link;
pub mod mapped_link;
mod named;
pub mod names;
pub mod probe;
pub mod providers;
pub mod runner;
pub mod stand_in;
pub mod survey;
pub mod wrapper;

pub use candidates::CcChoice;
pub use link::{Link, Linker};
pub use providers::{Provider, Supply, zig};

/// A program with the arguments that make it what it is: `["/usr/bin/clang", "--target=aarch64-linux-gnu"]`.
pub type Driver = Vec<String>;

/// A toolchain that might work: its drivers, not yet run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The provider that the toolchain comes from.
    pub provider: Provider,
    /// What pointed to it, for a person: `CC_aarch64_unknown_linux_musl=/bin/false`, `aarch64-linux-gnu-gcc on PATH`.
    pub origin: String,
    /// The C compiler. Where it was named but is not there, `absent` says so.
    pub cc: Driver,
    /// The C++ compiler, where one lies beside the C compiler.
    pub cxx: Option<Driver>,
    /// The archiver (`ar`), where there is one.
    pub ar: Option<Driver>,
    /// The archive indexer (`ranlib`), where there is one.
    pub ranlib: Option<Driver>,
    /// The way in which rustc links with the toolchain.
    pub link: Link,
    /// Why it cannot even be tried: a file that is not there or not executable.
    pub absent: Option<String>,
}

impl Candidate {
    /// The drivers that decide what it makes: compilers and archiver.
    pub fn drivers(&self) -> impl Iterator<Item = &Driver> {
        [Some(&self.cc), self.cxx.as_ref(), self.ar.as_ref()].into_iter().flatten()
    }
}

/// One of the places a provider looked at without finding a candidate, for `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nothing {
    /// The provider that found no candidate there.
    pub provider: Provider,
    /// What it looked for, or why it did not look.
    pub looked_for: String,
}

/// A toolchain that passed its probe for a target, ready to be handed to Cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The provider that the toolchain comes from.
    pub provider: Provider,
    /// Name and version, without a path: `gcc 12.2.0`.
    pub version: String,
    /// 16 hexadecimal digits over everything that could change what it produces.
    pub id: String,
    /// The program that compiles, with no wrapper of ours in front of it.
    pub driver: PathBuf,
    /// The C compiler: one absolute path, since build systems split words differently.
    pub cc: PathBuf,
    /// The C++ compiler, where its probe passed.
    pub cxx: Option<PathBuf>,
    /// The archiver (`ar`), where there is one.
    pub ar: Option<PathBuf>,
    /// The archive indexer (`ranlib`), where there is one.
    pub ranlib: Option<PathBuf>,
    /// The path of the linker that rustc starts.
    pub linker: PathBuf,
    /// The way in which rustc links with the toolchain.
    pub link: Link,
}
