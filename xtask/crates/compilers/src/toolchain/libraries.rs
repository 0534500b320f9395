//! The places where the C libraries of a target lie on this machine.

use std::path::{Path, PathBuf};

use super::names::llvm_target;
use xtask_triple::{Arch, Triple};

/// The folders in which tools look for the headers and libraries of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetLibraries {
    /// The folder that targets.toml names.
    pub sysroot: Option<PathBuf>,
    /// The folders that are like the root of a file system of the target.
    pub roots: Vec<PathBuf>,
    /// The folders of the descriptions (`.pc` files) that pkg-config reads. They need not exist.
    pub pkg_config: Vec<PathBuf>,
    /// The folders of headers that compilers do not know.
    pub headers: Vec<PathBuf>,
    /// The folders of libraries that linkers do not know.
    pub libraries: Vec<PathBuf>,
}

impl TargetLibraries {
    /// Returns the folders of a target. Without a sysroot, they are those that distributions use for another
    /// target: those of Debian's packages for its architecture
    /// (<https://wiki.debian.org/Multiarch/LibraryPathOverview>), and those of cross compilers.
    pub fn of(target: &Triple, sysroot: Option<&Path>) -> Self {
        let name = multiarch(target);
        let usr = Path::new("/usr");
        let cross = usr.join(&name);
        let Some(sysroot) = sysroot else {
            let own = usr.join("lib").join(&name).join("pkgconfig");
            // Descriptions without machine code, which those of the target's packages may require.
            let common = own.is_dir().then(|| usr.join("share/pkgconfig"));
            let local = usr.join("local/lib").join(&name).join("pkgconfig");
            let folders = [local, own, cross.join("lib/pkgconfig")];
            let pkg_config = folders.into_iter().chain(common).collect();
            return Self { roots: vec![cross], pkg_config, ..Self::default() };
        };
        let below = |folders: &[&str]| -> Vec<PathBuf> {
            let all = folders.iter().flat_map(|folder| {
                let folder = sysroot.join(folder);
                [folder.join(&name), folder]
            });
            all.filter(|folder| folder.is_dir()).collect()
        };
        let libraries = below(&["usr/local/lib", "usr/lib", "usr/lib64", "lib", "lib64"]);
        let common = below(&["usr/local/share", "usr/share", "share"]);
        let described = libraries.iter().chain(&common).map(|folder| folder.join("pkgconfig"));
        Self {
            sysroot: Some(sysroot.to_owned()),
            roots: vec![sysroot.to_owned(), cross],
            pkg_config: described.collect(),
            headers: below(&["usr/local/include", "usr/include", "include"]),
            libraries,
        }
    }

    /// Returns the options by which a C compiler finds the headers, after those of its own C library.
    pub fn header_options(&self) -> impl Iterator<Item = String> {
        self.headers.iter().map(|folder| format!("-idirafter{}", folder.display()))
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
            ("wasm32-wasip1", "wasm32-wasi"),
        ] {
            let libraries = TargetLibraries::of(&Triple::parse(triple), None);
            let own = Path::new("/usr/lib").join(name).join("pkgconfig");
            assert!(libraries.pkg_config.contains(&own), "{libraries:?}");
        }
    }
}
