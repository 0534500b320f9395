//! What an object says of itself: for which machine it is, and which compilers made it.

use std::fs::File;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, ReadCache, ReadRef, elf};
use serde::{Deserialize, Serialize};

/// What an object says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectNotes {
    /// `e_machine` of an ELF object; none where it is no ELF object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<u16>,
    /// The compilers that signed it, in the section `.comment` or in the bitcode: `GCC: (Debian 12.2.0-14) 12.2.0`. An
    /// assembler signs nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub makers: Vec<String>,
    /// It holds code that is compiled when it is linked.
    #[serde(skip)]
    late: bool,
}

/// How rustc signs what it makes.
const RUSTC: &str = "rustc version ";

/// Stands for the maker of bitcode that says nothing.
const UNKNOWN: &str = "a compiler of LLVM bitcode that does not say its name";

/// More of `.comment`, and more of its texts, is not read: compilers write one line each.
const COMMENT_MAX: u64 = 64 * 1024;
const MAKERS_MAX: usize = 16;

impl ObjectNotes {
    /// Reads the notes of an object; empty ones of what is none.
    pub fn of<'data>(data: impl ReadRef<'data>) -> Self {
        match data.read_bytes_at(0, 5) {
            Ok(b"\x7fELF\x01") => elf_notes::<elf::FileHeader32<Endianness>, _>(data).unwrap_or_default(),
            Ok(b"\x7fELF\x02") => elf_notes::<elf::FileHeader64<Endianness>, _>(data).unwrap_or_default(),
            Ok([b'B', b'C', 0xc0, 0xde, _]) => {
                Self { makers: bitcode_makers(data), late: true, machine: None }
            }
            _ => Self::default(),
        }
    }

    /// Whether rustc made it, and nothing else took part.
    pub fn is_rust(&self) -> bool {
        !self.makers.is_empty() && self.makers.iter().all(|maker| is_rustc(maker))
    }

    /// Adds what another object of the same name says.
    pub(super) fn extend(&mut self, other: Self) {
        self.machine = self.machine.or(other.machine);
        for maker in other.makers {
            if !self.makers.contains(&maker) {
                self.makers.push(maker);
            }
        }
    }
}

/// Whether this is how rustc signs.
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
    // All names at once: an object may have ten thousand sections.
    let names = names.and_then(|index| bytes(sections.get(index.0)?, u64::MAX)).unwrap_or_default();
    for section in sections {
        let Some(name) = names.get(section.sh_name(endian) as usize..) else { continue };
        if name.starts_with(b".comment\0") {
            notes.makers = bytes(section, COMMENT_MAX).map(texts).unwrap_or_default();
        }
        // gcc's and clang's code for the linker.
        notes.late |= name.starts_with(b".gnu.lto_") || name.starts_with(b".llvm.lto\0");
    }
    Some(notes)
}

/// The texts of a `.comment`, each once.
fn texts(comment: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for text in comment.split(|byte| *byte == 0) {
        let text = String::from_utf8_lossy(text).trim().to_owned();
        if !text.is_empty() && !all.contains(&text) && all.len() < MAKERS_MAX {
            all.push(text);
        }
    }
    all
}

/// The compilers that bitcode names among its texts, which stand there one after the other with no end.
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

/// Reads the notes of a file that is an object; none where it cannot be read.
pub fn of_file(file: &Path) -> Option<ObjectNotes> {
    let cache = ReadCache::new(File::open(file).ok()?);
    Some(ObjectNotes::of(&cache))
}

/// Tells the members of an archive that are wanted, with their notes and in their order. Returns whether all of the archive
/// could be read.
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
            // It names files and holds none.
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

/// Who made the code that is compiled when it is linked, in these objects and archives. None where there is no such code.
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
