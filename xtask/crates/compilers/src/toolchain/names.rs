//! What distributions and compilers call a target.

use xtask_triple::{Arch, Env, Libc, Triple};

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
