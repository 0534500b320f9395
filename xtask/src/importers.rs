//! Names the objects of a build that import the symbols of a finding, and the packages that brought them.

use std::path::PathBuf;

use crate::contents::{ForeignPart, ProgramContents};
use crate::record::BuiltProgram;
use crate::trap::{outside_view, package_name};
use xtask_gate::{Culprit, Finding, blame, culprit};

/// Adds to each failing finding with symbols the objects of a program that import them.
pub fn name_importers(findings: &mut [Finding], program: &BuiltProgram) {
    match &program.contents {
        Ok(contents) => blame(findings, |symbol| of_link(symbol, contents)),
        // Nothing is known about the link, so all libraries of the build are searched.
        Err(_) => {
            let files = built_files(program);
            blame(findings, |symbol| culprit(symbol, &files).iter().map(Culprit::to_string).collect());
        }
    }
}

/// Returns the objects of a link that import a symbol.
fn of_link(symbol: &str, contents: &ProgramContents) -> Vec<String> {
    let files: Vec<PathBuf> = contents.linked.iter().map(|file| outside_view(&file.path)).collect();
    let found = culprit(symbol, &files);
    let is_linked = |culprit: &&Culprit| {
        let of_file = contents.linked.iter().filter(|file| outside_view(&file.path) == culprit.file);
        let mut objects = of_file.flat_map(|file| &file.objects);
        objects.any(|object| object.member.as_deref().unwrap_or_default() == culprit.member)
    };
    let linked: Vec<&Culprit> = found.iter().filter(is_linked).collect();
    // With link-time optimisation, the members themselves are not in the program.
    let chosen = if linked.is_empty() { found.iter().collect() } else { linked };
    match chosen.as_slice() {
        // rustc removes the objects of the program's own crate after the link.
        [] if contents.account.rust > 0 => vec!["the program's own crate".to_owned()],
        all => all.iter().map(|culprit| with_package(culprit, &contents.parts)).collect(),
    }
}

/// Returns an object as a phrase, with the package that brought it, if that is known.
fn with_package(culprit: &Culprit, parts: &[ForeignPart]) -> String {
    let is_part = |part: &&ForeignPart| {
        part.file == culprit.file || culprit.crate_name().is_some() && part.members.contains(&culprit.member)
    };
    let brought = parts.iter().find(is_part).and_then(|part| part.asker.package.as_deref());
    brought.map_or_else(|| culprit.to_string(), |id| format!("{culprit}, which {} brings", package_name(id)))
}

/// Returns the libraries and objects in the folder in which Cargo built a program.
fn built_files(program: &BuiltProgram) -> Vec<PathBuf> {
    let Some(folder) = program.program.parent() else { return Vec::new() };
    let mut found = Vec::new();
    let mut todo = vec![folder.join("deps"), folder.join("build")];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => todo.push(path),
                Ok(_) if path.extension().is_some_and(|e| e == "rlib" || e == "a" || e == "o") => {
                    found.push(path)
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}
