//! The shared libraries among the inputs of a link. A map does not list them, but the program runs their
//! code.

use std::path::{Path, PathBuf};

use object::read::elf::{FileHeader, SectionTable};
use object::{Endianness, ReadCache, ReadRef, elf};
use serde::{Deserialize, Serialize};

use super::arguments::LinkArguments;
use super::notes::ObjectNotes;

/// A shared library among the inputs of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedLibrary {
    /// The path of the library.
    pub path: PathBuf,
    /// The name under which programs need it. It is the file's name if the library has no soname.
    pub name: String,
    /// The notes that it contains about itself.
    pub notes: ObjectNotes,
}

/// Returns the shared libraries that the arguments of a link name or find. Libraries in folders that only the
/// linker knows are not included; these are the system's.
pub(super) fn among(given: &LinkArguments) -> Vec<SharedLibrary> {
    let mut paths: Vec<PathBuf> = given.found(".so").chain(given.files.iter().cloned()).collect();
    paths.sort();
    paths.dedup();
    paths.iter().filter_map(|path| read(path)).collect()
}

/// Reads a shared library. Returns none for another file, such as a linker script.
fn read(path: &Path) -> Option<SharedLibrary> {
    let cache = ReadCache::new(std::fs::File::open(path).ok()?);
    let data = &cache;
    let soname = match data.read_bytes_at(0, 5).ok()? {
        b"\x7fELF\x01" => soname::<elf::FileHeader32<Endianness>, _>(data),
        b"\x7fELF\x02" => soname::<elf::FileHeader64<Endianness>, _>(data),
        _ => None,
    }?;
    let file_name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Some(SharedLibrary {
        name: soname.unwrap_or_else(file_name),
        notes: ObjectNotes::of(data),
        path: path.to_owned(),
    })
}

/// Returns the soname of a shared library, if it has one. Returns none if the file is not a shared library.
fn soname<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(data: R) -> Option<Option<String>> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    if header.e_type(endian) != elf::ET_DYN {
        return None;
    }
    let sections = header.sections(endian, data).ok()?;
    Some(named(&sections, endian, data, elf::DT_SONAME).pop())
}

/// Returns the shared libraries that a program needs.
pub(super) fn needed<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    sections: &SectionTable<'data, H, R>,
    endian: Endianness,
    data: R,
) -> Vec<String> {
    named(sections, endian, data, elf::DT_NEEDED)
}

/// Returns the texts of all entries of the dynamic section with this tag.
fn named<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    sections: &SectionTable<'data, H, R>,
    endian: Endianness,
    data: R,
    tag: elf::DynamicTag,
) -> Vec<String> {
    let Ok(table) = sections.dynamic_table(endian, data) else { return Vec::new() };
    let text = |entry| Some(String::from_utf8_lossy(table.string(entry).ok()?).into_owned());
    table.iter().filter(|entry| entry.tag == tag).filter_map(text).collect()
}
