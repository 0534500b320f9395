//! C toolchains. [`Provider`] lists where they come from, [`candidates`] finds them for a target, and
//! [`probe`] tests them. A toolchain is used only after it passed its probe.

use std::path::PathBuf;

pub mod arguments;
pub mod candidates;
pub mod compilers;
pub mod identity;
pub mod libraries;
pub mod link;
pub mod mapped_link;
mod named;
pub mod names;
pub mod probe;
pub mod providers;
pub mod runner;
pub mod stand_in;
pub mod survey;
pub mod workers;
pub mod wrapper;

pub use candidates::CcChoice;
pub use link::{Link, Linker};
pub use providers::{Provider, Supply, own, zig};

/// A program with its fixed arguments: `["/usr/bin/clang", "--target=aarch64-linux-gnu"]`.
pub type Driver = Vec<String>;

/// A toolchain that was found but not yet probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The provider that the toolchain comes from.
    pub provider: Provider,
    /// The reason why it was considered, as text for the user: `CC_aarch64_unknown_linux_musl=/bin/false`,
    /// `aarch64-linux-gnu-gcc on PATH`.
    pub origin: String,
    /// The C compiler. If it was named but does not exist, `absent` says so.
    pub cc: Driver,
    /// The C++ compiler, if one lies beside the C compiler.
    pub cxx: Option<Driver>,
    /// The archiver (`ar`), if there is one.
    pub ar: Option<Driver>,
    /// The archive indexer (`ranlib`), if there is one.
    pub ranlib: Option<Driver>,
    /// The driver that links, if it is not the C compiler.
    pub linker: Option<Driver>,
    /// The programs that make the output of the C compiler, if it is only their driver and named them.
    pub workers: Vec<PathBuf>,
    /// The way in which rustc links with the toolchain.
    pub link: Link,
    /// The reason why it cannot be probed: a file that does not exist or is not executable.
    pub absent: Option<String>,
}

impl Candidate {
    /// Returns the drivers whose contents decide the output: compilers, archiver and linker.
    pub fn drivers(&self) -> impl Iterator<Item = &Driver> {
        [Some(&self.cc), self.cxx.as_ref(), self.ar.as_ref(), self.linker.as_ref()].into_iter().flatten()
    }
}

/// A provider that found no candidate, for `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nothing {
    /// The provider without a candidate.
    pub provider: Provider,
    /// What the provider looked for, or why it did not look.
    pub looked_for: String,
}

/// A toolchain that passed its probe for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The provider that the toolchain comes from.
    pub provider: Provider,
    /// Name and version, without a path: `gcc 12.2.0`.
    pub version: String,
    /// A digest (16 hexadecimal digits) of everything that could change its output.
    pub id: String,
    /// The compiler program itself, without a wrapper of xtask.
    pub driver: PathBuf,
    /// The C compiler as one absolute path, because build systems split command lines in different ways.
    pub cc: PathBuf,
    /// The C++ compiler, if its probe passed.
    pub cxx: Option<PathBuf>,
    /// The archiver (`ar`), if there is one.
    pub ar: Option<PathBuf>,
    /// The archive indexer (`ranlib`), if there is one.
    pub ranlib: Option<PathBuf>,
    /// The path of the linker that rustc starts.
    pub linker: PathBuf,
    /// The way in which rustc links with the toolchain.
    pub link: Link,
}
