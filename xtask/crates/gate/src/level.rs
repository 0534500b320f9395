//! The level of x86-64 that a file declares to need. Source: x86-64 psABI, "Program Property"
//! (`GNU_PROPERTY_X86_ISA_1_*`) and "Micro-Architecture Levels".

use std::fmt;

use object::read::elf::{FileHeader, NoteIterator, ProgramHeader};
use object::{Endianness, ReadRef, elf};

use super::elf::View;

/// A level of x86-64: the set of instructions that a processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// x86-64-v1: every 64-bit x86 processor.
    V1,
    /// x86-64-v2: SSE4.2, POPCNT; from about 2009 on.
    V2,
    /// x86-64-v3: AVX2, BMI, FMA; from about 2013 on.
    V3,
    /// x86-64-v4: processors that have AVX-512.
    V4,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Level; 4] = [Level::V1, Level::V2, Level::V3, Level::V4];
}

/// Writes the name that rustc's target-cpu and glibc's folders use: `x86-64-v3`.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::V1 => "x86-64",
            Level::V2 => "x86-64-v2",
            Level::V3 => "x86-64-v3",
            Level::V4 => "x86-64-v4",
        })
    }
}

/// The maximum size of a note segment in bytes. Notes have some hundred bytes; a larger segment comes from a
/// damaged file.
const NOTES_MAX: u64 = 1 << 16;

/// Returns the level in the file's property note, or none if there is no level or the note cannot be read.
pub(super) fn needed<'d, Elf, R>(view: &View<'d, Elf, R>) -> Option<Level>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    if view.machine != elf::EM_X86_64 {
        return None;
    }
    let segment = view.segments.iter().find(|s| s.p_type(view.endian) == elf::PT_GNU_PROPERTY)?;
    let (at, size) = segment.file_range(view.endian);
    let bytes = (size <= NOTES_MAX).then(|| view.data.read_bytes_at(at, size).ok()).flatten()?;
    let notes = NoteIterator::<Elf>::new(view.endian, segment.p_align(view.endian), bytes).ok()?;
    let properties =
        notes.filter_map(Result::ok).filter_map(|note| note.gnu_properties(view.endian)).flatten();
    let needed =
        properties.filter_map(Result::ok).find(|p| p.pr_type() == elf::GNU_PROPERTY_X86_ISA_1_NEEDED)?;
    let bits = needed.data_u32(view.endian).ok()?;
    match bits {
        0 => None,
        bits if bits & elf::GNU_PROPERTY_X86_ISA_1_V4 != 0 => Some(Level::V4),
        bits if bits & elf::GNU_PROPERTY_X86_ISA_1_V3 != 0 => Some(Level::V3),
        bits if bits & elf::GNU_PROPERTY_X86_ISA_1_V2 != 0 => Some(Level::V2),
        _ => Some(Level::V1),
    }
}
