//! Detects the format of a file from its bytes, never from its name. This is the only place that knows the
//! magic numbers of formats.

use std::fmt;

/// The format of a file, as its first bytes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A file with no bytes.
    Empty,
    /// An ELF file: Linux and most other Unix systems.
    Elf,
    /// The beginning of ELF's magic number, without the rest of it.
    ElfStub,
    /// A program or library for Windows, recognized by `MZ` only; see [`is_whole_pe`].
    Pe,
    /// An object file for Windows (COFF).
    Coff,
    /// A program, library or object for macOS (Mach-O), for one or several processors.
    MachO,
    /// A WebAssembly module or component.
    Wasm,
    /// An `ar` archive: a static library.
    Archive,
    /// LLVM bitcode, which `-C linker-plugin-lto` leaves in objects.
    Bitcode,
    /// A file that starts with `#!`.
    Script,
    /// A file that is compressed with gzip.
    Gzip,
    /// A text file: UTF-8 without control characters other than white space.
    Text,
    /// A file in none of these formats.
    Unknown,
}

/// The number of bytes that [`Format::of`] needs: 512, or the whole file if it is shorter.
pub(super) const HEAD: usize = 512;

impl Format {
    /// Returns the format of a file from its first 512 bytes, or from all of them. All are needed only for a
    /// Windows object with more than 12 sections, because its headers are longer.
    pub fn of(head: &[u8]) -> Self {
        let starts = |mark: &[u8]| head.starts_with(mark);
        match head {
            [] => Self::Empty,
            _ if starts(b"\x7fELF") => Self::Elf,
            _ if b"\x7fELF".starts_with(head) => Self::ElfStub,
            _ if starts(b"MZ") => Self::Pe,
            _ if starts(b"\0asm") => Self::Wasm,
            _ if starts(b"!<arch>\n") || starts(b"!<thin>\n") => Self::Archive,
            _ if starts(b"BC\xc0\xde") || starts(b"\xde\xc0\x17\x0b") => Self::Bitcode,
            _ if starts(b"#!") => Self::Script,
            _ if starts(b"\x1f\x8b") => Self::Gzip,
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => Self::MachO,
            // A file for several processors has their number here (`<mach-o/fat.h>`). A Java class file has
            // the same magic number, and in this place a version of at least 45.
            [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, 1..45, ..] => Self::MachO,
            _ if is_coff(head) => Self::Coff,
            _ if is_text(&head[..head.len().min(HEAD)]) => Self::Text,
            _ => Self::Unknown,
        }
    }
}

/// Whether Windows can load a file that begins with `MZ`. The offset of the signature is at 0x3c (PE format,
/// "Signature").
pub fn is_whole_pe(bytes: &[u8]) -> bool {
    let at = bytes.get(0x3c..0x40).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b) as usize);
    at.and_then(|at| bytes.get(at..at.checked_add(4)?)) == Some(b"PE\0\0")
}

/// Whether a file is an object for Windows. Such an object has no magic number. It begins with its machine,
/// and the table of named sections follows its header directly (PE format, "COFF File Header"). Large objects
/// and members of import libraries begin with four bytes that are no machine.
fn is_coff(bytes: &[u8]) -> bool {
    let word = |at: usize| bytes.get(at..at + 2)?.first_chunk().map(|b| u16::from_le_bytes(*b));
    let machine = |at| matches!(word(at), Some(0x014c | 0x8664 | 0x01c0 | 0x01c4 | 0xaa64 | 0xa641));
    if bytes.starts_with(&[0, 0, 0xff, 0xff]) {
        return machine(6);
    }
    let sections = word(2).map_or(0, usize::from);
    machine(0)
        && sections > 0
        && word(16) == Some(0)
        && bytes.len() >= 20 + 40 * sections
        && matches!(bytes[20], b'.' | b'/')
}

/// Whether a file is text: UTF-8 without control characters other than white space. The sample may end inside
/// a character.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or("\0")
        }
        Err(_) => return false,
    };
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b'))
}

/// Writes a noun phrase: "a Windows program (PE)".
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Elf => "an ELF file",
            Self::ElfStub => "the first bytes of an ELF file that was cut off",
            Self::Pe => "a Windows program (PE)",
            Self::Coff => "an object for Windows (COFF)",
            Self::MachO => "a macOS program (Mach-O)",
            Self::Wasm => "a WebAssembly module",
            Self::Archive => "a static library (ar archive)",
            Self::Bitcode => "LLVM bitcode",
            Self::Script => "a script",
            Self::Gzip => "a gzip file",
            Self::Text => "a text file",
            Self::Unknown => "a file of an unknown format",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_the_formats() {
        let mut coff = [0; 60];
        coff[..4].copy_from_slice(&[0x64, 0x86, 1, 0]);
        coff[20..25].copy_from_slice(b".text");
        let cases: [(&[u8], Format); 20] = [
            (b"", Format::Empty),
            (b"\x7f", Format::ElfStub),
            (b"\x7fELF", Format::Elf),
            (b"MZ\x90\0", Format::Pe),
            (b"\0asm\x01\0\0\0", Format::Wasm),
            (b"!<arch>\n/ ", Format::Archive),
            (b"BC\xc0\xde", Format::Bitcode),
            (b"#!/bin/sh\n", Format::Script),
            (b"\x1f\x8b\x08", Format::Gzip),
            (b"\xcf\xfa\xed\xfe\x07", Format::MachO),
            (b"\xca\xfe\xba\xbe\0\0\0\x02", Format::MachO),
            (b"\xca\xfe\xba\xbe\0\0\0\x41", Format::Unknown),
            (&coff, Format::Coff),
            (&coff[..59], Format::Unknown),
            (b"\0\0\xff\xff\0\0\x64\x86", Format::Coff),
            (b"hello\n", Format::Text),
            ("gr\u{fc}n".as_bytes(), Format::Text),
            (&"gr\u{fc}n".as_bytes()[..3], Format::Text),
            (b"\0\0\0\0", Format::Unknown),
            (b"\xff\xfe", Format::Unknown),
        ];
        for (head, format) in cases {
            assert_eq!(Format::of(head), format, "{head:?}");
        }
    }
}
