//! Which files of a program's sources are touched, and how. Only copies are touched, never the user's files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::trap::Script;
use xtask_files::error::{Error, Result};
use xtask_report::timing::Scenario;

/// The extensions of files that a C or C++ compiler is called for, and of those that such files include.
const C_SOURCES: [&str; 5] = ["c", "cc", "cpp", "cxx", "C"];
const HEADERS: [&str; 4] = ["h", "hh", "hpp", "hxx"];

/// A file whose content changes before each sample of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TouchedFile {
    path: PathBuf,
    /// Whether it is Rust; otherwise it is C or C++.
    rust: bool,
}

impl TouchedFile {
    /// Returns the path relative to the folder of the sources.
    pub(super) fn name(&self, root: &Path) -> String {
        self.path.strip_prefix(root).unwrap_or(&self.path).display().to_string()
    }

    /// Adds a declaration to the file, another one each time. It changes the tokens that the compiler reads, so a cache
    /// of compilers does not answer. It changes no code and causes no warning, also where a header is included twice.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn touch(&self) -> Result<()> {
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let stamp = age.as_nanos();
        let line = match self.rust {
            true => format!("\nconst _: u128 = {stamp};\n"),
            false => format!("\nstruct xtask_bench_{stamp};\n"),
        };
        let mut text = std::fs::read(&self.path).map_err(|e| Error::io("cannot read", &self.path, &e))?;
        text.extend_from_slice(line.as_bytes());
        std::fs::write(&self.path, text).map_err(|e| Error::io("cannot write", &self.path, &e))
    }
}

/// The C of the packages of a workspace, as the build scripts of one job use it.
#[derive(Debug, Default)]
pub(super) struct OwnC {
    sources: Vec<PathBuf>,
    headers: Vec<PathBuf>,
}

impl OwnC {
    /// Finds the files below `root`, also where links are followed, of which build scripts say that they depend on them, and whose objects are in the
    /// folders of these build scripts. `folder` is the build folder of the target.
    pub(super) fn find(scripts: &[Script], folder: &Path, root: &Path) -> Self {
        let mut found = Self::default();
        for script in scripts.iter().filter(|script| script.is_for(folder)) {
            let Some(package) = script.folder.as_ref().filter(|package| package.starts_with(root)) else {
                continue;
            };
            let names = objects(&script.out_dir);
            let files = inputs(script, package).into_iter().filter(|file| is_within(file, root));
            let files: Vec<PathBuf> = files.collect();
            let of = |extensions: &[&str]| {
                let fits =
                    |file: &&PathBuf| file.extension().is_some_and(|e| extensions.iter().any(|x| e == *x));
                files.iter().filter(fits).cloned().collect::<Vec<_>>()
            };
            let compiled = of(&C_SOURCES).into_iter().filter(|source| is_compiled(source, &names));
            let compiled: Vec<PathBuf> = compiled.collect();
            if compiled.is_empty() {
                continue;
            }
            let texts: Vec<String> = compiled
                .iter()
                .filter_map(|file| std::fs::read(file).ok())
                .map(|b| String::from_utf8_lossy(&b).into_owned())
                .collect();
            let (included, others): (Vec<_>, Vec<_>) =
                of(&HEADERS).into_iter().partition(|header| texts.iter().any(|text| includes(text, header)));
            // A header that is included through another one is better than none.
            found.headers.extend(included.into_iter().chain(others));
            found.sources.extend(compiled);
        }
        found
    }

    /// Returns the file to touch for a scenario, or the reason why there is none.
    pub(super) fn file(&self, scenario: Scenario) -> std::result::Result<TouchedFile, &'static str> {
        let (files, why) = match scenario {
            Scenario::HeaderTouched if !self.sources.is_empty() => {
                (&self.headers, "no build script of the workspace names a header by rerun-if-changed")
            }
            Scenario::HeaderTouched => (&self.headers, "the workspace has no C of its own in it"),
            _ => (&self.sources, "the workspace has no C of its own in it"),
        };
        files.first().map(|path| TouchedFile { path: path.clone(), rust: false }).ok_or(why)
    }
}

/// Returns the file to touch of a program whose root source file is `source`.
pub(super) fn rust_file(
    source: Option<&Path>,
    root: &Path,
) -> std::result::Result<TouchedFile, &'static str> {
    let source = source.filter(|source| source.is_file()).ok_or("Cargo does not tell its source file")?;
    match is_within(source, root) {
        true => Ok(TouchedFile { path: source.to_owned(), rust: true }),
        false => Err("its source file lies outside of the workspace"),
    }
}

