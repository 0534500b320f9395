//! Whether a rustc has a target's std, and how it could get one. Looks at files only; starts nothing.

use std::path::{Path, PathBuf};

use super::{marker, place, self_contained};
use crate::rustc::{Rustc, libraries};
use xtask_triple::{Libc, Triple};

/// A std that is ready for use on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyStd {
    /// What `--sysroot` must say; none where rustc finds it by itself.
    pub sysroot: Option<PathBuf>,
    /// Start files and C library lie with it: `rust-lld` alone can link against it. Always false where the target's
    /// libc is not musl.
    pub self_contained: bool,
}

/// A way to get a std. Only setup uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdInstall {
    /// `rustup target add`; whether that works is known only by trying.
    RustupAdd {
        /// The rustup toolchain that the std is added to.
        toolchain: String,
    },
    /// Building it from the source that lies with the rustc.
    Build {
        /// The folder `library` of that source.
        source: PathBuf,
    },
}

impl ReadyStd {
    /// The name in JSON documents: `rustc` for one that came with the compiler or by rustup, `built` for one made here.
    pub fn provider(&self) -> &'static str {
        if self.sysroot.is_some() { "built" } else { "rustc" }
    }
}

impl StdInstall {
    /// The name in JSON documents.
    pub fn provider(&self) -> &'static str {
        match self {
            StdInstall::RustupAdd { .. } => "rustup",
            StdInstall::Build { .. } => "source",
        }
    }
}

/// The std of `rustc` for `target`, where it is there: in rustc's own sysroot, else made here earlier.
pub fn ready(rustc: &Rustc, target: &Triple, cache: &Path) -> Option<ReadyStd> {
    if has_std(&rustc.libraries(target)) {
        let self_contained = self_contained::complete(&rustc.sysroot, target);
        return Some(ReadyStd { sysroot: None, self_contained });
    }
    made(rustc, target, cache)
}

/// The std that was made here for `rustc` and `target`, whatever lies in rustc's own sysroot.
pub fn made(rustc: &Rustc, target: &Triple, cache: &Path) -> Option<ReadyStd> {
    let dir = place(rustc, target, cache);
    marker::whole(&libraries(&dir, target)).then(|| {
        let self_contained = self_contained::complete(&dir, target);
        ReadyStd { sysroot: Some(dir), self_contained }
    })
}

/// The ways in which `rustc` could get a std for `target`, in the order of the contract. `rustup` says whether the program
/// is there at all.
pub fn ways(rustc: &Rustc, target: &Triple, rustup: bool) -> Vec<StdInstall> {
    if !rustc.known_targets().contains(target.as_str()) {
        return Vec::new();
    }
    let add =
        rustc.rustup_toolchain().filter(|_| rustup).map(|toolchain| StdInstall::RustupAdd { toolchain });
    let build = rustc.source().map(|source| StdInstall::Build { source });
    add.into_iter().chain(build).collect()
}

/// Whether a std for `target` that setup makes is worth giving start files and a C library.
pub fn wants_self_contained(target: &Triple) -> bool {
    target.libc() == Libc::Musl
}

fn has_std(dir: &Path) -> bool {
    let Ok(files) = std::fs::read_dir(dir) else { return false };
    files.flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}
