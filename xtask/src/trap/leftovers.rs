//! Finds the files that a build script leaves behind. A compiler that is called by its absolute path bypasses
//! every trap. But its output must lie somewhere: in `OUT_DIR`, to be linked or included as data, or in a
//! static library that Cargo has to link.

use std::fs::{self, FileType};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::code::foreign;
use crate::package_id::name_and_version;

/// A run of a build script, as Cargo reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The package ID: `path+file:///x/sly#0.7.1`.
    pub package: String,
    /// The package's folder; none if Cargo did not name it.
    pub folder: Option<PathBuf>,
    /// The folder that was the build script's `OUT_DIR`.
    pub out_dir: PathBuf,
    /// The values of `cargo::rustc-link-lib`: `static=sly`, `dylib=z`, `sly`.
    pub linked_libs: Vec<String>,
    /// The values of `cargo::rustc-link-search`: `native=/x/out`, `/x/lib`.
    pub linked_paths: Vec<String>,
}

/// Files of build scripts that rustc did not make, one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptLeftovers {
    /// Static libraries that the scripts had linked. It is not known whether they are in the program.
    pub linked: Vec<String>,
    /// Files that may have been compiled in this build.
    pub made: Vec<String>,
    /// Copies of files that were in the package before the build began. So this build did not compile them.
    pub shipped: Vec<String>,
}

/// Folders in `OUT_DIR` deeper than this, or with more files, are not searched completely, and then nothing
/// is proven. The bounds limit the work on other people's files, and are far above what build scripts make.
const DEPTH_MAX: usize = 16;
const FILES_MAX: usize = 100_000;
/// How many bytes of a file are read. No output of a compiler is larger.
const BYTES_MAX: u64 = 1 << 30;

impl Script {
    /// Returns the package with its version: `sly 0.7.1`.
    pub fn name(&self) -> String {
        package_name(&self.package)
    }

    /// Returns whether it ran for the target with this folder. Because `--target` is always passed, Cargo
    /// keeps the files for a target under that target's name.
    pub fn is_for(&self, folder: &Path) -> bool {
        self.out_dir.starts_with(folder)
    }

    /// Returns the names of the static libraries that it has linked: `sly`.
    pub fn static_libraries(&self) -> impl Iterator<Item = &str> {
        self.linked_libs.iter().filter_map(|lib| {
            // `static` may have modifiers: `static:+whole-archive=sly`.
            let (kind, library) = lib.split_once('=')?;
            (kind.split(':').next() == Some("static")).then_some(library)
        })
    }

    /// Returns the files of the script that rustc did not make: linked static libraries, and machine code in
    /// `OUT_DIR`. `begun` is the time at which the build began.
    pub fn leftovers(&self, begun: SystemTime) -> ScriptLeftovers {
        let name = self.name();
        let libraries =
            self.static_libraries().map(|library| format!("{name} links the static library {library}"));
        let mut leftovers = ScriptLeftovers { linked: libraries.collect(), ..ScriptLeftovers::default() };
        let mut walk = LeftoversWalk { left: FILES_MAX, whole: true, found: Vec::new() };
        walk.folder(&self.out_dir, 0);
        walk.found.sort();
        if !walk.whole {
            leftovers.made.push(format!("{name} left more files in its OUT_DIR than are inspected"));
        }
        if walk.found.is_empty() {
            return leftovers;
        }
        let shipped = self.shipped(begun);
        for (path, kind) in walk.found {
            let file = path.strip_prefix(&self.out_dir).unwrap_or(&path).display();
            match shipped.iter().find(|own| same(own, &path)) {
                Some(own) => leftovers.shipped.push(format!(
                    "{name} ships the {kind} {}, whose origin is unknown",
                    self.folder.as_ref().and_then(|f| own.strip_prefix(f).ok()).unwrap_or(own).display()
                )),
                None => leftovers.made.push(format!(
                    "{name} left the {kind} {file} in its OUT_DIR, which was not made by a Rust compiler: {}",
                    path.display()
                )),
            }
        }
        leftovers
    }

    /// Returns the files of the package that existed before the build. Cargo fetches the files of packages
    /// from a registry or a repository, even during the build. In a folder of the user, the build itself
    /// could have made them.
    fn shipped(&self, begun: SystemTime) -> Vec<PathBuf> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let fetched = !self.package.starts_with("path+");
        let mut files = Vec::new();
        list(folder, 0, &mut FILES_MAX.clone(), &mut files);
        files.retain(|file| fetched || changed(file).is_some_and(|time| time < begun));
        files
    }
}

