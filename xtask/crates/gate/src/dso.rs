//! A program or shared library as a dynamic loader sees it: what it needs, what it defines, how it wants to be mapped.

use super::facts::{ElfMachine, Endian, Float};
use super::level::Level;

mod lookup;
mod read;

pub use lookup::VersionQuery;
pub(super) use read::object as read;

/// What a dynamic loader reads of a program or a shared library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Size of a pointer in bits: 32 or 64.
    pub bits: u8,
    /// The byte order of the file.
    pub endian: Endian,
    /// The processor family that the object is for (`e_machine`).
    pub machine: ElfMachine,
    /// The floating-point calling convention, where the header's flags tell.
    pub float: Option<Float>,
    /// The program interpreter; libraries have none, as a rule.
    pub interpreter: Option<String>,
    /// `DT_SONAME`: the name under which programs ask for this library.
    pub soname: Option<String>,
    /// `DT_NEEDED`, in the file's order.
    pub needed: Vec<String>,
    /// `DT_RPATH`, split at the colons.
    pub rpath: Vec<String>,
    /// `DT_RUNPATH`, split at the colons; none where there is no such entry.
    pub runpath: Option<Vec<String>>,
    /// `DF_1_NODEFLIB`: the loader's own folders are not searched for what this object needs.
    pub no_default_folders: bool,
    /// The versions that it defines, by name (`DT_VERDEF`); none where it has no such table.
    pub defines: Option<Vec<String>>,
    /// The versions that it requires of other libraries (`DT_VERNEED`).
    pub requires: Vec<Required>,
    /// How its segments want to be mapped.
    pub pages: Pages,
    /// The level of x86-64 that it says it needs.
    pub level: Option<Level>,
    /// Whether the length of the symbol table could be told; without it there are no symbols here.
    pub symbols_known: bool,
    symbols: SymbolTable,
}

/// A version that an object requires of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// The library's name as the table has it: `libc.so.6`.
    pub library: String,
    /// The name of the version, such as `GLIBC_2.34`.
    pub version: String,
    /// Whether the need is weak: the loader goes on without it.
    pub weak: bool,
}

/// How the loadable segments of a file fit into pages of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// The smallest alignment that a segment has, in bytes; at least 1.
    pub align: u64,
    /// The largest page, in bytes, that address and place in the file of all segments agree on: a power of two.
    pub fits: u64,
}

/// A symbol that an object takes from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Import<'a> {
    /// The name of the symbol, without its version.
    pub name: &'a str,
    /// The version and library it is bound to, where it is bound to one.
    pub version: Option<&'a Required>,
    /// Whether the loader goes on without it.
    pub weak: bool,
    /// Whether it is data of a library that is copied into the program, such as `stdout`: the object's own copy does
    /// not count.
    pub copied: bool,
}

/// Symbols as places in a table of names, so that reading a library copies no name by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SymbolTable {
    names: Vec<u8>,
    imports: Vec<Taken>,
    /// The symbols that the object gives, in the order of their names' bytes.
    exports: Vec<Given>,
    /// Whether the object has a table that says which version each symbol has (`DT_VERSYM`).
    versioned: bool,
    /// Names of the versions that it defines itself, by index.
    own_versions: std::collections::BTreeMap<u16, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NameRange {
    at: u32,
    len: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Taken {
    name: NameRange,
    /// The version that it is bound to, as an index into [`Object::requires`]; none without a version.
    required: Option<u32>,
    weak: bool,
    copied: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Given {
    name: NameRange,
    version: u16,
    hidden: bool,
}
