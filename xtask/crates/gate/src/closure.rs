//! The objects that a loader loads for a program: its needed libraries, their needed libraries and so on, in
//! the loader's order.

use std::sync::Arc;

use super::Object;
use super::level::Level;
use super::search::{Asker, Loader};
use super::tree::{Opened, Tree};

/// The objects that are loaded for an object, and the libraries that are not found.
#[derive(Debug)]
pub struct Closure {
    /// The object itself, then the objects that are loaded for it, in order.
    pub loaded: Vec<LoadedObject>,
    /// The interpreter, if the object names one.
    pub interpreter: Interpreter,
    /// The libraries that are needed but were not found.
    pub gaps: Vec<Gap>,
}

/// An object that the loader maps into memory, with its names and its paths.
#[derive(Debug, Clone)]
pub struct LoadedObject {
    /// The names by which other objects request it. Messages use the first one.
    pub names: Vec<String>,
    /// The absolute path by which the loader opened it.
    pub path: String,
    /// The path of the file in the tree, with all links resolved.
    pub place: String,
    /// The data that the loader reads from the object.
    pub object: Arc<Object>,
    /// The object that requested it, as an index into [`Closure::loaded`]; none for the first object.
    pub by: Option<usize>,
}

/// The result of the search for the object's interpreter.
#[derive(Debug, Clone)]
pub enum Interpreter {
    /// The object names no interpreter, so no loader loads libraries for it.
    None,
    /// The interpreter is in the tree.
    Found(LoadedObject),
    /// The interpreter is not in the tree, or the kernel cannot start it.
    Unfit {
        /// The path of the interpreter, as the object names it.
        path: String,
        /// The reason why the file cannot be started; none if there is no file.
        why: Option<String>,
    },
    /// The interpreter is in the tree, but its rules for the search of libraries are not known here.
    Unknown(LoadedObject),
}

/// A library that was not found.
#[derive(Debug, Clone)]
pub struct Gap {
    /// The name by which the library was requested.
    pub name: String,
    /// The object that requested it, as an index into [`Closure::loaded`].
    pub by: usize,
    /// Files with this name that could not be loaded, each with the reason.
    pub unfit: Vec<(String, String)>,
    /// The folders that were searched, in order.
    pub searched: Vec<String>,
}

/// The maximum number of objects. A tree that needs more was made to waste time.
const OBJECTS_MAX: usize = 4096;

