//! Where a dynamic loader looks for the libraries that an object needs.

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

/// A dynamic loader with the rules by which it looks.
#[derive(Debug)]
pub(super) enum Loader {
    Glibc(GlibcLoader),
    Musl(Musl),
}

/// A loaded object, as the search sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) object: &'a Object,
    /// The path that it was opened by, inside the root.
    pub(super) path: &'a str,
}

impl Loader {
    /// The loader whose interpreter is `path`, with what the tree says about its folders; none for a loader without
    /// rules here. `level` is the level of x86-64 that machines have at least.
    pub(super) fn of(path: &str, program: &Object, tree: &Tree<'_>, level: Level) -> Option<Self> {
        match expect::libc_of_interpreter(path)? {
            Libc::Glibc => Some(Loader::Glibc(GlibcLoader::read(path, program, tree, level))),
            Libc::Musl => Some(Loader::Musl(Musl::read(path, tree))),
            Libc::Other => None,
        }
    }

    /// The paths at which it looks for `name`, in order. `chain` is who asks, then who asked for that one, and so on up
    /// to the program.
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

    /// The libraries that it loads before all that the program needs, where it finds them: `LD_PRELOAD`, and for glibc
    /// `/etc/ld.so.preload`.
    pub(super) fn preloads(&self, tree: &Tree<'_>) -> Vec<String> {
        let named = tree.surroundings().preload().map(str::to_owned);
        let listed = match self {
            Loader::Glibc(_) => GlibcLoader::preloads(tree),
            Loader::Musl(_) => Vec::new(),
        };
        named.chain(listed).collect()
    }

    /// Whether it takes `name` for itself, without looking for a file.
    pub(super) fn is_itself(&self, name: &str) -> bool {
        matches!(self, Loader::Musl(_)) && Musl::is_itself(name)
    }

    /// Whether the loader is musl's.
    pub(super) fn is_musl(&self) -> bool {
        matches!(self, Loader::Musl(_))
    }
}
