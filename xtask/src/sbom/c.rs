//! C that is in a program: the static libraries that build scripts made or found, and what those say of themselves. A
//! version is said only where the library itself has it as data; nothing is taken from the name of a package.

use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol};
use serde::{Deserialize, Serialize};

use crate::contents::{ProgramContents, library_name};
use crate::trap::Script;

/// A static library that is linked into a program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Library {
    /// The package whose build script has it linked, as Cargo names it.
    pub package: String,
    /// As it is given to the linker: `sqlite3`; an object that is linked by itself has the name of its file.
    pub name: String,
    /// What of it is in the program, by the record of its link; none where nothing is known of that.
    pub linked: Option<LinkedPart>,
    /// Where the library lay when it was linked.
    pub origin: LibraryOrigin,
    /// The project and version that the library names, where it does.
    pub known: Option<Known>,
}

/// What of a library is in a program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkedPart {
    /// The name of the file: `libsqlite3.a`.
    pub file: String,
    /// How many of its objects are in the program.
    pub objects: usize,
    /// How many bytes of code and data they are.
    pub bytes: u64,
    /// How their compilers signed; empty where an assembler made them.
    pub signed: Vec<String>,
}

/// Where a library lay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LibraryOrigin {
    /// In the build script's own folder: it was made for this program.
    Made,
    /// In another folder that the build script named.
    Found,
    /// In none of them: the linker knows a place.
    Unknown,
}

impl LibraryOrigin {
    /// Its name in properties.
    pub fn name(self) -> &'static str {
        match self {
            Self::Made => "build-script",
            Self::Found => "elsewhere",
            Self::Unknown => "unknown",
        }
    }
}

/// What a library says of itself: its project, its version and the symbol that holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Known {
    /// The name of the project that the library is from.
    pub name: String,
    /// The version of the library.
    pub version: String,
    /// Vendor and product in the list of vulnerabilities.
    pub cpe: String,
    /// The symbol that has the version.
    pub symbol: String,
}

/// A symbol that has a library's version as text.
struct Sign {
    /// What the linker calls the library.
    library: &'static str,
    symbol: &'static str,
    name: &'static str,
    cpe: &'static str,
    /// What stands before the version.
    before: &'static str,
}

const SIGNS: [Sign; 2] = [
    Sign { library: "sqlite3", symbol: "sqlite3_version", name: "sqlite", cpe: "sqlite:sqlite", before: "" },
    Sign { library: "z", symbol: "deflate_copyright", name: "zlib", cpe: "zlib:zlib", before: " deflate " },
];

/// The libraries of a job, by the build scripts that ran for its target.
pub fn libraries(scripts: &[Script]) -> Vec<Library> {
    let mut all: Vec<Library> = scripts.iter().flat_map(of_script).collect();
    all.sort();
    // One for the document, where a package is compiled twice.
    all.dedup_by(|a, b| (&a.package, &a.name) == (&b.package, &b.name));
    all
}

/// The C that is in a program, by the record of its link. What no package asked for counts for the package `root`.
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
                // The library of a package, which rustc put it into.
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

/// Where a library lies, by the folders in which the linker is told to look.
fn place(script: &Script, name: &str) -> (LibraryOrigin, Option<PathBuf>) {
    let file = format!("lib{name}.a");
    // `native=/x`, `dependency=/x`, or the folder alone.
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

/// The version of the musl in an archive: what its loader prints (musl, `src/internal/version.c`).
pub fn musl_version(libc: &Path) -> Option<String> {
    text_of(libc, "__libc_version").filter(|text| is_version(text))
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+_~".contains(&b))
}

/// Longer texts are none that say a version.
const TEXT_MAX: usize = 256;

/// The text that a symbol of an archive names; none where there is no such symbol, or nothing that is text.
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
