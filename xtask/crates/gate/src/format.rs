//! What kind of file this is, told by its bytes and never by its name: the one place that knows the marks of formats.

use std::fmt;

/// The format of a file, as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A file without any byte.
    Empty,
    /// An ELF file: Linux and most other Unix systems.
    Elf,
    /// Fewer bytes than ELF's mark, but those fit.
    ElfStub,
    /// A program or library for Windows, by its mark `MZ` alone; see [`is_whole_pe`].
    Pe,
    /// An object file for Windows (COFF).
    Coff,
    /// A program, library or object for macOS (Mach-O), for one processor or several.
    MachO,
    /// A WebAssembly module or component.
    Wasm,
    /// An `ar` archive: a static library.
    Archive,
    /// LLVM bitcode: what `-C linker-plugin-lto` leaves in objects.
    Bitcode,
    /// A file that starts with `#!`.
    Script,
    /// A file that is compressed with gzip.
    Gzip,
    /// A text file: UTF-8 without control characters other than white space.
    Text,
    /// A file of none of these formats.
    Unknown,
}

/// How many bytes of a file [`Format::of`] needs to see: 512, fewer where the file is shorter.
pub(super) const HEAD: usize = 512;

impl Format {
    /// Tells the format of a file by its first 512 bytes or by all of them. All are needed for one thing only: an object for
    /// Windows with more than 12 sections, whose headers are longer.
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
            // Several files in one, by their number (`<mach-o/fat.h>`). A Java class file has the same mark, and a version
            // of at least 45 in that place.
            [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, 1..45, ..] => Self::MachO,
            _ if is_coff(head) => Self::Coff,
            _ if is_text(&head[..head.len().min(HEAD)]) => Self::Text,
            _ => Self::Unknown,
        }
    }
}

/// Whether a file that begins with `MZ` is one that Windows loads: the offset of the signature stands at 0x3c (PE format,
/// "Signature").
pub fn is_whole_pe(bytes: &[u8]) -> bool {
    let at = bytes.get(0x3c..0x40).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b) as usize);
    at.and_then(|at| bytes.get(at..at.checked_add(4)?)) == Some(b"PE\0\0")
}

/// An object for Windows has no mark: its machine comes first, and nothing stands between its header and the table of its
/// sections, which have names (PE format, "COFF File Header"). Large objects and members of import libraries begin with
/// four bytes that no machine has.
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

/// Text: UTF-8 (a character may be cut off at the end of the sample) without control characters other than white space.
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

/// A noun phrase: "a Windows program (PE)".
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
            Self::Unknown => "a file of a format that is not known here",
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
