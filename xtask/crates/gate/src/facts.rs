//! What a program file says about itself.

use std::fmt;

use object::elf;
use serde::{Deserialize, Serialize};

use super::{Glibc, Level};

/// What an ELF program says about itself, as far as it decides where the program can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The kind of linking: static, static at any address, or dynamic.
    pub kind: Linkage,
    /// Size of a pointer in bits: 32 or 64 (the ELF class).
    pub bits: u8,
    /// The byte order of the file.
    pub endian: Endian,
    /// The processor family that the program is for (`e_machine`).
    pub machine: ElfMachine,
    /// `EI_OSABI`: 0 (System V) and 3 (GNU) are what Linux programs have.
    pub os_abi: u8,
    /// The floating-point calling convention, where the header's flags tell.
    pub float: Option<Float>,
    /// The program interpreter (dynamic loader) that the kernel starts in its place.
    pub interpreter: Option<String>,
    /// The shared libraries that it names (`DT_NEEDED`), in the order in which they are loaded.
    pub needed: Vec<String>,
    /// `DT_RPATH`, split at the colons.
    pub rpath: Vec<String>,
    /// `DT_RUNPATH`, split at the colons.
    pub runpath: Vec<String>,
    /// The symbol versions that it requires of libraries, in the file's order.
    pub versions: Vec<VersionNeed>,
    /// Whether it wants an executable stack.
    pub stack: Stack,
    /// The size of the stack that the program header `PT_GNU_STACK` asks for, in bytes; 0 where it does not say. musl gives
    /// its threads as much.
    pub stack_size: u64,
    /// The level of x86-64 that it says it needs.
    pub level: Option<Level>,
    /// In a static program, the functions that reach glibc's name service (`getaddrinfo`), which loads shared libraries
    /// at run time; empty where the program has the service and was stripped of their names.
    pub name_service: Option<Vec<String>>,
}

/// How a program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// At a fixed address, needing nothing.
    Static,
    /// At any address, needing nothing: it relocates itself.
    StaticPie,
    /// With an interpreter or with shared libraries. A position-independent program that has an interpreter is this.
    Dynamic,
}

/// The order of the bytes of a number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// The processor family: ELF's `e_machine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElfMachine(pub u16);

/// The calling convention for floating point, which two objects must share to understand each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float {
    /// Floating-point arguments are passed in integer registers.
    Soft,
    /// Arguments of single precision are passed in floating-point registers (RISC-V, LoongArch).
    Single,
    /// Arguments up to double precision are passed in floating-point registers: Arm's "hard", RISC-V's `d`.
    Hard,
    /// Arguments up to quadruple precision are passed in floating-point registers (RISC-V).
    Quad,
}

/// The kind of stack that the program header `PT_GNU_STACK` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// The stack is data only.
    Plain,
    /// The stack may run code.
    Executable,
    /// The program does not say: the kernel's default for the processor counts, which may be executable.
    Unsaid,
}

/// A version that a library must define before the loader starts the program, with what asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionNeed {
    /// The library's file name, such as `libc.so.6`.
    pub library: String,
    /// The version's name, such as `GLIBC_2.34`.
    pub version: String,
    /// Whether the need is weak: the loader goes on without it.
    pub weak: bool,
    /// The symbols bound to it, in the symbol table's order. Empty where the table's length is not recorded.
    pub symbols: Vec<String>,
}

impl Facts {
    /// The newest glibc version that it requires, with the need that asks for it; none where it asks for none.
    pub fn glibc_max(&self) -> Option<(Glibc, &VersionNeed)> {
        // The first of equals, so that the answer does not depend on more than the file.
        self.versions
            .iter()
            .filter(|n| !n.weak)
            .filter_map(|n| Some((Glibc::of_symbol(&n.version)?, n)))
            .fold(None, |best: Option<(Glibc, &VersionNeed)>, next| match best {
                Some(best) if best.0 >= next.0 => Some(best),
                _ => Some(next),
            })
    }

    /// The machine's name with class and byte order taken into account: `x86_64`, `riscv64`, `powerpc64le`, …
    pub fn machine_name(&self) -> String {
        self.machine.name(self.bits, self.endian)
    }
}

impl Linkage {
    /// The word that report.json uses for the kind of linking.
    pub fn word(self) -> &'static str {
        match self {
            Linkage::Static => "static",
            Linkage::StaticPie => "static-pie",
            Linkage::Dynamic => "dynamic",
        }
    }
}

impl fmt::Display for Linkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl ElfMachine {
    /// The name that Rust's triples begin with, where there is one; `bits` and `endian` tell variants apart.
    pub fn name(self, bits: u8, endian: Endian) -> String {
        let little = endian == Endian::Little;
        let name = match (elf::Machine(self.0), bits) {
            (elf::EM_X86_64, 64) => "x86_64",
            (elf::EM_X86_64, _) => "x86_64 (x32)",
            (elf::EM_386, _) => "x86",
            (elf::EM_AARCH64, 64) if little => "aarch64",
            (elf::EM_AARCH64, 64) => "aarch64_be",
            (elf::EM_AARCH64, _) => "aarch64 (ilp32)",
            (elf::EM_ARM, _) if little => "arm",
            (elf::EM_ARM, _) => "armeb",
            (elf::EM_RISCV, 64) => "riscv64",
            (elf::EM_RISCV, _) => "riscv32",
            (elf::EM_PPC64, _) if little => "powerpc64le",
            (elf::EM_PPC64, _) => "powerpc64",
            (elf::EM_PPC, _) => "powerpc",
            (elf::EM_S390, 64) => "s390x",
            (elf::EM_LOONGARCH, 64) => "loongarch64",
            (elf::EM_MIPS, 64) => "mips64",
            (elf::EM_MIPS, _) => "mips",
            (elf::EM_SPARCV9, _) => "sparc64",
            (elf::EM_BPF, _) => "bpf",
            _ => return format!("machine {}", self.0),
        };
        name.to_owned()
    }
}

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Float::Soft => "soft float",
            Float::Single => "single-precision float",
            Float::Hard => "hard float",
            Float::Quad => "quadruple-precision float",
        })
    }
}
