//! Reads the notes that an object contains: its machine, and the compilers that made it.

use std::fs::File;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, ReadCache, ReadRef, elf};
use serde::{Deserialize, Serialize};

use super::pe;
use super::wasm::WasmModule;

/// The notes that an object contains about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectNotes {
    /// `e_machine` of an ELF object; none for other objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<u16>,
    /// The compilers that made it, as named in the section `.comment`, in debug information or in the bitcode:
    /// `GCC: (Debian 12.2.0-14) 12.2.0`. An assembler writes no name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub makers: Vec<String>,
    /// Whether it is the entry of an import library: a part of the table by which a Windows program finds a function in
    /// a DLL.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub import: bool,
    /// Whether it is a COFF object, in which not every compiler leaves its name.
    #[serde(skip)]
    pub(super) coff: bool,
    /// Whether it contains code that is compiled at link time.
    #[serde(skip)]
    pub(super) late: bool,
}

/// The beginning of rustc's name in objects.
const RUSTC: &str = "rustc version ";

/// The name for the maker of an object that has no note, and rustc's name for the file.
pub(super) const RUSTC_BY_NAME: &str = "rustc version unknown";

/// The name for the maker of bitcode without a compiler's name.
const UNKNOWN: &str = "an unknown compiler of LLVM bitcode";

/// The limits for reading `.comment`, in bytes and in texts. Each compiler writes only one line.
const COMMENT_MAX: u64 = 64 * 1024;
const MAKERS_MAX: usize = 16;

impl ObjectNotes {
    /// Reads the notes of an object. They are empty if the data is not an object.
    pub fn of<'data>(data: impl ReadRef<'data>) -> Self {
        match data.read_bytes_at(0, 5) {
            Ok(b"\x7fELF\x01") => elf_notes::<elf::FileHeader32<Endianness>, _>(data).unwrap_or_default(),
            Ok(b"\x7fELF\x02") => elf_notes::<elf::FileHeader64<Endianness>, _>(data).unwrap_or_default(),
            Ok(b"\0asm\x01") => wasm_notes(data).unwrap_or_default(),
            Ok([b'B', b'C', 0xc0, 0xde, _]) => {
                Self { makers: bitcode_makers(data), late: true, ..Self::default() }
            }
            // COFF for x86_64 and aarch64, and what begins like an object for no machine.
            Ok([0x64, 0x86 | 0xaa, ..] | [0, 0, 0xff, 0xff, _]) => pe::notes(data).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    /// Whether rustc alone made it.
    pub fn is_rust(&self) -> bool {
        !self.makers.is_empty() && self.makers.iter().all(|maker| is_rustc(maker))
    }

    /// Adds the notes of another object with the same name.
    pub(super) fn extend(&mut self, other: Self) {
        self.machine = self.machine.or(other.machine);
        self.import &= other.import;
        for maker in other.makers {
            if !self.makers.contains(&maker) {
                self.makers.push(maker);
            }
        }
    }

    /// Adds the makers in a text of names that end in 0.
    pub(super) fn add_makers(&mut self, comment: &[u8]) {
        for text in comment.split(|byte| *byte == 0) {
            let text = String::from_utf8_lossy(text).trim().to_owned();
            if !text.is_empty() && !self.makers.contains(&text) && self.makers.len() < MAKERS_MAX {
                self.makers.push(text);
            }
        }
    }
}

/// Whether a compiler's name is that of rustc.
pub fn is_rustc(maker: &str) -> bool {
    maker.starts_with(RUSTC)
}

fn elf_notes<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(data: R) -> Option<ObjectNotes> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let mut notes = ObjectNotes { machine: Some(header.e_machine(endian).0), ..ObjectNotes::default() };
    let bytes = |section: &H::SectionHeader, most: u64| {
        let (offset, size) = section.file_range(endian)?;
        data.read_bytes_at(offset, size.min(most)).ok()
    };
    let Ok(sections) = header.section_headers(endian, data) else { return Some(notes) };
    let names = header.section_strings_index(endian, data).ok();
    // All names are read at once, because an object may have ten thousand sections.
    let names = names.and_then(|index| bytes(sections.get(index.0)?, u64::MAX)).unwrap_or_default();
    for section in sections {
        let Some(name) = names.get(section.sh_name(endian) as usize..) else { continue };
        if name.starts_with(b".comment\0") {
            notes.add_makers(bytes(section, COMMENT_MAX).unwrap_or_default());
        }
        // Code of gcc or clang that is compiled at link time.
        notes.late |= name.starts_with(b".gnu.lto_") || name.starts_with(b".llvm.lto\0");
    }
    Some(notes)
}

