//! Decides which symbols and versions an object defines. The rules are those of the two loaders: glibc's
//! elf/dl-lookup.c (`check_match`) and elf/dl-version.c (`match_symbol`), musl's ldso/dynlink.c
//! (`find_sym2`).

use std::borrow::Cow;

use super::{Given, Import, NameRange, Object, SymbolTable};

/// The kind of a symbol lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionQuery<'a> {
    /// The symbol in this version.
    Version(&'a str),
    /// The symbol for an object without versions.
    Plain,
    /// The symbol for musl, which ignores versions.
    AnyVersion,
}

/// The first index of a defined version. Below it, 0 is local and 1 is the object itself (gABI, "Symbol
/// Versioning").
const FIRST_VERSION: u16 = 2;

impl Object {
    /// Returns the symbols that it imports from other objects, in the order of its symbol table.
    pub fn imports(&self) -> impl Iterator<Item = Import<'_>> {
        self.symbols.imports.iter().map(|taken| Import {
            name: self.symbols.text(taken.name),
            version: taken.required.and_then(|at| self.requires.get(at as usize)),
            weak: taken.weak,
            copied: taken.copied,
        })
    }

    /// Whether it defines `symbol` for the given lookup.
    pub fn gives(&self, symbol: &str, wanted: VersionQuery<'_>) -> bool {
        let mut versions = 0;
        for given in self.symbols.named(symbol.as_bytes()) {
            let own = self.symbols.own_versions.get(&given.version).map(String::as_str);
            let found = match wanted {
                _ if !self.symbols.versioned => true,
                VersionQuery::AnyVersion => !given.hidden,
                VersionQuery::Version(version) => own == Some(version) || (own.is_none() && !given.hidden),
                // The base version and the first version match. Otherwise the only version that is not hidden
                // matches.
                VersionQuery::Plain if given.version <= FIRST_VERSION => true,
                VersionQuery::Plain => {
                    versions += u32::from(!given.hidden);
                    false
                }
            };
            if found {
                return true;
            }
        }
        versions > 0
    }

    /// Whether it has a table of symbol versions, even one in which no symbol has a version.
    pub(crate) fn has_versioned_symbols(&self) -> bool {
        self.symbols.versioned
    }

    /// Whether the loader accepts it as a library with `version`. A library without versions is accepted for
    /// every version.
    pub fn has_version(&self, version: &str) -> bool {
        self.defines.as_ref().is_none_or(|defines| defines.iter().any(|name| name == version))
    }
}

impl SymbolTable {
    fn bytes(&self, name: NameRange) -> &[u8] {
        let at = name.at as usize;
        self.names.get(at..at + name.len as usize).unwrap_or_default()
    }

    fn text(&self, name: NameRange) -> &str {
        // Names were checked to be UTF-8 when they were read.
        std::str::from_utf8(self.bytes(name)).unwrap_or_default()
    }

    fn named(&self, name: &[u8]) -> impl Iterator<Item = &Given> {
        let from = self.exports.partition_point(|given| self.bytes(given.name) < name);
        self.exports[from..].iter().take_while(move |given| self.bytes(given.name) == name)
    }

    /// Sorts the exports as [`SymbolTable::named`] expects them.
    pub(super) fn sort(&mut self) {
        let mut exports = std::mem::take(&mut self.exports);
        exports.sort_by(|a, b| self.bytes(a.name).cmp(self.bytes(b.name)));
        self.exports = exports;
    }

    /// Returns the range of a name in `names`. A name that is not UTF-8 is converted and appended at the end.
    pub(super) fn place(&mut self, at: usize, name: &[u8]) -> Option<NameRange> {
        let place = |at: usize, len: usize| {
            Some(NameRange { at: u32::try_from(at).ok()?, len: u32::try_from(len).ok()? })
        };
        match String::from_utf8_lossy(name) {
            Cow::Borrowed(_) => place(at, name.len()),
            Cow::Owned(text) => {
                let at = self.names.len();
                self.names.extend_from_slice(text.as_bytes());
                place(at, text.len())
            }
        }
    }
}
