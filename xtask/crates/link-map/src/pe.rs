//! Reads Windows programs, and the objects that are linked to them. gcc writes its name into the constants of an
//! object, and LLVM into its debug information.

use std::fs::File;
use std::path::Path;

use object::pe::{AnonObjectHeaderBigobj, ImageFileHeader};
use object::read::coff::{CoffFile, CoffHeader, ImportFile};
use object::read::pe::PeFile64;
use object::{Object, ObjectSection, ReadCache, ReadRef};

use super::notes::ObjectNotes;
use super::record::{LoadedSection, ProgramSections};

/// The libraries that every Windows 10 contains and that programs import, without the extension. The names are sorted.
const OF_WINDOWS: [&str; 101] = [
    "activeds",
    "advapi32",
    "authz",
    "avicap32",
    "avifil32",
    "avrt",
    "bcrypt",
    "bcryptprimitives",
    "bluetoothapis",
    "bthprops",
    "cabinet",
    "cfgmgr32",
    "combase",
    "comctl32",
    "comdlg32",
    "credui",
    "crypt32",
    "cryptnet",
    "cryptui",
    "d2d1",
    "d3d10",
    "d3d10_1",
    "d3d11",
    "d3d12",
    "d3d9",
    "d3dcompiler_47",
    "dbgeng",
    "dbghelp",
    "dcomp",
    "ddraw",
    "dhcpcsvc",
    "dinput8",
    "dnsapi",
    "dsound",
    "dwmapi",
    "dwrite",
    "dxgi",
    "dxva2",
    "esent",
    "evr",
    "fltlib",
    "fwpuclnt",
    "gdi32",
    "gdiplus",
    "glu32",
    "hid",
    "httpapi",
    "imagehlp",
    "imm32",
    "iphlpapi",
    "kernel32",
    "kernelbase",
    "ktmw32",
    "mf",
    "mfplat",
    "mfreadwrite",
    "mpr",
    "msacm32",
    "msi",
    "msimg32",
    "msvcrt",
    "mswsock",
    "ncrypt",
    "netapi32",
    "newdev",
    "normaliz",
    "ntdll",
    "ole32",
    "oleacc",
    "oleaut32",
    "opengl32",
    "pdh",
    "powrprof",
    "propsys",
    "psapi",
    "rpcrt4",
    "rstrtmgr",
    "secur32",
    "setupapi",
    "shcore",
    "shell32",
    "shlwapi",
    "sspicli",
    "ucrtbase",
    "urlmon",
    "user32",
    "userenv",
    "usp10",
    "uxtheme",
    "version",
    "wevtapi",
    "winhttp",
    "wininet",
    "winmm",
    "winspool",
    "wintrust",
    "winusb",
    "wldap32",
    "ws2_32",
    "wtsapi32",
    "xinput1_4",
];

/// Whether a library of this name is known to be a part of every Windows 10: `KERNEL32.dll`,
/// `api-ms-win-core-synch-l1-2-0.dll`.
pub fn is_windows_library(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let stem = [".dll", ".drv"].iter().find_map(|ending| lower.strip_suffix(ending)).unwrap_or(&lower);
    stem.starts_with("api-ms-win-") || stem.starts_with("ext-ms-") || OF_WINDOWS.binary_search(&stem).is_ok()
}

/// GNU ld's map has sizes with the padding to this alignment in the file, and the program has them without it.
const PADDING: u64 = 512;

/// Reads the sections and the libraries of a Windows program of 64 bits. Returns none for another file.
pub(super) fn sections(file: &Path) -> Option<ProgramSections> {
    let cache = ReadCache::new(File::open(file).ok()?);
    let program = PeFile64::parse(&cache).ok()?;
    let name = |section: &object::read::pe::PeSection64<'_, '_, _>| {
        Some(String::from_utf8_lossy(section.name_bytes().ok()?).into_owned())
    };
    let sections = program.sections().filter(|section| section.size() != 0);
    let sections: Option<Vec<LoadedSection>> = sections
        .map(|it| Some(LoadedSection(name(&it)?, it.address(), it.size().next_multiple_of(PADDING))))
        .collect();
    let libraries = program.import_libraries().ok()?;
    let needed = libraries
        .map(|it| Some(String::from_utf8_lossy(it.ok()?.name()).into_owned()))
        .collect::<Option<_>>();
    let base = program.relative_address_base();
    Some(ProgramSections { sections: sections?, needed: needed?, base, padding: PADDING })
}

/// Reads the notes of a COFF object, or of the entry of an import library. Returns none for other data.
pub(super) fn notes<'data>(data: impl ReadRef<'data>) -> Option<ObjectNotes> {
    if ImportFile::parse(data).is_ok() {
        return Some(ObjectNotes { import: true, ..ObjectNotes::default() });
    }
    match CoffFile::<_, ImageFileHeader>::parse(data) {
        Ok(object) => Some(of_object(&object)),
        // An object with more sections than a plain header can count.
        Err(_) => Some(of_object(&CoffFile::<_, AnonObjectHeaderBigobj>::parse(data).ok()?)),
    }
}

