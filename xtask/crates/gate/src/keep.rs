//! Finds the paths of a tree that a program needs. A base that is reduced to one program (`closure = true`)
//! ships only these.

use std::collections::BTreeSet;

use super::closure::{Closure, Interpreter};
use super::level::Level;
use super::program::Program;
use super::tree::Tree;
use xtask_files::error::{Error, Result};
use xtask_oci::{FileKind, RootFs};

/// Returns the sorted paths of the files that are loaded for the program: interpreter and libraries, with the
/// symbolic links on the way. Folders are not included. `level` is the level of x86-64 that all machines
/// have.
///
/// # Errors
/// The interpreter or a library is not in the tree, or the interpreter's rules for the search of libraries
/// are not known.
pub fn closure_paths(program: &Program, tree: &Tree<'_>, level: Level) -> Result<Vec<String>> {
    let interpreter = program.facts.interpreter.as_deref();
    let closure = Closure::of(&program.object, &program.at, interpreter, tree, level);
    let mut paths = BTreeSet::new();
    let cannot =
        || Error::failed(format!("cannot find which files {} needs of {}", program.name, tree.name()));
    match &closure.interpreter {
        Interpreter::None => {}
        Interpreter::Found(found) => paths.extend(trail(tree.files(), &found.path)),
        Interpreter::Unfit { path, .. } => {
            return Err(cannot().found(format!("its interpreter {path} does not exist")));
        }
        Interpreter::Unknown(found) => {
            return Err(cannot()
                .found(format!("the rules by which {} searches for libraries are not known", found.path)));
        }
    }
    if let Some(gap) = closure.gaps.first() {
        return Err(cannot().found(format!("{} does not exist", gap.name)));
    }
    for loaded in &closure.loaded[1..] {
        paths.extend(trail(tree.files(), &loaded.path));
    }
    // The cache holds the paths of libraries. Without it, libraries in folders of their own would not be
    // found.
    let searched = tree.files().file("etc/ld.so.cache").map(|_| "etc/ld.so.cache".to_owned());
    paths.extend(searched);
    Ok(paths.into_iter().collect())
}

/// The maximum number of links. A path with more is a loop (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// Returns the symbolic links on a path, and the entry at its end, as paths in the tree.
pub fn trail(files: &RootFs, path: &str) -> Vec<String> {
    let parts = |path: &str| {
        path.split('/').filter(|p| !matches!(*p, "" | ".")).map(str::to_owned).rev().collect::<Vec<_>>()
    };
    let mut ahead = parts(path);
    let mut place: Vec<String> = Vec::new();
    let (mut found, mut links) = (Vec::new(), 0);
    while let Some(part) = ahead.pop() {
        if part == ".." {
            place.pop();
            continue;
        }
        place.push(part);
        let here = place.join("/");
        if let Some(FileKind::Symlink(target)) = files.get(&here).map(|node| &node.kind) {
            links += 1;
            if links > LINKS_MAX {
                return found;
            }
            found.push(here);
            if target.starts_with('/') {
                place.clear();
            } else {
                place.pop();
            }
            ahead.extend(parts(target));
        }
    }
    let end = place.join("/");
    if files.get(&end).is_some() {
        found.push(end);
    }
    found
}
