//! A program or shared library as a dynamic loader reads it: its needs, its definitions, and how it is
//! mapped.

use super::facts::{ElfMachine, Endian, Float};
use super::level::Level;

mod lookup;
mod read;

pub use lookup::VersionQuery;
pub(super) use read::object as read;

/// The data that a dynamic loader reads from a program or a shared library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The size of a pointer in bits: 32 or 64.
    pub bits: u8,
    /// The byte order of the file.
    pub endian: Endian,
    /// The processor family that the object is for (`e_machine`).
    pub machine: ElfMachine,
    /// The floating-point calling convention, if the header's flags contain it.
    pub float: Option<Float>,
    /// The program interpreter. Libraries usually have none.
    pub interpreter: Option<String>,
    /// `DT_SONAME`: the name under which programs request this library.
    pub soname: Option<String>,
    /// `DT_NEEDED`, in the file's order.
    pub needed: Vec<String>,
    /// `DT_RPATH`, split at the colons.
    pub rpath: Vec<String>,
    /// `DT_RUNPATH`, split at the colons; none if there is no such entry.
    pub runpath: Option<Vec<String>>,
    /// `DF_1_NODEFLIB`: the loader's default folders are not searched for the libraries of this object.
    pub no_default_folders: bool,
    /// The names of the versions that it defines (`DT_VERDEF`); none if it has no such table.
    pub defines: Option<Vec<String>>,
    /// The versions that it requires from other libraries (`DT_VERNEED`).
    pub requires: Vec<Required>,
    /// The page sizes for which its segments can be mapped.
    pub pages: Pages,
    /// The level of x86-64 that it declares to need.
    pub level: Option<Level>,
    /// Whether the length of the symbol table is known. If not, this object has no symbols here.
    pub symbols_known: bool,
    symbols: SymbolTable,
}

/// A version that an object requires from a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// The library's name in the version table: `libc.so.6`.
    pub library: String,
    /// The name of the version, such as `GLIBC_2.34`.
    pub version: String,
    /// Whether the need is weak, that is, the loader continues without it.
    pub weak: bool,
}

/// How the loadable segments of a file fit into pages of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// The smallest alignment of a segment in bytes, at least 1.
    pub align: u64,
    /// The largest page size in bytes for which every segment's address matches its place in the file. A
    /// power of two.
    pub fits: u64,
}

/// A symbol that an object imports from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Import<'a> {
    /// The name of the symbol, without its version.
    pub name: &'a str,
    /// The version and library that the symbol is bound to, if any.
    pub version: Option<&'a Required>,
    /// Whether the loader continues without it.
    pub weak: bool,
    /// Whether it is data of a library that the linker copied into the program, such as `stdout`. The copy in
    /// the object itself does not define it.
    pub copied: bool,
}

/// Symbols as positions in a table of names, so that reading a library copies no single name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SymbolTable {
    names: Vec<u8>,
    imports: Vec<Taken>,
    /// The symbols that the object defines, sorted by the bytes of their names.
    exports: Vec<Given>,
    /// Whether the object has a table with the version of each symbol (`DT_VERSYM`).
    versioned: bool,
    /// The names of the versions that it defines itself, by index.
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
    /// The version that it is bound to, as an index into [`Object::requires`]; none if it has no version.
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
