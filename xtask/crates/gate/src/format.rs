//! What kind of file this is, told by its first bytes.

use std::fmt;

/// The format of a file, as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// No byte at all.
    Empty,
    /// An ELF file: Linux and most other Unix systems.
    Elf,
    /// Fewer bytes than ELF's mark, but those fit.
    ElfStub,
    /// Windows (`MZ`).
    Pe,
    /// macOS, for one processor or several.
    MachO,
    /// A WebAssembly module or component.
    Wasm,
    /// An `ar` archive: a static library.
    Archive,
    /// LLVM bitcode: what `-C linker-plugin-lto` leaves in objects.
    Bitcode,
    /// A file that starts with `#!`.
    Script,
    /// Compressed with gzip.
    Gzip,
    /// Text.
    Text,
    /// None of these.
    Unknown,
}

/// How many bytes [`Format::of`] looks at.
pub(super) const HEAD: usize = 512;

impl Format {
    /// Tells the format by the first bytes of a file; 512 are enough, fewer where the file is shorter.
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
            // A Java class file has the same mark, followed by a version that is at least 45.
            [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, count, ..] if *count < 45 => Self::MachO,
            _ if is_text(head) => Self::Text,
            _ => Self::Unknown,
        }
    }
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
        let cases: [(&[u8], Format); 17] = [
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