impl Closure {
    /// Loads `object` in `tree`, as if it lay at `path`. `interpreter` is the object's own interpreter or,
    /// for a library, that of the programs that load it.
    pub fn of(
        object: &Arc<Object>,
        path: &str,
        interpreter: Option<&str>,
        tree: &Tree<'_>,
        level: Level,
    ) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        let place = path.trim_start_matches('/').to_owned();
        let first = LoadedObject {
            names: vec![name],
            path: path.to_owned(),
            place,
            object: object.clone(),
            by: None,
        };
        let mut closure = Self { loaded: vec![first], interpreter: Interpreter::None, gaps: Vec::new() };
        let Some(interpreter) = interpreter else { return closure };
        closure.interpreter = find_interpreter(interpreter, object, tree);
        let found = match &closure.interpreter {
            Interpreter::Found(found) => found.clone(),
            _ => return closure,
        };
        let Some(loader) = Loader::of(interpreter, object, tree, level) else {
            closure.interpreter = Interpreter::Unknown(found);
            return closure;
        };
        for name in loader.preloads(tree) {
            closure.preload(&name, &loader, &found, tree);
        }
        let mut next = 0;
        while next < closure.loaded.len() && closure.loaded.len() < OBJECTS_MAX {
            let needed = closure.loaded[next].object.clone();
            for name in &needed.needed {
                closure.load(name, next, Some(next), &loader, &found, tree);
            }
            next += 1;
        }
        if loader.is_musl() && !closure.loaded.iter().any(|l| l.place == found.place) {
            // The interpreter of musl is also the C library, and its symbols are visible to all objects.
            closure.loaded.push(found);
        }
        closure
    }

    /// Loads a preloaded library. It is not required, so it is not a gap if it is missing.
    fn preload(&mut self, name: &str, loader: &Loader, interpreter: &LoadedObject, tree: &Tree<'_>) {
        // For preloaded libraries, musl's loader ignores the search paths of the program.
        let asker = (!loader.is_musl()).then_some(0);
        self.load(name, 0, asker, loader, interpreter, tree);
        self.gaps.clear();
    }

    /// Loads the library `name` for the object `by`. The search paths of `asker` apply.
    fn load(
        &mut self,
        name: &str,
        by: usize,
        asker: Option<usize>,
        loader: &Loader,
        interpreter: &LoadedObject,
        tree: &Tree<'_>,
    ) {
        // musl's loader knows a library by the names under which it was searched, not by its soname.
        let musl = loader.is_musl();
        let knows =
            |l: &LoadedObject| if musl { l.names.iter().any(|n| n == name) } else { l.answers_to(name) };
        if self.loaded.iter().skip(1).any(knows) || self.gaps.iter().any(|gap| gap.name == name) {
            return;
        }
        if loader.is_itself(name) || interpreter.answers_to(name) || name == interpreter.path {
            self.enter(LoadedObject { by: Some(by), ..interpreter.clone() }, name);
            return;
        }
        let chain = self.chain(asker);
        let candidates = loader.candidates(name, &chain, tree.surroundings());
        let mut gap = Gap { name: name.to_owned(), by, unfit: Vec::new(), searched: Vec::new() };
        for path in candidates {
            match tree.open(&path) {
                Opened::Missing => {
                    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                    gap.searched.push(folder.to_owned());
                }
                Opened::Bad(place, why) => {
                    gap.unfit.push((place, why));
                    // glibc and musl both stop the search at a file that is not a library.
                    break;
                }
                Opened::Object(place, object) => match self.loaded[0].object.unlike(&object) {
                    None => {
                        let names = Vec::new();
                        self.enter(LoadedObject { names, path, place, object, by: Some(by) }, name);
                        return;
                    }
                    Some(why) => {
                        gap.unfit.push((place, why));
                        // glibc continues with the next folder, musl does not.
                        if loader.is_musl() {
                            break;
                        }
                    }
                },
            }
        }
        self.gaps.push(gap);
    }

    /// Adds an object. If the same file is already loaded, only the new name is added.
    fn enter(&mut self, new: LoadedObject, name: &str) {
        if let Some(old) = self.loaded.iter_mut().skip(1).find(|l| l.place == new.place) {
            old.names.push(name.to_owned());
        } else {
            self.loaded.push(LoadedObject { names: vec![name.to_owned()], ..new });
        }
    }

    /// Returns the object that requests a library, the object that requested that one, and so on up to the
    /// first.
    fn chain(&self, asker: Option<usize>) -> Vec<Asker<'_>> {
        let mut chain = Vec::new();
        let mut next = asker;
        while let Some(loaded) = next.and_then(|at| self.loaded.get(at)) {
            chain.push(Asker { object: &loaded.object, path: &loaded.path });
            next = loaded.by;
        }
        chain
    }
}

impl LoadedObject {
    /// Returns the name that messages use for the object.
    pub fn name(&self) -> &str {
        self.names.first().map_or(self.path.as_str(), String::as_str)
    }

    pub(super) fn answers_to(&self, name: &str) -> bool {
        self.object.soname.as_deref() == Some(name) || self.names.iter().any(|n| n == name)
    }
}

impl Object {
    /// Returns why a loader that loaded `self` skips `other`: another machine, pointer size or byte order.
    fn unlike(&self, other: &Object) -> Option<String> {
        let of = |o: &Object| (o.machine, o.bits, o.endian);
        (of(self) != of(other)).then(|| format!("it is for {}", other.machine.name(other.bits, other.endian)))
    }
}

fn find_interpreter(path: &str, program: &Object, tree: &Tree<'_>) -> Interpreter {
    let unfit = |why: String| Interpreter::Unfit { path: path.to_owned(), why: Some(why) };
    match tree.open(path) {
        Opened::Missing => Interpreter::Unfit { path: path.to_owned(), why: None },
        Opened::Bad(_, why) => unfit(why),
        Opened::Object(place, object) => {
            if let Some(why) = program.unlike(&object) {
                return unfit(why);
            }
            let mode = tree.files().get(&place).map_or(0, |node| node.mode);
            if mode & 0o111 == 0 {
                return unfit(format!("no user may execute it (mode 0{mode:o})"));
            }
            Interpreter::Found(LoadedObject {
                names: Vec::new(),
                path: path.to_owned(),
                place,
                object,
                by: None,
            })
        }
    }
}
