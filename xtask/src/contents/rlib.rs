//! Finds the static library from which rustc took an object into a package's own library, and the source file
//! of a package that has a library linked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use xtask_link_map::{ForeignFile, LinkArguments, LinkedObject, of_archive};

use crate::trap::Script;

/// Deeper folders and further files are not searched. This bounds the work on other people's files.
const DEPTH_MAX: usize = 16;
const FILES_MAX: usize = 20_000;
/// A longer file is not a hand-written source.
const SOURCE_MAX: u64 = 4 << 20;

/// Groups the objects of a rustc library by the static libraries that contain them. Only the folders that the
/// build scripts of the package and the linker search are examined; an object without a library gets none.
pub(super) fn archives(
    file: &ForeignFile,
    scripts: &[&Script],
    given: &LinkArguments,
) -> Vec<(Option<PathBuf>, Vec<LinkedObject>)> {
    let mut left = file.objects.clone();
    let mut found = Vec::new();
    for archive in candidates(scripts, given) {
        if left.is_empty() {
            break;
        }
        let names: BTreeSet<&str> = left.iter().filter_map(|object| object.member.as_deref()).collect();
        let mut held = BTreeSet::new();
        of_archive(
            &archive,
            |name| names.contains(name),
            |name, _| {
                held.insert(name.to_owned());
            },
        );
        let is_held = |object: &LinkedObject| object.member.as_ref().is_some_and(|name| held.contains(name));
        let (objects, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(is_held);
        left = rest;
        if !objects.is_empty() {
            found.push((Some(archive), objects));
        }
    }
    if !left.is_empty() {
        found.push((None, left));
    }
    found
}

/// Returns the folders that a build script adds to the library search path, and its `OUT_DIR`.
pub(super) fn folders(script: &Script) -> Vec<PathBuf> {
    let folder =
        |path: &String| PathBuf::from(path.split_once('=').map_or(path.as_str(), |(_, folder)| folder));
    script.linked_paths.iter().map(folder).chain([script.out_dir.clone()]).collect()
}

/// Returns the static libraries that may be bundled in the package's library: first those that its build
/// scripts name, then all others in the search folders.
fn candidates(scripts: &[&Script], given: &LinkArguments) -> Vec<PathBuf> {
    let told = scripts.iter().flat_map(|script| self::folders(script));
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in told.chain(given.folders.iter().cloned()) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let names: Vec<&str> = scripts.iter().flat_map(|script| script.static_libraries()).collect();
    let named =
        names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(format!("lib{name}.a"))));
    let mut files: Vec<PathBuf> = named.filter(|file| file.is_file()).collect();
    for folder in &folders {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_MAX);
        let mut others: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        others.retain(|file| file.extension().is_some_and(|e| e == "a") && !files.contains(file));
        others.sort();
        files.extend(others);
    }
    files
}

/// Returns the first Rust source file of a package for which `is_it` returns true.
pub(super) fn source_with(folder: &Path, is_it: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    let mut left = FILES_MAX;
    search(folder, 0, &mut left, is_it)
}

fn search(folder: &Path, depth: usize, left: &mut usize, is_it: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        *left = left.checked_sub(1)?;
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            // A target folder and a nested package do not belong to the package.
            let apart =
                path.file_name().is_some_and(|name| name == "target") || path.join("Cargo.toml").is_file();
            if depth < DEPTH_MAX
                && !apart
                && let Some(found) = search(&path, depth + 1, left, is_it)
            {
                return Some(found);
            }
        } else if meta.len() <= SOURCE_MAX && path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read(&path).unwrap_or_default();
            if is_it(&String::from_utf8_lossy(&text)) {
                return Some(path);
            }
        }
    }
    None
}
