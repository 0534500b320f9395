//! What a build script leaves behind for the linker. A compiler that is called by its absolute path passes every trap,
//! but what it made has to lie somewhere: as an object in `OUT_DIR`, or in a static library that Cargo is told to link.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use object::read::elf::{ElfFile32, ElfFile64};
use object::{Endianness, Object, ObjectSection, elf};

/// A build script that ran, as Cargo reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The package, as Cargo names it: `path+file:///x/sly#0.7.1`.
    pub package: String,
    /// Its `OUT_DIR`.
    pub out_dir: PathBuf,
    /// What `cargo::rustc-link-lib` said: `static=sly`, `dylib=z`, `sly`.
    pub linked_libs: Vec<String>,
    /// What `cargo::rustc-link-search` said: `native=/x/out`, `/x/lib`.
    pub linked_paths: Vec<String>,
}

/// A folder in `OUT_DIR` deeper than this, or a file after so many, is not looked at: a bound for what somebody else
/// wrote, far beyond what build scripts make.
const DEPTH_MAX: usize = 16;
const FILES_MAX: usize = 100_000;

impl Script {
    /// Whether it ran for the target whose folder this is: `--target` is always passed, so Cargo keeps what is for a
    /// target under that target's name.
    pub fn is_for(&self, folder: &Path) -> bool {
        self.out_dir.starts_with(folder)
    }

    /// The static libraries that it has linked: `sly`.
    pub fn static_libraries(&self) -> impl Iterator<Item = &str> {
        self.linked_libs.iter().filter_map(|lib| {
            // `static`, with modifiers behind it: `static:+whole-archive=sly`.
            let (kind, library) = lib.split_once('=')?;
            (kind.split(':').next() == Some("static")).then_some(library)
        })
    }

    /// What it left that no Rust compiler made, a line each: static libraries that are linked, objects in `OUT_DIR`.
    pub fn remains(&self) -> Vec<String> {
        let name = package_name(&self.package);
        let libraries =
            self.static_libraries().map(|library| format!("{name} links the static library {library}"));
        let mut objects = Vec::new();
        let mut budget = FILES_MAX;
        walk(&self.out_dir, 0, &mut budget, &mut objects);
        objects.sort();
        let object = |path: PathBuf| {
            let file = path.strip_prefix(&self.out_dir).unwrap_or(&path).display().to_string();
            format!("{name} left the object {file} in its OUT_DIR, which no Rust compiler made")
        };
        libraries.chain(objects.into_iter().map(object)).collect()
    }
}

/// `sly 0.7.1` of `path+file:///x/sly#0.7.1` or `registry+…#sly@0.7.1` (Cargo's package ID specifications).
fn package_name(id: &str) -> String {
    let Some((source, fragment)) = id.rsplit_once('#') else { return id.to_owned() };
    match fragment.split_once('@') {
        Some((name, version)) => format!("{name} {version}"),
        None => format!("{} {fragment}", source.rsplit('/').next().unwrap_or(source)),
    }
}

fn walk(dir: &Path, depth: usize, budget: &mut usize, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if *budget == 0 {
            return;
        }
        *budget -= 1;
        // Of the entry itself: a link to a folder is not followed, so nothing is walked twice.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => walk(&entry.path(), depth + 1, budget, found),
            Ok(kind) if kind.is_file() && is_foreign_object(&entry.path()) => found.push(entry.path()),
            _ => {}
        }
    }
}

/// Whether a file is a relocatable object that carries no mark of rustc. Build scripts that try what rustc can do leave
/// objects, too; those say "rustc version" in their section `.comment`.
fn is_foreign_object(path: &Path) -> bool {
    // e_type follows the 16 bytes of e_ident (System V gABI, "ELF Header").
    let mut head = [0; 18];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    if read.is_err() || head[..4] != *b"\x7fELF" {
        return false;
    }
    let kind = match head[5] {
        2 => u16::from_be_bytes([head[16], head[17]]),
        _ => u16::from_le_bytes([head[16], head[17]]),
    };
    kind == elf::ET_REL.0 && !std::fs::read(path).is_ok_and(|bytes| made_by_rustc(&bytes))
}

fn made_by_rustc(bytes: &[u8]) -> bool {
    let comment = match bytes.get(4) {
        Some(1) => ElfFile32::<Endianness>::parse(bytes).ok().and_then(|file| comment_of(&file)),
        _ => ElfFile64::<Endianness>::parse(bytes).ok().and_then(|file| comment_of(&file)),
    };
    comment.is_some_and(|text| text.windows(6).any(|window| window == b"rustc "))
}

fn comment_of<'d>(file: &impl Object<'d>) -> Option<Vec<u8>> {
    let section = file.section_by_name(".comment")?;
    section.data().ok().map(<[u8]>::to_vec)
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
            out_dir: dir.path().join("out"),
            linked_libs: libs.map(str::to_owned).to_vec(),
            linked_paths: Vec::new(),
        };
        let lines = ["sly 0.7.1 links the static library one", "sly 0.7.1 links the static library two"];
        assert_eq!(script.remains(), lines);
        assert!(script.is_for(dir.path()) && !script.is_for(&dir.path().join("o")));
    }

    #[test]
    fn any_bytes_are_an_object_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        for bytes in [&b""[..], b"\x7fELF", &[0x7f; 64], b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0"] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(is_foreign_object(&path), bytes.len() == 18, "{bytes:?}");
        }
    }
}
