//! Checks that the objects of a closure define every symbol and version that these objects import.

use std::collections::BTreeMap;

use super::closure::{Closure, LoadedObject};
use super::dso::{Import, Required, VersionQuery};

/// A version or symbols that an object of the closure requires and no object defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// A library lacks a version, so the program does not start. Both numbers are indices into
    /// [`Closure::loaded`].
    Version {
        /// The object that requires the version.
        by: usize,
        /// The library that does not define the version.
        of: usize,
        /// The name of the version, such as `GLIBC_2.34`.
        version: String,
        /// The symbols that are bound to it.
        symbols: Vec<String>,
    },
    /// No object defines the symbols. The program does not start, or it ends when it first calls one of them.
    Symbols {
        /// The object that imports the symbols, as an index into [`Closure::loaded`].
        by: usize,
        /// The version that the symbols must have, and the library that defined them at link time.
        required: Option<Required>,
        /// The names of the symbols, in the order of the symbol table.
        symbols: Vec<String>,
    },
}

impl Closure {
    /// Returns the versions and symbols that no object defines. Libraries that were not found are gaps; a
    /// symbol that only they could define is not reported again. `musl` says that the loader ignores
    /// versions.
    pub fn lacks(&self, musl: bool) -> Vec<Unresolved> {
        let mut lacks = Vec::new();
        let mut answered = BTreeMap::new();
        for (by, taker) in self.loaded.iter().enumerate() {
            if !musl {
                self.versions(by, taker, &mut lacks);
            }
            self.symbols(by, taker, musl, &mut answered, &mut lacks);
        }
        lacks
    }

    /// glibc's rule (elf/dl-version.c): a library must define every version that is required of it.
    fn versions(&self, by: usize, taker: &LoadedObject, lacks: &mut Vec<Unresolved>) {
        for required in taker.object.requires.iter().filter(|r| !r.weak) {
            let Some(of) = self.find(&required.library) else { continue };
            if self.loaded[of].object.has_version(&required.version) {
                continue;
            }
            let symbols = taker.object.imports().filter(|i| i.version == Some(required));
            let symbols = symbols.map(|i| i.name.to_owned()).collect();
            lacks.push(Unresolved::Version { by, of, version: required.version.clone(), symbols });
        }
    }

    fn symbols<'c>(
        &'c self,
        by: usize,
        taker: &'c LoadedObject,
        musl: bool,
        answered: &mut BTreeMap<(&'c str, Option<&'c str>), bool>,
        lacks: &mut Vec<Unresolved>,
    ) {
        let mut missing: BTreeMap<Option<(&str, &str)>, Vec<String>> = BTreeMap::new();
        for import in taker.object.imports().filter(|i| !i.weak) {
            let version = import.version.map(|v| v.version.as_str());
            let given = if import.copied {
                self.gives(&import, Some(by), musl)
            } else {
                *answered.entry((import.name, version)).or_insert_with(|| self.gives(&import, None, musl))
            };
            let said = || match import.version {
                // The library is a gap, or it lacks the version. Both are reported elsewhere.
                Some(required) if self.gaps.iter().any(|gap| gap.name == required.library) => true,
                Some(required) => self
                    .find(&required.library)
                    .is_some_and(|of| !musl && !self.loaded[of].object.has_version(&required.version)),
                // The missing library might define the symbol.
                None => !self.gaps.is_empty(),
            };
            if !given && !said() {
                let of = import.version.map(|v| (v.library.as_str(), v.version.as_str()));
                missing.entry(of).or_default().push(import.name.to_owned());
            }
        }
        for (of, symbols) in missing {
            let required = of.map(|(library, version)| Required {
                library: library.to_owned(),
                version: version.to_owned(),
                weak: false,
            });
            lacks.push(Unresolved::Symbols { by, required, symbols });
        }
    }

    fn gives(&self, import: &Import<'_>, except: Option<usize>, musl: bool) -> bool {
        let wanted = match import.version {
            _ if musl => VersionQuery::AnyVersion,
            Some(required) => VersionQuery::Version(&required.version),
            None => VersionQuery::Plain,
        };
        let others = self.loaded.iter().enumerate().filter(|(at, _)| Some(*at) != except);
        others.into_iter().any(|(_, loaded)| {
            // glibc's loader ends the program if the library that the version is bound to has no versions at
            // all.
            let lost = |required: &Required| {
                !musl && !loaded.object.has_versioned_symbols() && loaded.answers_to(&required.library)
            };
            loaded.object.gives(import.name, wanted) && !import.version.is_some_and(lost)
        })
    }

    /// Returns the index of the loaded object with this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.loaded.iter().position(|l| l.by.is_some() && l.answers_to(name))
    }
}
