//! The names that distributions and compilers use for a target.

use xtask_triple::{Arch, Env, Libc, Os, Triple};

/// Returns the prefixes under which distributions ship GNU cross compilers: Debian and Fedora first, then
/// other vendors.
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

/// Returns the architecture of a target as toolchains name it: `arm` for armv7. One without such a name has
/// that of the triple.
pub(super) fn arch(target: &Triple) -> &str {
    gnu_name(target.arch()).unwrap_or_else(|| target.arch_field())
}

/// Returns GNU's name of the architecture and the suffix of the ABI.
pub(super) fn gnu_arch(target: &Triple) -> Option<(&'static str, &'static str)> {
    let abi = match target.env() {
        Env::GnuEabihf | Env::MuslEabihf => "eabihf",
        Env::GnuEabi | Env::MuslEabi => "eabi",
        Env::Gnu | Env::Musl => "",
        _ => return None,
    };
    Some((gnu_name(target.arch())?, abi))
}

fn gnu_name(arch: Arch) -> Option<&'static str> {
    Some(match arch {
        Arch::X86_64 => "x86_64",
        Arch::X86 => "i686",
        Arch::Aarch64 => "aarch64",
        Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5 => "arm",
        Arch::Riscv64 => "riscv64",
        Arch::Powerpc64le => "powerpc64le",
        Arch::S390x => "s390x",
        Arch::Loongarch64 => "loongarch64",
        Arch::Wasm32 | Arch::Other => return None,
    })
}

/// Returns zig's name of a Windows target: `x86_64-windows-gnu`. zig has the runtime of LLVM, so it makes no programs for
/// targets with the runtime of gcc.
pub fn zig_windows(target: &Triple) -> Option<String> {
    let arch = match target.arch() {
        Arch::X86_64 => "x86_64",
        Arch::Aarch64 => "aarch64",
        _ => return None,
    };
    (target.env() == Env::MingwLlvm).then(|| format!("{arch}-windows-gnu"))
}

/// Returns LLVM's name of a target for Linux or WASI, which clang and zig share: `aarch64-linux-musl`.
pub fn llvm_target(target: &Triple) -> Option<String> {
    if target.os() == Os::Wasi {
        return Some("wasm32-wasi".to_owned());
    }
    let (arch, abi) = gnu_arch(target)?;
    let libc = match target.libc() {
        Libc::Glibc => "gnu",
        Libc::Musl => "musl",
        Libc::Other => return None,
    };
    // 32-bit x86 is i686 for GNU and clang. zig calls it x86.
    Some(format!("{arch}-linux-{libc}{abi}"))
}