/// Returns whether a file lies below `root` where all links are followed, so that writing it changes nothing else. Build
/// scripts also name headers of the system, and a link in a copy may lead to the original.
fn is_within(file: &Path, root: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    real(file).zip(real(root)).is_some_and(|(file, root)| file.starts_with(root))
}

/// Returns the files on which a build script depends, sorted: those that it names by `rerun-if-changed`, or else all of
/// its package (<https://doc.rust-lang.org/cargo/reference/build-scripts.html#rerun-if-changed>).
fn inputs(script: &Script, package: &Path) -> BTreeSet<PathBuf> {
    let output = script.out_dir.parent().map(|folder| folder.join("output"));
    let text = output.and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let named: Vec<PathBuf> = rerun_if_changed(&text).map(|name| package.join(name)).collect();
    match named.is_empty() {
        true => files(package).into_iter().collect(),
        false => named.iter().flat_map(|path| files(path)).collect(),
    }
}

fn rerun_if_changed(output: &str) -> impl Iterator<Item = &str> {
    output.lines().filter_map(|line| {
        line.strip_prefix("cargo::rerun-if-changed=").or_else(|| line.strip_prefix("cargo:rerun-if-changed="))
    })
}

/// Returns a file, or the files below a folder. What cannot be read has none.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let below = xtask_files::below(path, |_| true).unwrap_or_default();
    below.into_iter().filter(|(_, kind)| kind.is_file()).map(|(name, _)| path.join(name)).collect()
}

/// Returns the names of the objects below a folder.
fn objects(folder: &Path) -> Vec<String> {
    let all = files(folder);
    let names = all.iter().filter(|file| file.extension().is_some_and(|e| e == "o" || e == "obj"));
    names.filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned())).collect()
}

/// Returns whether an object has the name of a source file, alone (`x.o`), behind a digest (`0a1b-x.o`, by the crate
/// `cc`), or with the extension (`x.c.o`, by CMake). If a build script left no objects, every file is taken for compiled.
fn is_compiled(source: &Path, objects: &[String]) -> bool {
    let name = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, whole) = (name(source.file_stem()), name(source.file_name()));
    let fits = |object: &String| *object == stem || *object == whole || object.ends_with(&format!("-{stem}"));
    objects.is_empty() || objects.iter().any(fits)
}

