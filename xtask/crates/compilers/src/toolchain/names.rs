//! What distributions and compilers call a target.

use xtask_process::host::Host;
use xtask_triple::{Arch, Env, Libc, Os, Triple};

/// The prefixes under which distributions ship GNU cross compilers: Debian and Fedora first, then the vendors'.
pub fn gnu_prefixes(target: &Triple) -> Vec<String> {
    let Some((arch, abi)) = gnu_arch(target) else { return Vec::new() };
    if target.libc() != Libc::Glibc {
        return Vec::new();
    }
    let mut list = vec![
        format!("{arch}-linux-gnu{abi}"),
        format!("{arch}-unknown-linux-gnu{abi}"),
        format!("{arch}-none-linux-gnu{abi}"),
    ];
    if target.arch() == Arch::X86 {
        list.push("i686-linux-gnu".into());
    }
    list
}

pub(super) fn gnu_names(target: &Triple) -> Vec<String> {
    gnu_prefixes(target).into_iter().map(|p| format!("{p}-gcc")).collect()
}

/// The names on PATH that a musl cross compiler for this target has, and `musl-gcc` where it serves the target.
pub fn musl_names(target: &Triple, host: &Host) -> Vec<String> {
    let Some((arch, abi)) = gnu_arch(target).filter(|_| target.libc() == Libc::Musl) else {
        return Vec::new();
    };
    let mut arches = vec![arch];
    if target.arch() == Arch::ArmV7 {
        arches.insert(0, "armv7");
    }
    let mut list = Vec::new();
    for arch in arches {
        for vendor in ["", "unknown-", "alpine-"] {
            list.push(format!("{arch}-{vendor}linux-musl{abi}-gcc"));
        }
    }
    if target.arch() == host.triple.arch() && host.triple.os() == Os::Linux {
        list.push("musl-gcc".into());
    }
    list
}

pub(super) fn mingw_names(target: &Triple) -> Vec<String> {
    match (target.env(), target.arch()) {
        (Env::MingwGnu, Arch::X86_64) => vec!["x86_64-w64-mingw32-gcc".into()],
        (Env::MingwGnu, Arch::X86) => vec!["i686-w64-mingw32-gcc".into()],
        _ => Vec::new(),
    }
}

/// GNU's name of the architecture and the suffix of the ABI.
pub(super) fn gnu_arch(target: &Triple) -> Option<(&'static str, &'static str)> {
    let abi = match target.env() {
        Env::GnuEabihf | Env::MuslEabihf => "eabihf",
        Env::GnuEabi | Env::MuslEabi => "eabi",
        Env::Gnu | Env::Musl => "",
        _ => return None,
    };
    let arch = match target.arch() {
        Arch::X86_64 => "x86_64",
        Arch::X86 => "i686",
        Arch::Aarch64 => "aarch64",
        Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5 => "arm",
        Arch::Riscv64 => "riscv64",
        Arch::Powerpc64le => "powerpc64le",
        Arch::S390x => "s390x",
        Arch::Loongarch64 => "loongarch64",
        Arch::Wasm32 | Arch::Other => return None,
    };
    Some((arch, abi))
}

/// LLVM's spelling of a Linux target, which clang and zig share: `aarch64-linux-musl`.
pub fn llvm_target(target: &Triple) -> Option<String> {
    let (arch, abi) = gnu_arch(target)?;
    let libc = match target.libc() {
        Libc::Glibc => "gnu",
        Libc::Musl => "musl",
        Libc::Other => return None,
    };
    // GNU says i686, clang takes it, zig says x86.
    Some(format!("{arch}-linux-{libc}{abi}"))
}
