//! The places in which a dynamic loader searches the libraries of an object.

use super::Object;
use super::expect;
use super::level::Level;
use super::surroundings::LoaderEnvironment;
use super::tree::Tree;
use xtask_triple::Libc;

mod cache;
mod glibc;
mod musl;
mod token;

pub(super) use glibc::GlibcLoader;
pub(super) use musl::Musl;

/// A dynamic loader, with its rules for the search.
#[derive(Debug)]
pub(super) enum Loader {
    Glibc(GlibcLoader),
    Musl(Musl),
}

/// A loaded object, as the search uses it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) object: &'a Object,
    /// The path by which it was opened, inside the root.
    pub(super) path: &'a str,
}

impl Loader {
    /// Makes the loader of the interpreter `path`, with the folders from the tree. Returns none for a loader
    /// whose rules are not known here. `level` is the lowest level of x86-64 of all machines.
    pub(super) fn of(path: &str, program: &Object, tree: &Tree<'_>, level: Level) -> Option<Self> {
        match expect::libc_of_interpreter(path)? {
            Libc::Glibc => Some(Loader::Glibc(GlibcLoader::read(path, program, tree, level))),
            Libc::Musl => Some(Loader::Musl(Musl::read(path, tree))),
            Libc::Other => None,
        }
    }

    /// Returns the paths at which it searches `name`, in order. `chain` holds the object that requests it,
    /// the object that requested that one, and so on up to the program.
    pub(super) fn candidates(
        &self,
        name: &str,
        chain: &[Asker<'_>],
        around: &LoaderEnvironment,
    ) -> Vec<String> {
        let all = match self {
            Loader::Glibc(glibc) => glibc.candidates(name, chain, around),
            Loader::Musl(_) if name.contains('/') => vec![around.absolute(name)],
            Loader::Musl(musl) => musl.candidates(name, chain, around),
        };
        let mut seen = std::collections::BTreeSet::new();
        all.into_iter().filter(|path| seen.insert(path.clone())).collect()
    }

    /// Returns the libraries that it loads before those that the program needs, if it finds them: those of
    /// `LD_PRELOAD`, and for glibc also those of `/etc/ld.so.preload`.
    pub(super) fn preloads(&self, tree: &Tree<'_>) -> Vec<String> {
        let named = tree.surroundings().preload().map(str::to_owned);
        let listed = match self {
            Loader::Glibc(_) => GlibcLoader::preloads(tree),
            Loader::Musl(_) => Vec::new(),
        };
        named.chain(listed).collect()
    }

    /// Whether the loader itself serves as the library `name`, without a search for a file.
    pub(super) fn is_itself(&self, name: &str) -> bool {
        matches!(self, Loader::Musl(_)) && Musl::is_itself(name)
    }

    /// Whether the loader is musl's.
    pub(super) fn is_musl(&self) -> bool {
        matches!(self, Loader::Musl(_))
    }
}
