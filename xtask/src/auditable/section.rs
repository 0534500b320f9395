//! Adds a section to a linked ELF program or WebAssembly module without moving a byte that is loaded. Bytes in, bytes out. Pure.
//!
//! ```text
//! before:  header, segments and sections … | names | section headers
//! after:   header, segments and sections … | new section | names + 1 | section headers + 1
//! ```
//!
//! The section is not loaded into memory (no `SHF_ALLOC`), as in programs of cargo-auditable. Only two fields of the ELF
//! header change: where the section headers are, and how many there are. The numbers of the other sections stay.

use std::fmt;
use std::mem::{offset_of, size_of};

use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, FileKind, elf};
use xtask_link_map::wasm::section::CUSTOM;
use xtask_link_map::wasm::{WasmFault, WasmModule};

/// Why a file cannot take another section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionRefusal {
    /// It is neither an ELF file nor a WebAssembly module.
    OtherFormat,
    /// It is WebAssembly that cannot be read.
    Wasm(WasmFault),
    /// It contradicts itself: the text says where.
    Damaged(&'static str),
    /// It has no section headers, or no names for them.
    NoSections,
    /// It has a section of this name already.
    Taken(String),
    /// One more section, or the place of it, is more than the format can count.
    Full,
}

impl fmt::Display for SectionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherFormat => f.write_str("it is neither an ELF file nor a WebAssembly module"),
            Self::Wasm(fault) => write!(f, "it {fault}"),
            Self::Damaged(what) => write!(f, "the ELF file is damaged: {what}"),
            Self::NoSections => {
                f.write_str("the ELF file has no section headers, in which readers look for the list")
            }
            Self::Taken(name) => {
                write!(
                    f,
                    "the program has a section {name} already: another tool, such as cargo-auditable, added it"
                )
            }
            Self::Full => f.write_str("the ELF file is full: it cannot count one more section"),
        }
    }
}

/// Returns `program` with one more section at its end, which has this name and content.
///
/// # Errors
/// It is neither an ELF file nor a WebAssembly module, is damaged, has no sections or too many, or has one of this name.
pub fn append(program: &[u8], name: &str, content: &[u8]) -> Result<Vec<u8>, SectionRefusal> {
    match FileKind::parse(program) {
        _ if program.starts_with(b"\0asm") => appended_to_module(program, name, content),
        Ok(FileKind::Elf32) => appended::<elf::FileHeader32<Endianness>>(program, &OF_32, name, content),
        Ok(FileKind::Elf64) => appended::<elf::FileHeader64<Endianness>>(program, &OF_64, name, content),
        _ => Err(SectionRefusal::OtherFormat),
    }
}

/// Adds a custom section, which hosts ignore. A module has no table of its sections.
fn appended_to_module(program: &[u8], name: &str, content: &[u8]) -> Result<Vec<u8>, SectionRefusal> {
    let module = WasmModule::parse(program).map_err(SectionRefusal::Wasm)?;
    if module.sections.iter().any(|section| section.name == name) {
        return Err(SectionRefusal::Taken(name.to_owned()));
    }
    let named = [&leb128(name.len()), name.as_bytes()].concat();
    Ok([program, &[CUSTOM], &leb128(named.len() + content.len()), &named, content].concat())
}

/// Writes a number in LEB128.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Where the fields that are written lie, in bytes from the beginning of their record. `word` is the size of a field that
/// differs between the two classes of ELF.
struct ElfFields {
    word: usize,
    headers_at: usize,
    headers_count: usize,
    entry: usize,
    entry_kind: usize,
    entry_at: usize,
    entry_size: usize,
    entry_alignment: usize,
}

const OF_32: ElfFields = ElfFields {
    word: 4,
    headers_at: offset_of!(elf::FileHeader32<Endianness>, e_shoff),
    headers_count: offset_of!(elf::FileHeader32<Endianness>, e_shnum),
    entry: size_of::<elf::SectionHeader32<Endianness>>(),
    entry_kind: offset_of!(elf::SectionHeader32<Endianness>, sh_type),
    entry_at: offset_of!(elf::SectionHeader32<Endianness>, sh_offset),
    entry_size: offset_of!(elf::SectionHeader32<Endianness>, sh_size),
    entry_alignment: offset_of!(elf::SectionHeader32<Endianness>, sh_addralign),
};

const OF_64: ElfFields = ElfFields {
    word: 8,
    headers_at: offset_of!(elf::FileHeader64<Endianness>, e_shoff),
    headers_count: offset_of!(elf::FileHeader64<Endianness>, e_shnum),
    entry: size_of::<elf::SectionHeader64<Endianness>>(),
    entry_kind: offset_of!(elf::SectionHeader64<Endianness>, sh_type),
    entry_at: offset_of!(elf::SectionHeader64<Endianness>, sh_offset),
    entry_size: offset_of!(elf::SectionHeader64<Endianness>, sh_size),
    entry_alignment: offset_of!(elf::SectionHeader64<Endianness>, sh_addralign),
};

/// Section headers from this number on need fields that no linked program uses (`SHN_LORESERVE`).
const SECTIONS_MAX: usize = elf::SHN_LORESERVE as usize;

