//! A rustc on this machine, and the contents of its sysroot. [`find`] finds the active rustc and others that
//! could serve.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xtask_files::error::Result;
use xtask_process::host::Host;
use xtask_triple::Triple;

mod cfg;
mod facts;
pub mod find;
mod version;

pub use version::Version;

/// A rustc, with the facts that it reports about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustc {
    /// The path of the compiler itself, never of a rustup proxy. So it does not depend on variables or the
    /// working folder.
    pub program: PathBuf,
    /// The version of the compiler.
    pub version: Version,
    /// The full hash of the commit that it was built from, if it reports one.
    pub commit: Option<String>,
    /// The triple of the machine that it runs on.
    pub host: Triple,
    /// The sysroot: the folder of its libraries.
    pub sysroot: PathBuf,
    /// The output of `rustc -vV`. Two compilers of one commit that were built by different people differ
    /// here, and neither can use a library of the other.
    pub identity: String,
    targets: Arc<BTreeSet<String>>,
}

impl Rustc {
    /// Returns the rustc at `program`. Its answers are kept in `cache`; if they are there, no program is run.
    ///
    /// # Errors
    /// The program cannot be run, or is not a rustc.
    pub fn at(program: &Path, cache: &Path) -> Result<Self> {
        facts::read(program, cache)
    }

    /// Returns the triples for which it can compile: `rustc --print target-list`.
    pub fn known_targets(&self) -> &BTreeSet<String> {
        &self.targets
    }

    /// Returns the folder for the libraries of a target. The folder need not exist.
    pub fn libraries(&self, target: &Triple) -> PathBuf {
        libraries(&self.sysroot, target)
    }

    /// Returns the source of its library (the folder that holds `std`), if that is installed.
    pub fn source(&self) -> Option<PathBuf> {
        let dir = self.sysroot.join("lib").join("rustlib").join("src").join("rust").join("library");
        dir.join("std").join("Cargo.toml").is_file().then_some(dir)
    }

    /// Returns the cargo that belongs to it: the one in the same folder, else the one that runs this program
    /// (`CARGO`), else `cargo`.
    pub fn cargo(&self, host: &Host) -> PathBuf {
        let beside = self.program.with_file_name(format!("cargo{}", std::env::consts::EXE_SUFFIX));
        if beside.is_file() {
            return beside;
        }
        host.cargo()
    }

    /// Returns the name of its rustup toolchain, if rustup installed it and can add targets to it.
    pub fn rustup_toolchain(&self) -> Option<String> {
        let manifest = self.rustup_manifest();
        let toolchains = self.sysroot.parent().filter(|p| p.file_name().is_some_and(|n| n == "toolchains"));
        (toolchains.is_some() && manifest.is_file())
            .then(|| self.sysroot.file_name().map(|n| n.to_string_lossy().into_owned()))?
    }

    /// Returns whether its release comes with a std for a target that rustup can add. True if rustup's list of the
    /// release cannot be read.
    pub fn is_published_for(&self, target: &Triple) -> bool {
        let head = format!("[pkg.rust-std.target.{target}]");
        let Ok(list) = std::fs::read_to_string(self.rustup_manifest()) else { return true };
        let mut lines = list.lines().map(str::trim);
        !list.contains("[pkg.rust-std.target.")
            || (lines.any(|line| line == head) && lines.next() == Some("available = true"))
    }

    /// The list in which rustup keeps what the release of a toolchain consists of.
    fn rustup_manifest(&self) -> PathBuf {
        self.sysroot.join("lib").join("rustlib").join("multirust-channel-manifest.toml")
    }

    /// Returns `rust-lld` of its sysroot, if there is one.
    pub fn rust_lld(&self) -> Option<PathBuf> {
        let bin = self.sysroot.join("lib").join("rustlib").join(self.host.as_str()).join("bin");
        let lld = bin.join(format!("rust-lld{}", std::env::consts::EXE_SUFFIX));
        lld.is_file().then_some(lld)
    }

    /// Returns path and version as text for the user.
    pub fn describe(&self) -> String {
        format!("{} {}", self.program.display(), self.version)
    }
}

/// Returns an LLD that links ELF without a C toolchain: that of the rustc in use, else that of another rustc,
/// else `ld.lld` on PATH.
pub fn lld(used: &Rustc, others: &[Rustc], host: &Host) -> Option<PathBuf> {
    let own = std::iter::once(used).chain(others).find_map(Rustc::rust_lld);
    own.or_else(|| find::toolchains(host).iter().find_map(|dir| rust_lld_in(dir, used)))
        .or_else(|| host.program("ld.lld"))
}

fn rust_lld_in(toolchain: &Path, used: &Rustc) -> Option<PathBuf> {
    let rustc = Rustc { sysroot: toolchain.to_owned(), ..used.clone() };
    rustc.rust_lld()
}

/// Returns the folder for the libraries of a target in a sysroot.
pub fn libraries(sysroot: &Path, target: &Triple) -> PathBuf {
    sysroot.join("lib").join("rustlib").join(target.as_str()).join("lib")
}

#[cfg(test)]
impl Rustc {
    /// Makes a rustc that is never run, with a sysroot that the test provides.
    pub(crate) fn fake(sysroot: &Path, version: &str, targets: &[&str]) -> Self {
        Self {
            program: sysroot.join("bin").join("rustc"),
            version: Version::parse(version).expect("a version"),
            commit: None,
            host: Triple::parse("x86_64-unknown-linux-gnu"),
            sysroot: sysroot.to_owned(),
            identity: format!("rustc {version}"),
            targets: Arc::new(targets.iter().map(|t| (*t).to_owned()).collect()),
        }
    }
}
