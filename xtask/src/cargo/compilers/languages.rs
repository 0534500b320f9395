//! Decides from the sources of a package whether its build script compiles C++ in addition to C. Only a build
//! can tell for sure. A wrong claim of C++ would exclude toolchains without C++, such as musl-gcc.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::units::Unit;

/// The file that makes a folder a CMake project.
const PROJECT: &str = "CMakeLists.txt";

/// The endings of C++ sources.
const CXX: [&str; 4] = ["cc", "cpp", "cxx", "c++"];

/// How many levels of folders below a package are searched.
const DEPTH: usize = 5;

/// Prefixes of the names of folders that a user's build does not compile.
const ASIDE: [&str; 7] = [".", "test", "bench", "example", "fuzz", "doc", "target"];

/// Returns why a script that runs CMake needs a C++ compiler, or nothing if all of its projects use only C.
pub(super) fn by_cmake(units: &[&Unit]) -> Option<&'static str> {
    let mut projects = Vec::new();
    for folder in units.iter().filter_map(|unit| package(&unit.target.src_path)) {
        // Only the outermost projects: the ones below are parts of them.
        walk(folder, DEPTH, &mut |folder| {
            let project = folder.join(PROJECT);
            let is_project = project.is_file();
            projects.extend(is_project.then_some(project));
            !is_project
        });
    }
    if projects.is_empty() {
        return Some("its CMake project was not found, and CMake's languages are C and C++ by default");
    }
    let text = |file: &PathBuf| fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let texts = projects.iter().filter_map(|file| text(file).ok());
    texts.into_iter().any(|text| enables_cxx(&text)).then_some("its CMake project enables C++")
}

/// Returns why a script that runs the crate `cc` needs a C++ compiler. Returns nothing if it does not ask for
/// C++ or the package has no C++ sources: some scripts ask for C++ only on Windows.
pub(super) fn by_cc(units: &[&Unit]) -> Option<&'static str> {
    let asks = |file: &Path| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(".cpp(true)"))
    };
    let files = units.iter().flat_map(|unit| sources(&unit.target.src_path));
    let has_sources = |unit: &&Unit| package(&unit.target.src_path).is_some_and(has_cxx);
    let cxx = files.into_iter().any(|file| asks(&file)) && units.iter().any(has_sources);
    cxx.then_some("it has C++ sources, and its build script calls `cpp(true)`")
}

/// Returns whether there are C++ sources below a folder.
fn has_cxx(folder: &Path) -> bool {
    let mut found = false;
    walk(folder, DEPTH, &mut |folder| {
        let mut files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        found =
            found || files.any(|path| path.extension().is_some_and(|end| CXX.iter().any(|cxx| end == *cxx)));
        !found
    });
    found
}

/// Returns the folder of the package that a file belongs to.
fn package(file: &Path) -> Option<&Path> {
    file.ancestors().skip(1).find(|folder| folder.join("Cargo.toml").is_file())
}

/// Returns the main file of a crate and the files beside it. For a script beside the manifest, these are the
/// files in the folder `build`.
fn sources(file: &Path) -> Vec<PathBuf> {
    let beside = match (file.parent(), package(file)) {
        (Some(folder), Some(package)) if folder == package => package.join("build"),
        (Some(folder), _) => folder.to_owned(),
        _ => return Vec::new(),
    };
    let entries = fs::read_dir(beside).into_iter().flatten().flatten().map(|entry| entry.path());
    let others = entries.filter(|path| path.extension().is_some_and(|end| end == "rs") && path != file);
    std::iter::once(file.to_owned()).chain(others).collect()
}

/// Visits a folder and the folders below it. `visit` returns whether to descend further.
fn walk(folder: &Path, depth: usize, visit: &mut dyn FnMut(&Path) -> bool) {
    if !visit(folder) {
        return;
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().to_lowercase();
        // Links are not followed: they can lead anywhere.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !ASIDE.iter().any(|aside| name.starts_with(aside)) {
            walk(&entry.path(), depth, visit);
        }
    }
}

/// Returns whether a CMakeLists.txt enables C++. `project` enables C and C++ if it names no language.
/// `enable_language` counts only outside of conditions.
fn enables_cxx(text: &str) -> bool {
    const KEYWORDS: [&str; 6] =
        ["VERSION", "COMPAT_VERSION", "SPDX_LICENSE", "DESCRIPTION", "HOMEPAGE_URL", "LANGUAGES"];
    let mut conditions = 0_usize;
    for (command, words) in commands(text) {
        let is_keyword = |word: &String| KEYWORDS.contains(&word.as_str());
        let enabled = match command.as_str() {
            "if" => {
                conditions += 1;
                false
            }
            "endif" => {
                conditions = conditions.saturating_sub(1);
                false
            }
            "project" => {
                let words = words.get(1..).unwrap_or_default();
                let languages: Vec<&String> = match words.iter().position(|word| word == "LANGUAGES") {
                    Some(at) => words[at + 1..].iter().take_while(|word| !is_keyword(word)).collect(),
                    None if words.iter().any(is_keyword) => Vec::new(),
                    None => words.iter().collect(),
                };
                languages.is_empty() || languages.iter().any(|word| *word == "CXX")
            }
            "enable_language" => conditions == 0 && words.iter().any(|word| word == "CXX"),
            _ => false,
        };
        if enabled {
            return true;
        }
    }
    false
}

/// Returns the commands of a CMakeLists.txt, with their names in lower case and their words. Comments are
/// left out.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let text: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some(open) = rest.find('(') {
        let name = rest[..open].split_whitespace().next_back().unwrap_or_default().to_lowercase();
        let mut depth = 0_usize;
        let close = rest[open..].char_indices().find(|(_, c)| {
            depth = match c {
                '(' => depth + 1,
                ')' => depth - 1,
                _ => depth,
            };
            depth == 0
        });
        let Some((length, _)) = close else { break };
        let words = rest[open + 1..open + length].split_whitespace();
        found.push((name, words.map(|word| word.trim_matches('"').to_owned()).collect()));
        rest = &rest[open + length + 1..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn languages_of_cmake_projects() {
        for (text, cxx) in [
            (
                "project(zlib VERSION ${V} LANGUAGES C)\nif(WITH_GTEST)\n  enable_language(CXX)\nendif()",
                false,
            ),
            ("project(deflate\n  LANGUAGES C # no C++\n  VERSION 1)", false),
            ("cmake_minimum_required(VERSION 3.5)\nProject (old C)", false),
            ("project(none NONE)", false),
            ("# project(x)\nproject(\"q\" C ASM)", false),
            ("project(usual)", true),
            ("project(usual VERSION 1.0)", true),
            ("project(both LANGUAGES C CXX)", true),
            ("project(both C CXX)", true),
            ("project(later C)\nif((A) AND (B))\nendif()\nenable_language(CXX)", true),
            ("project(cut C", false),
        ] {
            assert_eq!(enables_cxx(text), cxx, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_project_is_read(text in "[()#\" \nA-Zif]{0,80}") {
            let _ = enables_cxx(&text);
        }
    }
}