fn appended<Elf: FileHeader<Endian = Endianness>>(
    program: &[u8],
    fields: &ElfFields,
    name: &str,
    content: &[u8],
) -> Result<Vec<u8>, SectionRefusal> {
    let damaged = SectionRefusal::Damaged;
    let header = Elf::parse(program).map_err(|_| damaged("its header is not valid"))?;
    let endian = header.endian().map_err(|_| damaged("its byte order is not valid"))?;
    let sections = header
        .section_headers(endian, program)
        .map_err(|_| damaged("its section headers lie outside the file"))?;
    if sections.is_empty() || header.e_shstrndx(endian) == elf::SHN_UNDEF {
        return Err(SectionRefusal::NoSections);
    }
    if sections.len() + 1 >= SECTIONS_MAX {
        return Err(SectionRefusal::Full);
    }
    let table = header.sections(endian, program).map_err(|_| damaged("its section names are not valid"))?;
    if table.section_by_name(endian, name.as_bytes()).is_some() {
        return Err(SectionRefusal::Taken(name.to_owned()));
    }
    let names_index = header
        .shstrndx(endian, program)
        .ok()
        .and_then(|index| usize::try_from(index).ok())
        .filter(|index| *index > 0 && *index < sections.len())
        .ok_or(damaged("the section of its section names is not there"))?;
    let names = sections[names_index]
        .data(endian, program)
        .map_err(|_| damaged("its section names lie outside the file"))?;
    // One that lies behind the others would be the name of the new section.
    if sections.iter().any(|section| section.sh_name(endian) as usize >= names.len().max(1)) {
        return Err(damaged("the name of a section is not among its section names"));
    }

    let order = ByteOrder { big: header.is_big_endian() };
    let mut bytes = program.get(..kept(header, endian, program, names_index)?).unwrap_or_default().to_vec();
    let content_at = bytes.len();
    bytes.extend_from_slice(content);
    let names_at = bytes.len();
    bytes.extend_from_slice(names);
    // A damaged table may not end with the end of a name.
    if bytes.last().is_some_and(|last| *last != 0) || names.is_empty() {
        bytes.push(0);
    }
    let name_at = bytes.len() - names_at;
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    let names_size = bytes.len() - names_at;
    bytes.resize(bytes.len().next_multiple_of(fields.word), 0);

    let headers_at = bytes.len();
    bytes.extend_from_slice(object::pod::bytes_of_slice(sections));
    let of_names = headers_at + names_index * fields.entry;
    order.put(&mut bytes, of_names + fields.entry_at, fields.word, names_at)?;
    order.put(&mut bytes, of_names + fields.entry_size, fields.word, names_size)?;
    let own = bytes.len();
    bytes.resize(own + fields.entry, 0);
    // The name is the first field of a section header. The fields that are not set are 0: no flags, no address.
    order.put(&mut bytes, own, 4, name_at)?;
    order.put(&mut bytes, own + fields.entry_kind, 4, elf::SHT_PROGBITS.0 as usize)?;
    order.put(&mut bytes, own + fields.entry_at, fields.word, content_at)?;
    order.put(&mut bytes, own + fields.entry_size, fields.word, content.len())?;
    order.put(&mut bytes, own + fields.entry_alignment, fields.word, 1)?;

    order.put(&mut bytes, fields.headers_at, fields.word, headers_at)?;
    order.put(&mut bytes, fields.headers_count, 2, sections.len() + 1)?;
    Ok(bytes)
}

/// How many bytes from the beginning stay. The names and the section headers are written again: where nothing else comes
/// behind them, as linkers lay out files, their old bytes go. Bytes that no header describes stay.
fn kept<Elf: FileHeader<Endian = Endianness>>(
    header: &Elf,
    endian: Endianness,
    program: &[u8],
    names: usize,
) -> Result<usize, SectionRefusal> {
    let damaged = SectionRefusal::Damaged;
    let segments = header
        .program_headers(endian, program)
        .map_err(|_| damaged("its program headers lie outside the file"))?;
    let sections = header.section_headers(endian, program).unwrap_or_default();
    let end = |(at, size): (u64, u64)| match size {
        0 => Some(0),
        size => at.checked_add(size),
    };
    let in_file = |section: &Elf::SectionHeader| match section.sh_type(endian) {
        elf::SHT_NULL => None,
        _ => section.file_range(endian),
    };
    let table = |at: u64, all: usize| (at, all as u64);
    let headers = table(header.e_shoff(endian).into(), size_of_val(sections));
    let names_range = in_file(&sections[names]).unwrap_or_default();
    let others = sections.iter().enumerate().filter(|(at, _)| *at != names).filter_map(|(_, s)| in_file(s));
    let used = [(0, size_of::<Elf>() as u64), table(header.e_phoff(endian).into(), size_of_val(segments))]
        .into_iter()
        .chain(segments.iter().map(|segment| segment.file_range(endian)))
        .chain(others)
        .try_fold(0, |most, range| Some(end(range)?.max(most)));
    let (Some(used), Some(headers), Some(names)) = (used, end(headers), end(names_range)) else {
        return Err(damaged("a size is larger than any file"));
    };
    let all = program.len() as u64;
    let described = used.max(headers).max(names);
    if described > all {
        return Err(damaged("its headers describe more bytes than it has"));
    }
    let kept = if described == all { used } else { all };
    usize::try_from(kept).map_err(|_| SectionRefusal::Full)
}

/// The byte order of a file.
struct ByteOrder {
    big: bool,
}

impl ByteOrder {
    /// Writes a number of `size` bytes.
    fn put(&self, bytes: &mut [u8], at: usize, size: usize, number: usize) -> Result<(), SectionRefusal> {
        let number = number as u64;
        let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
        let (written, rest) = match self.big {
            true => (&big[8 - size..], &big[..8 - size]),
            false => (&little[..size], &little[size..]),
        };
        if rest.iter().any(|byte| *byte != 0) {
            return Err(SectionRefusal::Full);
        }
        let field = bytes.get_mut(at..at + size).ok_or(SectionRefusal::Damaged("its header is too short"))?;
        field.copy_from_slice(written);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