fn of_object<'data, R: ReadRef<'data>, H: CoffHeader>(object: &CoffFile<'data, R, H>) -> ObjectNotes {
    let mut notes = ObjectNotes { import: is_import(object), coff: true, ..ObjectNotes::default() };
    for section in object.sections() {
        let data = || section.data().unwrap_or_default();
        match section.name_bytes() {
            // gcc writes its name behind all other constants, so that the linker merges equal ones.
            Ok(b".rdata$zzz") => notes.add_makers(data()),
            Ok(b".debug$S") => notes.makers.extend(compilers(data())),
            _ => {}
        }
    }
    notes
}

/// Returns the compilers that debug information names. LLVM also writes it where no debug information is asked for.
/// Source: the header cvinfo.h in Microsoft's repository microsoft-pdb.
fn compilers(data: &[u8]) -> Vec<String> {
    let mut compilers = Vec::new();
    let Some(mut rest) = data.strip_prefix(&4_u32.to_le_bytes()) else { return compilers };
    while let Some((kind, content, after)) = part(rest) {
        rest = after;
        let mut records = if kind == SYMBOLS { content } else { &[] };
        while let Some((length, after)) = records.split_first_chunk::<2>() {
            let Some((record, after)) = after.split_at_checked(u16::from_le_bytes(*length).into()) else {
                break;
            };
            records = after;
            let text = record.strip_prefix(&COMPILER).and_then(|record| record.get(VERSIONS..));
            let text = text.and_then(|text| text.split(|byte| *byte == 0).next()).unwrap_or_default();
            let text = String::from_utf8_lossy(text);
            // rustc puts its name behind that of LLVM.
            let name =
                text.strip_prefix("clang LLVM (").and_then(|name| name.strip_suffix(')')).unwrap_or(&text);
            if !name.is_empty() {
                compilers.push(name.to_owned());
            }
        }
    }
    compilers
}

/// The kind of the part with symbols.
const SYMBOLS: u32 = 0xf1;

/// The kind of the record about the compiler (`S_COMPILE3`), and the length of the flags, the machine and two versions
/// before the name.
const COMPILER: [u8; 2] = 0x113c_u16.to_le_bytes();
const VERSIONS: usize = 22;

/// Returns the kind and the content of the first part of debug information, and the parts behind it.
fn part(data: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (kind, rest) = data.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (content, _) = rest.split_at_checked(length)?;
    Some((
        u32::from_le_bytes(*kind),
        content,
        rest.get(length.checked_next_multiple_of(4)?..).unwrap_or_default(),
    ))
}

/// The length of the code in an entry of an import library: a jump through the table of imports.
const JUMP_MAX: u64 = 16;

/// Whether an object is the entry of an import library: a part of the table of imports, and the jump of one function.
fn is_import<'data, R: ReadRef<'data>, H: CoffHeader>(object: &CoffFile<'data, R, H>) -> bool {
    let (mut table, mut others) = (false, false);
    for section in object.sections().filter(|section| section.size() != 0) {
        match section.name_bytes().unwrap_or_default() {
            name if name.starts_with(b".idata$") => table = true,
            b".text" if section.size() <= JUMP_MAX => others |= !is_jump(section.data().unwrap_or_default()),
            b".debug$S" => {}
            _ => others = true,
        }
    }
    table && !others
}

/// Whether code is a jump through the table of imports, with padding, or empty.
fn is_jump(code: &[u8]) -> bool {
    match code {
        // jmp qword ptr [rip + …]
        [0xff, 0x25, _, _, _, _, padding @ ..] => padding.iter().all(|byte| matches!(byte, 0x90 | 0xcc | 0)),
        // adrp x16, …; ldr x16, [x16, …]; br x16
        [0x10, _, _, page, 0x10, _, _, 0xf9, 0x00, 0x02, 0x1f, 0xd6, padding @ ..] => {
            page & 0x9f == 0x90 && padding.iter().all(|byte| *byte == 0)
        }
        code => code.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_windows() {
        assert!(OF_WINDOWS.is_sorted());
        for name in ["KERNEL32.dll", "api-ms-win-core-synch-l1-2-0.dll", "WINSPOOL.DRV", "bcryptprimitives"] {
            assert!(is_windows_library(name), "{name}");
        }
        for name in ["libfoo-1.dll", "kernel33.dll", "kernel32.dll.dll"] {
            assert!(!is_windows_library(name), "{name}");
        }
    }

    #[test]
    fn jumps_of_import_libraries() {
        assert!(is_jump(b"\xff\x25\x00\x00\x00\x00\x90\x90"));
        assert!(is_jump(b"\x10\x00\x00\x90\x10\x02\x40\xf9\x00\x02\x1f\xd6"));
        assert!(!is_jump(b"\xff\x25\x00\x00\x00\x00\xc3") && !is_jump(b"\x31\xc0\xc3"));
    }
}