/// Returns the time of a file's last change (ctime). Unlike the time of modification, a program cannot set
/// it.
#[cfg(unix)]
fn changed(file: &Path) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = fs::metadata(file).ok()?;
    let (seconds, nanos) = (u64::try_from(meta.ctime()).ok()?, u32::try_from(meta.ctime_nsec()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::new(seconds, nanos))
}

#[cfg(not(unix))]
fn changed(_: &Path) -> Option<SystemTime> {
    None
}

fn list(dir: &Path, depth: usize, left: &mut usize, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Some(less) = left.checked_sub(1) else { return };
        *left = less;
        match entry.file_type() {
            // A target folder does not belong to the package.
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX && entry.file_name() != "target" => {
                list(&entry.path(), depth + 1, left, files);
            }
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map(|meta| meta.len()).ok();
    length(one) == length(other)
        && matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

/// The state of a walk through an `OUT_DIR`.
struct LeftoversWalk {
    /// How many more files may be examined.
    left: usize,
    /// Whether everything was examined so far.
    whole: bool,
    found: Vec<(PathBuf, &'static str)>,
}

impl LeftoversWalk {
    fn folder(&mut self, dir: &Path, depth: usize) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if self.left == 0 || depth > DEPTH_MAX {
                self.whole = false;
                return;
            }
            self.left -= 1;
            let path = entry.path();
            // The kind of the entry itself. A link to a folder is not followed, so no folder is walked twice.
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                self.folder(&path, depth + 1);
            } else if is_file(kind, &path) {
                let mut bytes = Vec::new();
                let read =
                    fs::File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
                if let Some(kind) = read.ok().and_then(|_| foreign(&bytes)) {
                    self.found.push((path, kind));
                }
            }
        }
    }
}

/// Returns whether it is a file or a link to one.
fn is_file(kind: FileType, path: &Path) -> bool {
    kind.is_file() || (kind.is_symlink() && fs::metadata(path).is_ok_and(|meta| meta.is_file()))
}

/// Returns `sly 0.7.1` for `path+file:///x/sly#0.7.1` and for `registry+…#sly@0.7.1` (Cargo's package ID
/// specifications).
pub fn package_name(id: &str) -> String {
    let (name, version) = name_and_version(id);
    format!("{name} {version}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_packages() {
        assert_eq!(package_name("path+file:///x/sly#0.7.1"), "sly 0.7.1");
        assert_eq!(package_name("registry+https://x/index#ring@0.17.14"), "ring 0.17.14");
        assert_eq!(package_name("path+file:///x/folder#sly@0.7.1"), "sly 0.7.1");
    }

    #[test]
    fn static_libraries_are_remains_and_shared_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let libs = ["static=one", "static:+whole-archive,-bundle=two", "dylib=z", "m", "framework=X"];
        let script = Script {
            package: "path+file:///x/sly#0.7.1".into(),
            folder: None,
            out_dir: dir.path().join("out"),
            linked_libs: libs.map(str::to_owned).to_vec(),
            linked_paths: Vec::new(),
        };
        let lines = ["sly 0.7.1 links the static library one", "sly 0.7.1 links the static library two"];
        assert_eq!(script.leftovers(SystemTime::now()).linked, lines);
        assert!(script.is_for(dir.path()) && !script.is_for(&dir.path().join("o")));
    }

    #[test]
    fn a_copy_of_what_lay_in_the_package_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (package, out) = (dir.path().join("sly"), dir.path().join("out"));
        std::fs::create_dir_all(package.join("data")).unwrap();
        std::fs::create_dir_all(&out).unwrap();
        std::fs::write(package.join("data/blob"), b"\0asm\x01\0\0\0").unwrap();
        std::fs::copy(package.join("data/blob"), out.join("copy")).unwrap();
        std::fs::write(out.join("made"), b"\0asm\x01\0\0\0\0").unwrap();
        let script = |package_id: &str| Script {
            package: package_id.into(),
            folder: Some(package.clone()),
            out_dir: out.clone(),
            linked_libs: Vec::new(),
            linked_paths: Vec::new(),
        };
        let own = script("path+file:///x/sly#0.7.1");
        let after = own.leftovers(SystemTime::now() + std::time::Duration::from_secs(9));
        assert!(
            after.shipped[0].starts_with("sly 0.7.1 ships the WebAssembly module data/blob"),
            "{after:?}"
        );
        assert!(after.made[0].starts_with("sly 0.7.1 left the WebAssembly module made in"), "{after:?}");
        assert_eq!((after.made.len(), after.shipped.len()), (1, 1));
        // If the build wrote the file into the package first, then the build made it.
        assert_eq!(own.leftovers(SystemTime::UNIX_EPOCH).made.len(), 2);
        let fetched = script("registry+https://x/index#sly@0.7.1").leftovers(SystemTime::UNIX_EPOCH);
        assert_eq!(fetched, after);
    }
}
