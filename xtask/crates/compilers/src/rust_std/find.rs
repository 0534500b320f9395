//! Finds the std of a rustc for a target, or the ways to get one. It reads files only and starts no program.

use std::path::{Path, PathBuf};

use super::{marker, place, self_contained};
use crate::rustc::{Rustc, libraries};
use xtask_triple::{Libc, Triple};

/// A std that is ready for use on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyStd {
    /// The folder for `--sysroot`; none if rustc finds the std by itself.
    pub sysroot: Option<PathBuf>,
    /// Whether start files and the C library lie in the std, so that `rust-lld` alone can link against it. It
    /// is always false for a target whose programs are not static.
    pub self_contained: bool,
}

/// A way to get a std. Only setup uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdInstall {
    /// `rustup target add`. Only a trial shows whether it works.
    RustupAdd {
        /// The rustup toolchain that the std is added to.
        toolchain: String,
    },
    /// A build from the source that is installed with the rustc.
    Build {
        /// The folder `library` of that source.
        source: PathBuf,
    },
}

impl ReadyStd {
    /// The name in JSON documents: `rustc` if the std came with the compiler or by rustup, `built` if setup
    /// built it.
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

/// Returns the std of `rustc` for `target`, if there is one: first from rustc's own sysroot, then from the
/// cache.
pub fn ready(rustc: &Rustc, target: &Triple, cache: &Path) -> Option<ReadyStd> {
    if has_std(&rustc.libraries(target)) {
        let self_contained = self_contained::complete(&rustc.sysroot, target);
        return Some(ReadyStd { sysroot: None, self_contained });
    }
    made(rustc, target, cache)
}

/// Returns the std that was built for `rustc` and `target` on this machine. It does not look at rustc's own
/// sysroot.
pub fn made(rustc: &Rustc, target: &Triple, cache: &Path) -> Option<ReadyStd> {
    let dir = place(rustc, target, cache);
    marker::whole(&libraries(&dir, target)).then(|| {
        let self_contained = self_contained::complete(&dir, target);
        ReadyStd { sysroot: Some(dir), self_contained }
    })
}

/// Returns the ways in which `rustc` can get a std for `target`, the preferred one first. `rustup` says
/// whether rustup is installed.
pub fn ways(rustc: &Rustc, target: &Triple, rustup: bool) -> Vec<StdInstall> {
    if !rustc.known_targets().contains(target.as_str()) {
        return Vec::new();
    }
    let toolchain = rustc.rustup_toolchain().filter(|_| rustup && rustc.is_published_for(target));
    let add = toolchain.map(|toolchain| StdInstall::RustupAdd { toolchain });
    let build = rustc.source().map(|source| StdInstall::Build { source });
    add.into_iter().chain(build).collect()
}

/// Whether a std that setup builds for `target` also needs start files and a C library.
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
