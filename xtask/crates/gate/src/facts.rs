//! The facts that a program file states about itself.

use std::fmt;

use object::elf;
use serde::{Deserialize, Serialize};

use super::{Glibc, Level};

/// The facts of an ELF program that decide where it can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The kind of linking: static, static at any address, or dynamic.
    pub kind: Linkage,
    /// The size of a pointer in bits: 32 or 64 (the ELF class).
    pub bits: u8,
    /// The byte order of the file.
    pub endian: Endian,
    /// The processor family that the program is for (`e_machine`).
    pub machine: ElfMachine,
    /// `EI_OSABI`. Linux programs have 0 (System V) or 3 (GNU).
    pub os_abi: u8,
    /// The floating-point calling convention, if the header's flags contain it.
    pub float: Option<Float>,
    /// The program interpreter (dynamic loader) that the kernel starts for it.
    pub interpreter: Option<String>,
    /// The shared libraries that it needs (`DT_NEEDED`), in the order in which they are loaded.
    pub needed: Vec<String>,
    /// `DT_RPATH`, split at the colons.
    pub rpath: Vec<String>,
    /// `DT_RUNPATH`, split at the colons.
    pub runpath: Vec<String>,
    /// The symbol versions that it requires from libraries, in the file's order.
    pub versions: Vec<VersionNeed>,
    /// The kind of stack that it asks for.
    pub stack: Stack,
    /// The stack size in bytes in the program header `PT_GNU_STACK`; 0 if it gives none. musl uses this size
    /// for the program's threads.
    pub stack_size: u64,
    /// The level of x86-64 that it declares to need.
    pub level: Option<Level>,
    /// In a static program, the functions that use glibc's name service (`getaddrinfo`), which loads shared
    /// libraries at run time. The list is empty if the program has the service but its symbol names were
    /// stripped.
    pub name_service: Option<Vec<String>>,
}

/// How a program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// Linked for a fixed address, without an interpreter or libraries.
    Static,
    /// Linked for any address, without an interpreter or libraries: the program relocates itself.
    StaticPie,
    /// With an interpreter or shared libraries. A position-independent program with an interpreter belongs
    /// here.
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

/// The processor family, as in ELF's `e_machine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElfMachine(pub u16);

/// The calling convention for floating point. Two objects of one program must have the same.
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
    /// The stack holds only data.
    Plain,
    /// The stack may run code.
    Executable,
    /// The program has no such header. The kernel then uses the processor's default, which may be executable.
    Unsaid,
}

/// A version that a library must define before the loader starts the program, with the symbols that require
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionNeed {
    /// The library's file name, such as `libc.so.6`.
    pub library: String,
    /// The version's name, such as `GLIBC_2.34`.
    pub version: String,
    /// Whether the need is weak, that is, the loader continues without it.
    pub weak: bool,
    /// The symbols that are bound to it, in the symbol table's order. Empty if the table's length is not
    /// known.
    pub symbols: Vec<String>,
}

impl Facts {
    /// Returns the newest glibc version that it requires, with the need that contains it. None if it requires
    /// no glibc version.
    pub fn glibc_max(&self) -> Option<(Glibc, &VersionNeed)> {
        // The first of equal versions is used, so that the result depends only on the file.
        self.versions
            .iter()
            .filter(|n| !n.weak)
            .filter_map(|n| Some((Glibc::of_symbol(&n.version)?, n)))
            .fold(None, |best: Option<(Glibc, &VersionNeed)>, next| match best {
                Some(best) if best.0 >= next.0 => Some(best),
                _ => Some(next),
            })
    }

    /// Returns the machine's name for its class and byte order: `x86_64`, `riscv64`, `powerpc64le`, …
    pub fn machine_name(&self) -> String {
        self.machine.name(self.bits, self.endian)
    }
}

impl Linkage {
    /// Returns the word for the kind of linking in report.json.
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
    /// Returns the name at the start of Rust's triples, if there is one. `bits` and `endian` distinguish
    /// variants.
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
