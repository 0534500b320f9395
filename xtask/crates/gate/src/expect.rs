//! The properties that a target requires of a program: the tables for [`check`](super::check()).

use object::elf;

use super::facts::{ElfMachine, Endian, Float};
use xtask_triple::{Arch, Env, Libc, Triple};

/// Returns the machine, pointer size and byte order of a target, or none for an architecture that is not in
/// this table.
pub(super) fn machine(triple: &Triple) -> Option<(ElfMachine, u8, Endian)> {
    use Endian::{Big, Little};
    let (machine, bits, endian) = match triple.arch() {
        Arch::X86_64 => (elf::EM_X86_64, 64, Little),
        Arch::X86 => (elf::EM_386, 32, Little),
        Arch::Aarch64 => (elf::EM_AARCH64, 64, Little),
        Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5 => (elf::EM_ARM, 32, Little),
        Arch::Riscv64 => (elf::EM_RISCV, 64, Little),
        Arch::Powerpc64le => (elf::EM_PPC64, 64, Little),
        Arch::S390x => (elf::EM_S390, 64, Big),
        Arch::Loongarch64 => (elf::EM_LOONGARCH, 64, Little),
        Arch::Wasm32 | Arch::Other => return None,
    };
    let bits = if triple.env() == Env::GnuIlp32 { 32 } else { bits };
    Some((ElfMachine(machine.0), bits, endian))
}

/// Returns the processor family of a target's objects, or none for an architecture that is not in the table.
pub fn target_machine(triple: &Triple) -> Option<ElfMachine> {
    machine(triple).map(|(machine, ..)| machine)
}

/// Returns the floating-point convention of a target, if the programs of its machine may differ in it.
pub(super) fn float(triple: &Triple) -> Option<Float> {
    match (triple.arch(), triple.env()) {
        (Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5, Env::GnuEabihf | Env::MuslEabihf) => Some(Float::Hard),
        (Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5, Env::GnuEabi | Env::MuslEabi) => Some(Float::Soft),
        // rustc's riscv64gc and loongarch64 targets pass doubles in registers (lp64d).
        (Arch::Riscv64 | Arch::Loongarch64, _) => Some(Float::Hard),
        _ => None,
    }
}

/// Returns the path that every distribution uses for glibc's program interpreter, or none for an ABI without
/// glibc. Source: <https://sourceware.org/glibc/wiki/ABIList>.
pub(super) fn glibc_interpreter(triple: &Triple) -> Option<&'static str> {
    if triple.libc() != Libc::Glibc {
        return None;
    }
    Some(match (triple.arch(), triple.env()) {
        (Arch::X86_64, Env::GnuIlp32) => "/libx32/ld-linux-x32.so.2",
        (_, Env::GnuIlp32) => return None,
        (Arch::X86_64, _) => "/lib64/ld-linux-x86-64.so.2",
        (Arch::X86, _) => "/lib/ld-linux.so.2",
        (Arch::Aarch64, _) => "/lib/ld-linux-aarch64.so.1",
        (Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5, Env::GnuEabihf) => "/lib/ld-linux-armhf.so.3",
        (Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5, _) => "/lib/ld-linux.so.3",
        (Arch::Riscv64, _) => "/lib/ld-linux-riscv64-lp64d.so.1",
        (Arch::Powerpc64le, _) => "/lib64/ld64.so.2",
        (Arch::S390x, _) => "/lib/ld64.so.1",
        (Arch::Loongarch64, _) => "/lib64/ld-linux-loongarch-lp64d.so.1",
        (Arch::Wasm32 | Arch::Other, _) => return None,
    })
}

/// Returns the C library of a program interpreter, by its file name: musl's is always `ld-musl-<arch>.so.1`,
/// glibc's `ld-linux…` or `ld64.so.…`.
pub(super) fn libc_of_interpreter(path: &str) -> Option<Libc> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.starts_with("ld-musl-") {
        Some(Libc::Musl)
    } else if name.starts_with("ld-linux") || name.starts_with("ld64.so") {
        Some(Libc::Glibc)
    } else {
        None
    }
}

/// Returns the smallest and the largest page size, in bytes, of Linux on a machine. Sources: `max-page-size`
/// in each psABI (AArch64: 4, 16 or 64 KiB; PowerPC64 and LoongArch: 64 KiB and 16 KiB by default, 4 KiB by
/// configuration), and `CONFIG_PAGE_SIZE_*` in Linux.
pub(super) fn pages(machine: ElfMachine) -> (u64, u64) {
    match elf::Machine(machine.0) {
        elf::EM_AARCH64 | elf::EM_PPC64 | elf::EM_LOONGARCH => (0x1000, 0x1_0000),
        _ => (0x1000, 0x1000),
    }
}
