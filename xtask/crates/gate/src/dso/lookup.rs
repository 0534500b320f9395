//! Which symbols and versions an object has to give. The rules are those of the two loaders: glibc's
//! elf/dl-lookup.c (`check_match`) and elf/dl-version.c (`match_symbol`), musl's ldso/dynlink.c (`find_sym2`).

use std::borrow::Cow;

use super::{Given, Import, NameRange, Object, SymbolTable};

/// What is looked for in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionQuery<'a> {
    /// The symbol in this version.
    Version(&'a str),
    /// The symbol, by an object that knows no versions.
    Plain,
    /// The symbol, by musl, which does not look at versions.
    AnyVersion,
}

/// Indices below this one mean no version of its own: 0 is local, 1 the object itself (gABI, "Symbol Versioning").
const FIRST_VERSION: u16 = 2;

impl Object {
    /// The symbols that it takes from other objects, in the order of its symbol table.
    pub fn imports(&self) -> impl Iterator<Item = Import<'_>> {
        self.symbols.imports.iter().map(|taken| Import {
            name: self.symbols.text(taken.name),
            version: taken.required.and_then(|at| self.requires.get(at as usize)),
            weak: taken.weak,
            copied: taken.copied,
        })
    }

    /// Whether it gives `symbol` as it is wanted.
    pub fn gives(&self, symbol: &str, wanted: VersionQuery<'_>) -> bool {
        let mut versions = 0;
        for given in self.symbols.named(symbol.as_bytes()) {
            let own = self.symbols.own_versions.get(&given.version).map(String::as_str);
            let found = match wanted {
                _ if !self.symbols.versioned => true,
                VersionQuery::AnyVersion => !given.hidden,
                VersionQuery::Version(version) => own == Some(version) || (own.is_none() && !given.hidden),
                // The base version and the one after it; else the only version that is not hidden.
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

    /// Whether its symbols have versions, be it but the one that means none.
    pub(crate) fn has_versioned_symbols(&self) -> bool {
        self.symbols.versioned
    }

    /// Whether the loader accepts it as a library that has `version`: one without versions has them all.
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
        // Names were made text when they were read.
        std::str::from_utf8(self.bytes(name)).unwrap_or_default()
    }

    fn named(&self, name: &[u8]) -> impl Iterator<Item = &Given> {
        let from = self.exports.partition_point(|given| self.bytes(given.name) < name);
        self.exports[from..].iter().take_while(move |given| self.bytes(given.name) == name)
    }

    /// Puts the exports into the order in which [`SymbolTable::named`] looks for them.
    pub(super) fn sort(&mut self) {
        let mut exports = std::mem::take(&mut self.exports);
        exports.sort_by(|a, b| self.bytes(a.name).cmp(self.bytes(b.name)));
        self.exports = exports;
    }

    /// The place of a name of the string table, which is `table` where all of it is text, else a copy at the end.
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
