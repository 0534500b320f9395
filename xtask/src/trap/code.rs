//! Recognises machine code by its contents, whatever the file's name: programs, libraries, objects and
//! archives of every system, WebAssembly, and intermediate files of compilers. Also decides whether rustc
//! made it.

use object::read::archive::ArchiveFile;
use object::read::elf::{ElfFile32, ElfFile64};
use object::{Endianness, Object, ObjectSection, elf};
use xtask_gate::{Format, is_whole_pe};

/// Returns the kind of machine code in these bytes. Returns none if they are no machine code, or if a mark in
/// them shows that rustc made them.
pub(super) fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let kind = kind(bytes)?;
    let ours = match kind {
        OBJECT | PROGRAM => comment_names_rustc(bytes),
        ARCHIVE => members_are_ours(bytes),
        // The custom section "producers" lists names, each after its length
        // (<https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md>).
        WASM => holds(bytes, b"\x05rustc") || names_rustc(bytes),
        ASSEMBLY => false,
        _ => names_rustc(bytes),
    };
    (!ours).then_some(kind)
}

const OBJECT: &str = "ELF object";
const PROGRAM: &str = "ELF program or library";
const ARCHIVE: &str = "archive of objects";
const WASM: &str = "WebAssembly module";
const ASSEMBLY: &str = "assembly of a C compiler";

/// How many bytes at the end of a text are searched for the name of its compiler.
const TAIL: usize = 16 * 1024;

fn kind(bytes: &[u8]) -> Option<&'static str> {
    match Format::of(bytes) {
        Format::Elf => {
            // e_type follows the 16 bytes of e_ident (System V gABI, "ELF Header").
            let kind = bytes.get(16..18)?.first_chunk().copied()?;
            let big = bytes[5] == elf::ELFDATA2MSB.0;
            let kind = if big { u16::from_be_bytes(kind) } else { u16::from_le_bytes(kind) };
            Some(if kind == elf::ET_REL.0 { OBJECT } else { PROGRAM })
        }
        Format::Archive => Some(ARCHIVE),
        Format::Wasm => Some(WASM),
        Format::Bitcode => Some("LLVM bitcode"),
        Format::MachO => Some("Mach-O file"),
        // Without the signature, any file that begins with these two letters would match.
        Format::Pe if is_whole_pe(bytes) => Some("PE program or library"),
        Format::Coff => Some("COFF object"),
        _ => {
            let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
            let clang = || holds(tail, b".ident\t\"") && holds(tail, b"clang version ");
            (holds(tail, b".ident\t\"GCC:") || clang()).then_some(ASSEMBLY)
        }
    }
}

/// Returns whether the section `.comment` names rustc. rustc writes its version there, and the linker keeps
/// it.
fn comment_names_rustc(bytes: &[u8]) -> bool {
    let comment = match bytes.get(4) {
        Some(1) => ElfFile32::<Endianness>::parse(bytes).ok().and_then(|file| comment_of(&file)),
        _ => ElfFile64::<Endianness>::parse(bytes).ok().and_then(|file| comment_of(&file)),
    };
    comment.is_some_and(|text| holds(&text, b"rustc "))
}

fn comment_of<'d>(file: &impl Object<'d>) -> Option<Vec<u8>> {
    let section = file.section_by_name(".comment")?;
    section.data().ok().map(<[u8]>::to_vec)
}

/// Returns whether rustc made all members of an archive that are machine code. `lib.rmeta` is an object
/// without code, which carries no compiler signature. An unreadable archive counts as foreign.
fn members_are_ours(bytes: &[u8]) -> bool {
    let Ok(archive) = ArchiveFile::parse(bytes) else { return false };
    archive.members().all(|member| {
        let Ok(member) = member else { return false };
        // A thin archive only names files, and these are examined themselves.
        archive.is_thin()
            || member.name() == b"lib.rmeta"
            || member.data(bytes).is_ok_and(|data| foreign(data).is_none())
    })
}

/// Returns whether bytes without a section for it name rustc: by its version, or by the folder in which its
/// std was built.
fn names_rustc(bytes: &[u8]) -> bool {
    let std = b"/rustc/";
    let hash = |rest: &[u8]| rest.len() >= 40 && rest[..40].iter().all(u8::is_ascii_hexdigit);
    holds(bytes, b"rustc version ")
        || bytes.windows(std.len()).enumerate().any(|(at, w)| w == std && hash(&bytes[at + std.len()..]))
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(head: &[u8], length: usize) -> Vec<u8> {
        let mut bytes = head.to_vec();
        bytes.resize(length.max(head.len()), 0);
        bytes
    }

    #[test]
    fn formats_by_content() {
        let mut pe = with(b"MZ", 0x44);
        pe[0x3c] = 0x40;
        pe[0x40..].copy_from_slice(b"PE\0\0");
        let mut coff = with(&[0x64, 0x86, 1, 0], 60);
        coff[20..25].copy_from_slice(b".text");
        for (bytes, kind) in [
            (with(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0", 64), Some(OBJECT)),
            (with(b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x01", 64), Some(OBJECT)),
            (with(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0", 64), Some(PROGRAM)),
            (b"!<arch>\nbroken".to_vec(), Some(ARCHIVE)),
            (b"\0asm\x01\0\0\0".to_vec(), Some(WASM)),
            (b"\0asm\x01\0\0\0\0\x16\x09producers\x01\x05rustc".to_vec(), None),
            (b"BC\xc0\xde".to_vec(), Some("LLVM bitcode")),
            (with(&[0xcf, 0xfa, 0xed, 0xfe], 32), Some("Mach-O file")),
            (vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2], Some("Mach-O file")),
            // A Java class.
            (vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61], None),
            (pe.clone(), Some("PE program or library")),
            ([&pe[..], b"/rustc/0123456789abcdef0123456789abcdef01234567/library"].concat(), None),
            (with(b"MZ", 0x44), None),
            (coff, Some("COFF object")),
            (b"\t.file\t\"a.c\"\n\t.ident\t\"GCC: (Debian 12) 12.2.0\"\n".to_vec(), Some(ASSEMBLY)),
            (b"pub const X: &str = \"GCC: (Debian)\";".to_vec(), None),
            (b"\x7fEL".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(foreign(&bytes), kind, "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn what_rustc_made_is_its_own_also_in_an_archive() {
        let real = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!((kind(&real), foreign(&real)), (Some(PROGRAM), None));
        // Two members: the empty metadata of a Rust library, and bytes that are not code.
        let member = |name: &str, data: &str| {
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{data}", 0, 0, 0, 644, data.len())
        };
        let archive = |name: &str, data: &str| {
            format!("!<arch>\n{}{}", member(&format!("{name}/"), data), member("x/", "text"))
        };
        assert_eq!(foreign(archive("lib.rmeta", "\u{7f}ELF______________").as_bytes()), None);
        assert_eq!(foreign(archive("a.o", "\u{7f}ELF______________").as_bytes()), Some(ARCHIVE));
    }
}