/// Returns whether a source includes a header of this name.
fn includes(text: &str, header: &Path) -> bool {
    let name = header.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix('#'));
    let mut included = lines.filter_map(|line| line.trim_start().strip_prefix("include"));
    included.any(|rest| rest.trim().trim_matches(['"', '<', '>']).rsplit('/').next() == Some(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package with C in a workspace that was built.
    struct BuiltPackage {
        dir: tempfile::TempDir,
    }

    impl BuiltPackage {
        fn new(files: &[(&str, &str)]) -> Self {
            let built = Self { dir: tempfile::tempdir().unwrap() };
            for (name, text) in files {
                xtask_files::write(&built.path(name), text.as_bytes()).unwrap();
            }
            built
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn found(&self, root: &str) -> OwnC {
            let script = Script {
                package: "path+file:///w#native@0.1.0".into(),
                folder: Some(self.path("ws/native")),
                out_dir: self.path("build/t/release/build/native-1/out"),
                linked_libs: Vec::new(),
                linked_paths: Vec::new(),
            };
            OwnC::find(&[script], &self.path("build/t"), &self.path(root))
        }

        fn names(&self, own: &OwnC) -> [String; 2] {
            [Scenario::CTouched, Scenario::HeaderTouched].map(|scenario| match own.file(scenario) {
                Ok(file) => file.name(&self.path("ws/native")),
                Err(why) => why.to_owned(),
            })
        }
    }

    const OUT: &str = "build/t/release/build/native-1/out";
    const OUTPUT: &str = "build/t/release/build/native-1/output";

    #[test]
    fn the_compiled_file_and_the_included_header_are_found() {
        let package = BuiltPackage::new(&[
            ("ws/native/c/a_test.c", "int main(void) { return 0; }"),
            ("ws/native/c/dot.c", "  #  include \"sub/dot.h\"\n"),
            ("ws/native/c/sub/all.h", ""),
            ("ws/native/c/sub/dot.h", ""),
            (OUTPUT, "cargo:rerun-if-env-changed=CC\ncargo::rerun-if-changed=c\n"),
            (&format!("{OUT}/0a1b2c-dot.o"), ""),
        ]);
        assert_eq!(package.names(&package.found("ws")), ["c/dot.c", "c/sub/dot.h"]);
        // The package of somebody else.
        let none = "the workspace has no C of its own in it";
        assert_eq!(package.names(&package.found("other")), [none, none]);
    }

    #[test]
    fn without_rerun_if_changed_the_whole_package_counts() {
        let package = BuiltPackage::new(&[("ws/native/x.cpp", ""), ("ws/native/y.hpp", ""), (OUTPUT, "")]);
        assert_eq!(package.names(&package.found("ws")), ["x.cpp", "y.hpp"]);
        let package = BuiltPackage::new(&[
            ("ws/native/x.c", ""),
            ("ws/native/x.h", ""),
            (OUTPUT, "cargo:rerun-if-changed=x.c"),
        ]);
        let names = package.names(&package.found("ws"));
        assert_eq!(names, ["x.c", "no build script of the workspace names a header by rerun-if-changed"]);
    }

    #[test]
    fn files_outside_of_the_copy_are_not_touched() {
        let package = BuiltPackage::new(&[
            ("usr/stdio.h", ""),
            ("usr/far.c", ""),
            ("ws/near.c", ""),
            ("ws/native/near.h", ""),
            (&format!("{OUT}/far.o"), ""),
            (&format!("{OUT}/near.o"), ""),
        ]);
        let says = |names: &[&str]| {
            let lines = names.iter().map(|name| format!("cargo:rerun-if-changed={name}\n"));
            xtask_files::write(&package.path(OUTPUT), lines.collect::<String>().as_bytes()).unwrap();
            package.names(&package.found("ws"))
        };
        let (usr, header) = (package.path("usr"), package.path("usr/stdio.h"));
        let none = "the workspace has no C of its own in it";
        assert_eq!(says(&[usr.to_str().unwrap()]), [none, none]);
        assert_eq!(says(&["../../usr/far.c"]), [none, none]);
        let near = package.path("ws/near.c").display().to_string();
        let no_header = "no build script of the workspace names a header by rerun-if-changed";
        assert_eq!(says(&["../near.c", header.to_str().unwrap()])[1], no_header);
        assert_eq!(says(&[&near, header.to_str().unwrap(), "near.h"]), [near.as_str(), "near.h"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_copy_are_not_followed() {
        let package = BuiltPackage::new(&[
            ("original/x.c", ""),
            ("original/main.rs", ""),
            ("ws/native/build.rs", ""),
            ("ws/real.rs", ""),
            (OUTPUT, "cargo:rerun-if-changed=x.c\ncargo:rerun-if-changed=c\n"),
        ]);
        let link = |target: &str, place: &str| {
            std::os::unix::fs::symlink(package.path(target), package.path(place)).unwrap();
        };
        link("original/x.c", "ws/native/x.c");
        link("original", "ws/native/c");
        link("original/main.rs", "ws/main.rs");
        link("ws/real.rs", "ws/alias.rs");
        let none = "the workspace has no C of its own in it";
        assert_eq!(package.names(&package.found("ws")), [none, none]);
        let rust =
            |name: &str| rust_file(Some(&package.path(name)), &package.path("ws")).map(|file| file.path);
        assert_eq!(rust("ws/main.rs"), Err("its source file lies outside of the workspace"));
        assert_eq!(rust("ws/alias.rs"), Ok(package.path("ws/alias.rs")));
    }

    #[test]
    fn each_touch_changes_the_content() {
        let package = BuiltPackage::new(&[("ws/a.rs", "fn main() {}"), ("ws/a.c", "int a;")]);
        let rust = rust_file(Some(&package.path("ws/a.rs")), &package.path("ws")).unwrap();
        let c = TouchedFile { path: package.path("ws/a.c"), rust: false };
        for (file, begin, word) in
            [(rust, "fn main() {}\n", "const _: u128 = "), (c, "int a;\n", "struct xtask_bench_")]
        {
            file.touch().unwrap();
            let once = std::fs::read_to_string(&file.path).unwrap();
            assert!(once.starts_with(begin) && once.contains(word), "{once}");
            file.touch().unwrap();
            let twice = std::fs::read_to_string(&file.path).unwrap();
            assert_ne!(once.lines().last(), twice.lines().last());
        }
        assert!(rust_file(None, &package.path("ws")).is_err());
        assert!(rust_file(Some(&package.path("ws/a.rs")), &package.path("other")).is_err());
    }
}
