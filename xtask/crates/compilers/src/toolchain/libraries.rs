//! The places where the C libraries of another target lie on this machine.

use std::path::{Path, PathBuf};

use super::names::llvm_target;
use xtask_triple::{Arch, Triple};

/// The folders in which tools look for the headers and libraries of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetLibraries {
    /// The folders that are like the root of a file system of the target.
    pub roots: Vec<PathBuf>,
    /// The folders of the descriptions (`.pc` files) that pkg-config reads. They need not exist.
    pub pkg_config: Vec<PathBuf>,
}

impl TargetLibraries {
    /// Returns the folders that distributions use for another target: those of Debian's packages for its
    /// architecture (<https://wiki.debian.org/Multiarch/LibraryPathOverview>), and those of cross compilers.
    pub fn of(target: &Triple) -> Self {
        let name = multiarch(target);
        let usr = Path::new("/usr");
        let cross = usr.join(&name);
        let own = usr.join("lib").join(&name).join("pkgconfig");
        // Descriptions without machine code, which those of the target's packages may require.
        let common = own.is_dir().then(|| usr.join("share/pkgconfig"));
        let folders = [usr.join("local/lib").join(&name).join("pkgconfig"), own, cross.join("lib/pkgconfig")];
        Self { roots: vec![cross], pkg_config: folders.into_iter().chain(common).collect() }
    }
}

/// Returns Debian's name of a target in paths: `aarch64-linux-gnu`. A target without one keeps its own name.
fn multiarch(target: &Triple) -> String {
    match (target.arch(), llvm_target(target)) {
        (Arch::X86, Some(name)) => name.replacen("i686", "i386", 1),
        (_, Some(name)) => name,
        (_, None) => target.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_the_names_that_debian_gives_them() {
        for (triple, name) in [
            ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu"),
            ("i686-unknown-linux-gnu", "i386-linux-gnu"),
            ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf"),
            ("powerpc64le-unknown-linux-gnu", "powerpc64le-linux-gnu"),
            ("wasm32-wasip1", "wasm32-wasip1"),
        ] {
            let libraries = TargetLibraries::of(&Triple::parse(triple));
            let own = Path::new("/usr/lib").join(name).join("pkgconfig");
            assert!(libraries.pkg_config.contains(&own), "{libraries:?}");
        }
    }
}
