//! Finds the C in a program: the static libraries that build scripts made or found, and the versions that
//! these libraries contain. A version is reported only if the library itself contains it as data. Nothing is
//! derived from the name of a package.

use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol};
use serde::{Deserialize, Serialize};

use crate::contents::{ProgramContents, library_name};
use crate::trap::Script;

/// A static library that is linked into a program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Library {
    /// The package ID whose build script had it linked.
    pub package: String,
    /// Its name for the linker: `sqlite3`. An object that is linked by itself has the name of its file.
    pub name: String,
    /// The part of it that is in the program, from the record of the link. None if that is not known.
    pub linked: Option<LinkedPart>,
    /// Where the library was when it was linked.
    pub origin: LibraryOrigin,
    /// The project and version that the library contains, if any.
    pub known: Option<Known>,
}

/// The part of a library that is in a program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkedPart {
    /// The name of the file: `libsqlite3.a`.
    pub file: String,
    /// The number of its objects in the program.
    pub objects: usize,
    /// The number of bytes of their code and data.
    pub bytes: u64,
    /// The signatures of their compilers. Empty if an assembler made them.
    pub signed: Vec<String>,
}

/// Where a library was when it was linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LibraryOrigin {
    /// In the build script's own folder: it was made for this program.
    Made,
    /// In another folder that the build script named.
    Found,
    /// In none of these folders: the linker found it in another place.
    Unknown,
}

impl LibraryOrigin {
    /// Returns its name in properties.
    pub fn name(self) -> &'static str {
        match self {
            Self::Made => "build-script",
            Self::Found => "elsewhere",
            Self::Unknown => "unknown",
        }
    }
}

/// The identity that a library contains: its project, its version and the symbol with the version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Known {
    /// The name of the project that the library is from.
    pub name: String,
    /// The version of the library.
    pub version: String,
    /// Vendor and product in the CPE list of vulnerabilities.
    pub cpe: String,
    /// The symbol that contains the version.
    pub symbol: String,
}

/// A symbol that contains a library's version as text.
struct Sign {
    /// The name of the library for the linker.
    library: &'static str,
    symbol: &'static str,
    name: &'static str,
    cpe: &'static str,
    /// The text in front of the version.
    before: &'static str,
}

const SIGNS: [Sign; 2] = [
    Sign { library: "sqlite3", symbol: "sqlite3_version", name: "sqlite", cpe: "sqlite:sqlite", before: "" },
    Sign { library: "z", symbol: "deflate_copyright", name: "zlib", cpe: "zlib:zlib", before: " deflate " },
];

/// Returns the libraries of a job, from the build scripts that ran for its target.
pub fn libraries(scripts: &[Script]) -> Vec<Library> {
    let mut all: Vec<Library> = scripts.iter().flat_map(of_script).collect();
    all.sort();
    // A package that is compiled twice appears once in the document.
    all.dedup_by(|a, b| (&a.package, &a.name) == (&b.package, &b.name));
    all
}

/// Returns the C in a program, from the record of its link. Parts that no package asked for are attributed to
/// the package `root`.
pub fn in_program(contents: &ProgramContents, scripts: &[Script], root: &str) -> Vec<Library> {
    let mut all: Vec<Library> = Vec::new();
    for part in &contents.parts {
        let Some(bytes) = part.bytes else { continue };
        let package = part.asker.package.as_deref().unwrap_or(root);
        let name = library_name(&part.file);
        let made = scripts.iter().any(|script| part.file.starts_with(&script.out_dir));
        let file = part.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let objects = part.members.len().max(1);
        let linked = LinkedPart { file, objects, bytes, signed: part.makers.clone() };
        all.push(Library {
            package: package.to_owned(),
            origin: match part.file.is_file() {
                _ if made => LibraryOrigin::Made,
                // An `.rlib` is the library of a package, into which rustc put the foreign library.
                true if part.file.extension().is_some_and(|ending| ending != "rlib") => LibraryOrigin::Found,
                _ => LibraryOrigin::Unknown,
            },
            known: identify(&name, &part.file),
            linked: Some(linked),
            name,
        });
    }
    all.sort();
    all.dedup_by(|a, b| (&a.package, &a.name) == (&b.package, &b.name));
    all
}

fn of_script(script: &Script) -> impl Iterator<Item = Library> {
    script.static_libraries().map(|name| {
        let (origin, file) = place(script, name);
        Library {
            package: script.package.clone(),
            name: name.to_owned(),
            linked: None,
            origin,
            known: file.and_then(|file| identify(name, &file)),
        }
    })
}

/// Finds a library in the folders that the linker searches.
fn place(script: &Script, name: &str) -> (LibraryOrigin, Option<PathBuf>) {
    let file = format!("lib{name}.a");
    // The forms are `native=/x`, `dependency=/x`, or only the folder.
    let folder = |path: &String| match path.split_once('=') {
        Some((kind, folder)) if !kind.contains('/') => PathBuf::from(folder),
        _ => PathBuf::from(path),
    };
    let told = script.linked_paths.iter().map(folder);
    let found =
        std::iter::once(script.out_dir.clone()).chain(told).map(|dir| dir.join(&file)).find(|f| f.is_file());
    match found {
        Some(file) if file.starts_with(&script.out_dir) => (LibraryOrigin::Made, Some(file)),
        Some(file) => (LibraryOrigin::Found, Some(file)),
        None => (LibraryOrigin::Unknown, None),
    }
}

fn identify(library: &str, file: &Path) -> Option<Known> {
    let sign = SIGNS.iter().find(|sign| sign.library == library)?;
    let text = text_of(file, sign.symbol)?;
    let version = text.strip_prefix(sign.before)?.split(' ').next().filter(|version| is_version(version))?;
    Some(Known {
        name: sign.name.to_owned(),
        version: version.to_owned(),
        cpe: sign.cpe.to_owned(),
        symbol: sign.symbol.to_owned(),
    })
}

/// Returns the version of the musl in an archive, which its loader prints (musl, `src/internal/version.c`).
pub fn musl_version(libc: &Path) -> Option<String> {
    text_of(libc, "__libc_version").filter(|text| is_version(text))
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+_~".contains(&b))
}

/// A longer text is not a version.
const TEXT_MAX: usize = 256;

/// Returns the text that a symbol of an archive names. Returns none if there is no such symbol, or it is not
/// text.
fn text_of(file: &Path, symbol: &str) -> Option<String> {
    let bytes = std::fs::read(file).ok()?;
    let archive = ArchiveFile::parse(&*bytes).ok()?;
    let mut index = archive.symbols().ok()??;
    let entry = index.find_map(|entry| entry.ok().filter(|entry| entry.name() == symbol.as_bytes()))?;
    let member = archive.member(entry.offset()).ok()?;
    let object = object::File::parse(member.data(&*bytes).ok()?).ok()?;
    let found = object.symbols().find(|found| found.is_definition() && found.name() == Ok(symbol))?;
    let section = object.section_by_index(found.section_index()?).ok()?;
    let offset = usize::try_from(found.address().checked_sub(section.address())?).ok()?;
    let data = section.data().ok()?.get(offset..)?;
    let end = data.iter().take(TEXT_MAX).position(|byte| *byte == 0)?;
    let text = std::str::from_utf8(&data[..end]).ok()?;
    text.chars().all(|c| c == ' ' || c.is_ascii_graphic()).then(|| text.to_owned())
}
