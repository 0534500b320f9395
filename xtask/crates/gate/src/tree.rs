//! The root file system that ships, as loaders read it: ELF files by path, each read once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Object;
use super::packages::{DistroPackage, DistroPackages};
use super::surroundings::LoaderEnvironment;
use xtask_oci::{Content, FileKind, Resolved, RootFs};

/// A tree of files against which programs are judged. Libraries are read on request and kept, so that many
/// programs can be judged against one tree. Threads may share it.
#[derive(Debug)]
pub struct Tree<'a> {
    name: String,
    files: &'a RootFs,
    surroundings: LoaderEnvironment,
    objects: Mutex<BTreeMap<String, ReadObject>>,
    packages: OnceLock<DistroPackages>,
}

type ReadObject = Result<Arc<Object>, String>;

/// The result of opening a file as an object.
#[derive(Debug, Clone)]
pub(super) enum Opened {
    /// An ELF file, with its path in the tree.
    Object(String, Arc<Object>),
    /// A file that no loader can read, with its path and the reason.
    Bad(String, String),
    /// No file has this path.
    Missing,
}

impl<'a> Tree<'a> {
    /// Makes a tree of these files. `name` is its name in messages, such as `distroless:cc`.
    pub fn new(name: impl Into<String>, files: &'a RootFs) -> Self {
        let surroundings = LoaderEnvironment::default();
        Self { name: name.into(), files, surroundings, objects: Mutex::default(), packages: OnceLock::new() }
    }

    /// Returns the same tree with the environment (`NAME=value`) and the folder in which processes start. Of
    /// the variables, `LD_LIBRARY_PATH` and `LD_PRELOAD` have an effect.
    #[must_use]
    pub fn starting_with(mut self, env: &[String], folder: &str) -> Self {
        self.surroundings = LoaderEnvironment::of(env, folder);
        self
    }

    /// Returns the name of the tree in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the files of the tree.
    pub fn files(&self) -> &'a RootFs {
        self.files
    }

    /// Returns the package of the file at a path, if the tree has records of packages.
    pub fn package(&self, path: &str) -> Option<&DistroPackage> {
        self.packages().owner(path)
    }

    pub(super) fn surroundings(&self) -> &LoaderEnvironment {
        &self.surroundings
    }

    pub(super) fn packages(&self) -> &DistroPackages {
        self.packages.get_or_init(|| DistroPackages::read(self.files))
    }

    /// Returns the bytes of a small file, or none if no readable file has this path.
    pub(super) fn text(&self, path: &str) -> Option<Vec<u8>> {
        let (_, content) = self.files.file(path)?;
        content.read().ok().map(std::borrow::Cow::into_owned)
    }

    /// Opens the ELF file at a path. Links are resolved inside the tree.
    pub(super) fn open(&self, path: &str) -> Opened {
        let place = match self.files.resolve(path) {
            Resolved::Found(place) => place,
            Resolved::Missing(_) | Resolved::NotAFolder(_) => return Opened::Missing,
            Resolved::Loop => {
                let place = path.trim_start_matches('/').to_owned();
                return Opened::Bad(place, "its links lead in a circle".into());
            }
        };
        let Some(node) = self.files.get(&place) else { return Opened::Missing };
        let content = match &node.kind {
            FileKind::File(content) => content,
            _ => return Opened::Bad(place, "it is a directory".into()),
        };
        if node.mode & 0o444 == 0 {
            let mode = format!("no user may read it (mode 0{:o})", node.mode);
            return Opened::Bad(place, mode);
        }
        match self.read(&place, content) {
            Ok(object) => Opened::Object(place, object),
            Err(why) => Opened::Bad(place, why),
        }
    }

    fn read(&self, place: &str, content: &Content) -> ReadObject {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = objects.get(place) {
            return read.clone();
        }
        let read = Object::read("it", content).map(Arc::new).map_err(|error| error.what);
        objects.insert(place.to_owned(), read.clone());
        read
    }
}