fn wasm_notes<'data>(data: impl ReadRef<'data>) -> Option<ObjectNotes> {
    let bytes = data.read_bytes_at(0, data.len().ok()?).ok()?;
    let makers = WasmModule::parse(bytes).ok()?.makers();
    Some(ObjectNotes { makers, ..ObjectNotes::default() })
}

/// Returns the compilers whose names are in the texts of bitcode. These texts follow each other without a
/// separator.
fn bitcode_makers<'data>(data: impl ReadRef<'data>) -> Vec<String> {
    let bytes = data.len().and_then(|length| data.read_bytes_at(0, length)).unwrap_or_default();
    let maker = |sign: &&str| {
        let at = bytes.windows(sign.len()).position(|window| window == sign.as_bytes())?;
        let rest = &bytes[at + sign.len()..];
        let version = rest.iter().take(40).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        Some(format!("{sign}{}", String::from_utf8_lossy(&rest[..version])))
    };
    let makers: Vec<String> = [RUSTC, "clang version "].iter().filter_map(maker).collect();
    if makers.is_empty() { vec![UNKNOWN.to_owned()] } else { makers }
}

/// Reads the notes of an object file. Returns none if it cannot be read.
pub fn of_file(file: &Path) -> Option<ObjectNotes> {
    let cache = ReadCache::new(File::open(file).ok()?);
    Some(ObjectNotes::of(&cache))
}

/// Passes the wanted members of an archive to `tell`, in their order, with their notes. Returns whether the
/// whole archive could be read.
pub fn of_archive(
    file: &Path,
    wanted: impl Fn(&str) -> bool,
    mut tell: impl FnMut(&str, ObjectNotes),
) -> bool {
    let Ok(opened) = File::open(file) else { return false };
    let cache = ReadCache::new(opened);
    let Ok(archive) = ArchiveFile::parse(&cache) else { return false };
    for member in archive.members() {
        let Ok(member) = member else { return false };
        let name = String::from_utf8_lossy(member.name());
        if !wanted(&name) {
            continue;
        }
        let notes = match archive.is_thin() {
            // A thin archive only names its files.
            true => of_file(&file.with_file_name(&*name)),
            false => {
                let (offset, size) = member.file_range();
                Some(ObjectNotes::of(cache.range(offset, size)))
            }
        };
        tell(&name, notes.unwrap_or_default());
    }
    true
}

/// Returns the makers of the code in these objects and archives that is compiled at link time, or none if
/// there is no such code.
pub(super) fn of_link_time(files: &[PathBuf]) -> Option<ObjectNotes> {
    let mut all: Option<ObjectNotes> = None;
    let mut add = |notes: ObjectNotes| {
        if notes.late {
            all.get_or_insert_default().extend(notes);
        }
    };
    for file in files {
        if !of_archive(file, |_| true, |_, notes| add(notes)) {
            of_file(file).into_iter().for_each(&mut add);
        }
    }
    all
}

/// Whether an object has the name that rustc gives to its own: the name of the library or program that it
/// belongs to, and this ending. A Mach-O object has no note about its compiler, and a COFF object of rustc has one only
/// with debug information.
pub(super) fn is_of_rustc(path: &Path, member: Option<&str>, output: &Path) -> bool {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (object, owner) = match member {
        Some(member) => {
            let library = name(path);
            let owner = library.strip_prefix("lib").and_then(|name| name.strip_suffix(".rlib"));
            (member.to_owned(), owner.unwrap_or_default().to_owned())
        }
        None => (name(path), name(output).trim_end_matches(".exe").to_owned()),
    };
    !owner.is_empty() && object.ends_with(".rcgu.o") && object.starts_with(&format!("{owner}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_rustc_by_their_names() {
        let is = |path: &str, member| is_of_rustc(Path::new(path), member, Path::new("/t/deps/app-0f"));
        assert!(is("/t/deps/libz-1a.rlib", Some("z-1a.z.77-cgu.0.rcgu.o")));
        assert!(is("/t/deps/app-0f.app.77-cgu.3.rcgu.o", None));
        let path = Path::new("/t/deps/app-0f.app.77-cgu.3.rcgu.o");
        assert!(is_of_rustc(path, None, Path::new("/t/deps/app-0f.exe")));
        assert!(!is("/t/deps/libz-1a.rlib", Some("crc32.o")));
        assert!(!is("/t/deps/libz-1a.rlib", Some("y-1a.z.77-cgu.0.rcgu.o")));
        assert!(!is("/t/out/libz.a", Some("z.z.77-cgu.0.rcgu.o")));
        assert!(!is("/t/out/x.rcgu.o", None));
    }
}
