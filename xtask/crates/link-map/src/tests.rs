//! Tests with maps of each linker, small and damaged ones, and with records of links.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::map::MappedSection;
use super::wasm::{WasmFault, WasmItem};
use super::*;

/// LLD's map of a program from two objects and an archive.
const LLD: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
             2e0              2e0       1c     1 .interp
             2e0              2e0       1c     1         <internal>:(.interp)
            1400             1400       70    16 .text
            1400             1400       20    16         /w/a b.o:(.text)
            1400             1400       20     1                 main
            1420             1420       30    16         /w/lib (old)/libz.a(crc(1).o):(.text.crc32)
            1450             1450       20     4         /w/libz.a(crc.o):(.text.crc32)
            1460             1460       10     1         . = ALIGN ( 0x10 )
            3000             3000        8     8 .bss
            3000             3000        8     8         /w/libz.a(crc.o):(COMMON)
               0                0       44     1 .debug_info
               0                0       20     1         /w/a b.o:(.debug_info)
              20               20       24     1         /w/unused.o:(.debug_info)
";

/// mold's map of the same program.
const MOLD: &str = "\
               VMA       Size Align Out     In      Symbol
                 0         64     8 EHDR
             0x2e0         28     1 .interp
            0x1400        112    16 .text
            0x1400         32    16         /w/a b.o:(.text)
            0x1400          0     0                 main
            0x1420         48    16         /w/lib (old)/libz.a(crc(1).o):(.text.crc32)
            0x1450         32     4         /w/libz.a(crc.o):(.text.crc32)
            0x3000          8     8 .bss
            0x3000          8     8         /w/libz.a(crc.o):(COMMON)
                 0         68     1 .debug_info
                 0         32     1         /w/a b.o:(.debug_info)
";

/// GNU ld's map of the same program, with discarded inputs and entries of its script.
const GNU: &str = "\
Archive member included to satisfy reference by file (symbol)

/w/libz.a(crc.o)              /w/a b.o (crc32)

Discarded input sections

 .text          0x0000000000000000      0x999 /w/unused.o

Memory Configuration

Name             Origin             Length             Attributes
*default*        0x0000000000000000 0xffffffffffffffff

Linker script and memory map

LOAD /w/a b.o
START GROUP
LOAD /w/libz.a
END GROUP
                [!provide]                        PROVIDE (__executable_start = SEGMENT_START (\"text-segment\", 0x0))

.interp         0x00000000000002e0       0x1c
 *(.interp)

.hash
 *(.hash)

.text           0x0000000000001400       0x70
 *(.text.unlikely .text.*_unlikely .text.unlikely.*)
 *fill*         0x0000000000001400        0x3 9090
 .text          0x0000000000001400       0x20 /w/a b.o
                0x0000000000001400                main
 .text.of_a_long_name
                0x0000000000001420       0x30 /w/lib (old)/libz.a(crc(1).o)
                                         0x40 (size before relaxing)
                0x0000000000001420                crc32
 .text          0x0000000000001450       0x20 /w/libz.a(crc.o)

.bss            0x0000000000003000        0x8
 COMMON         0x0000000000003000        0x8 /w/libz.a(crc.o)
                0x0000000000003000                . = ALIGN (0x8)

.a_section_of_a_long_name
                0x0000000000000000       0x44
 .debug_info    0x0000000000000000       0x20 /w/a b.o
 .debug_info    0x0000000000000020       0x24 /w/unused.o
OUTPUT(/w/program elf64-x86-64)
";

/// LLD's map of a WebAssembly module.
const WASM: &str = "\
    Addr      Off     Size Out     In      Symbol
       -        8       9f TYPE
       -       a7      1fd IMPORT
       0        0        0         __stack_pointer
       -      4a8     fb1e CODE
       -      4aa        3         <internal>:(__wasm_call_ctors)
       -      4ad       20         /w/a b.o:(main)
       -      4ad       20                 main
       -      4cd       50         /w/libz.a(crc.o):(crc32)
       -     ffc6     2e81 DATA
  100000     ffc7     2e48 .rodata
  100000     ffd0       10         /w/libz.a(crc.o):(.rodata..L.str)
  102e80     ffc6     1398 .bss
  102e80        0        8         /w/libz.a(crc.o):(.bss.table)
       -    12e47       44 CUSTOM(.debug_info)
";

/// GNU ld's map of a Windows program.
const GNU_OF_WINDOWS: &str = "\
Linker script and memory map

LOAD a.o
LOAD libz.a

.text           0x0000000140001000     0x1800
 *(.init)
 .text          0x0000000140001530       0x40 a.o
                0x0000000140001530                main
 .text          0x0000000140001570       0x10 libz.a(crc.o)
                0x0000000140001570                crc
                0x00000001400027b0        0x4 LONG 0xffffffffffffffff

.rdata          0x0000000140004000      0x800
 .rdata$zzz     0x0000000140004530       0x20 a.o

.bss            0x0000000140007000      0x1e0
 .bss           0x0000000140007040       0x40 a.o

.idata          0x0000000140008000      0x600
 SORT_BY_NAME(*)(SORT_BY_NAME(.idata$2))
 .idata$2       0x0000000140008000       0x14 /lib/libkernel32.a(libkernel32h.o)
 SORT_BY_NAME(*)(SORT_BY_NAME(.idata$3))
                0x0000000140008028        0x4 LONG 0x0
                0x000000014000802c        0x4 LONG 0x0

.reloc          0x000000014000b000      0x200
 .reloc         0x000000014000b000       0xa4 dll stuff

.debug_info     0x000000014000c000      0x200
 .debug_info    0x000000014000c000      0x1f4 a.o
";

/// lld-link's map of a program with an object of an archive.
const LLD_LINK: &str = "\
Address  Size     Align Out     In      Symbol
00001000 00049cf6  4096 .text
00001000 00000151    16         az.o:(.text)
00001000 00000000     0                 main
00001560 0000008d    16         crcz.o:(.text)
0004e000 00000020    16         crcz.o:(.data)
";

#[test]
fn maps_of_windows_programs() {
    let share = |bytes, zeroed| InputShare { bytes, zeroed };
    let map = LinkMap::read(GNU_OF_WINDOWS.as_bytes()).unwrap();
    let inputs: Vec<_> = map.inputs.iter().map(|(name, share)| (name.as_str(), *share)).collect();
    let expected = [
        ("/lib/libkernel32.a(libkernel32h.o)", share(0x14, 0)),
        (map::LINKERS_OWN, share(0xa4, 0)),
        ("a.o", share(0x60, 0x40)),
        ("libz.a(crc.o)", share(0x10, 0)),
    ];
    assert_eq!(inputs, expected);
    // Two archives have an object of this name, and the size of a section tells which one it is.
    let dir = tempfile::tempdir().unwrap();
    let archives = [("libzz.a", 0x8d), ("liby.a", 0x90)].map(|(name, size)| {
        let path = dir.path().join(name);
        std::fs::write(&path, archive(&[("crcz.o", coff(&[(".text", vec![0x90; size])]))])).unwrap();
        path
    });
    let mut map = LinkMap::read(LLD_LINK.as_bytes()).unwrap();
    assert_eq!(map.format, MapFormat::LldLink);
    map.locate(&[vec!["az.o".into()], archives.to_vec()].concat());
    let member = |at: usize| format!("{}(crcz.o)", archives[at].display());
    assert_eq!(map.inputs["az.o"], share(0x151, 0));
    // Neither has this section, so both count.
    assert_eq!((map.inputs[&member(0)], map.inputs[&member(1)]), (share(0xad, 0), share(0x20, 0)));
    // An input that nothing contains keeps its name.
    let mut map = LinkMap::read(LLD_LINK.as_bytes()).unwrap();
    map.locate(&[]);
    assert_eq!(map.inputs["crcz.o"], share(0xad, 0));
}

/// Makes a COFF object for x86_64 with these sections.
fn coff(sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    // Names of more than eight bytes stand behind the symbols, of which there are none.
    let mut names = vec![0; 4];
    let mut headers = Vec::new();
    let mut data = Vec::new();
    let begin = 20 + 40 * sections.len();
    for (name, content) in sections {
        let mut header = [0; 40];
        let field = match name.len() {
            0..=8 => (*name).to_owned(),
            _ => format!("/{}", names.len()),
        };
        if name.len() > 8 {
            names.extend([name.as_bytes(), b"\0"].concat());
        }
        header[..field.len()].copy_from_slice(field.as_bytes());
        header[16..20].copy_from_slice(&(content.len() as u32).to_le_bytes());
        header[20..24].copy_from_slice(&((begin + data.len()) as u32).to_le_bytes());
        data.extend(content);
        headers.extend(header);
    }
    let length = names.len() as u32;
    names[..4].copy_from_slice(&length.to_le_bytes());
    let mut bytes = [&[0x64, 0x86, sections.len() as u8, 0][..], &[0; 16]].concat();
    bytes[8..12].copy_from_slice(&((begin + data.len()) as u32).to_le_bytes());
    [bytes, headers, data, names].concat()
}

#[test]
fn objects_of_windows_say_who_made_them() {
    let of = |sections: &[(&str, Vec<u8>)]| ObjectNotes::of(&coff(sections)[..]);
    let gcc = of(&[(".text", vec![0xc3]), (".rdata$zzz", b"GCC: (GNU) 12-win32\0\0".to_vec())]);
    assert_eq!((gcc.makers, gcc.import), (vec!["GCC: (GNU) 12-win32".to_owned()], false));
    // The record that rustc writes: flags, machine, two versions of four numbers, and the name.
    let name = b"clang LLVM (rustc version 1.95.0 (59807616e 2026-04-14))\0";
    let record = [&[0x3c, 0x11, 0x15, 0, 0, 0, 0xd0, 0][..], &[0; 16], name].concat();
    let symbols = [&(record.len() as u16).to_le_bytes()[..], &record].concat();
    let part = [&0xf1_u32.to_le_bytes()[..], &(symbols.len() as u32).to_le_bytes(), &symbols].concat();
    let rust = of(&[(".debug$S", [&4_u32.to_le_bytes()[..], &part].concat())]);
    assert_eq!(rust.makers, [RUST]);
    assert!(rust.is_rust());
    let jump = b"\xff\x25\0\0\0\0\x90\x90".to_vec();
    let entry = [(".text", jump), (".idata$5", vec![0; 8]), (".idata$6", b"\0\0ProcessPrng\0".to_vec())];
    assert!(of(&entry).import);
    for more in [(".text", vec![0x31, 0xc0, 0xc3]), (".data", vec![1])] {
        assert!(!of(&[&entry[1..], &[more]].concat()).import);
    }
    assert!(ObjectNotes::of(&b"\0\0\xff\xff\0\0\x64\x86\0\0\0\0\x0a\0\0\0\0\0\0\0f\0foo.dll\0"[..]).import);
}

/// Checks the content that all four maps have in common.
fn says(map: &LinkMap) {
    let share = |bytes, zeroed| InputShare { bytes, zeroed };
    let inputs = map.inputs.iter().filter(|(name, _)| *name != map::LINKERS_OWN);
    let inputs: Vec<(&str, InputShare)> = inputs.map(|(name, share)| (name.as_str(), *share)).collect();
    let expected = [
        ("/w/a b.o", share(0x20, 0)),
        ("/w/lib (old)/libz.a(crc(1).o)", share(0x30, 0)),
        ("/w/libz.a(crc.o)", share(0x20, 8)),
    ];
    assert_eq!(inputs, expected, "{:?}", map.format);
    let loaded: Vec<_> = map.sections.iter().filter(|section| section.address != 0).collect();
    let section = |name: &str, address, size| MappedSection { name: name.into(), address, size };
    let expected =
        [section(".interp", 0x2e0, 0x1c), section(".text", 0x1400, 0x70), section(".bss", 0x3000, 8)];
    assert_eq!(loaded, expected.iter().collect::<Vec<_>>(), "{:?}", map.format);
}

#[test]
fn a_map_of_each_linker() {
    let gold = GNU.replace("Linker script and memory map", "Memory map").replace(" *fill* ", " ** fill ");
    let printed = format!("a word of the driver\n{LLD}");
    for (text, format) in [
        (LLD, MapFormat::Lld),
        (printed.as_str(), MapFormat::Lld),
        (MOLD, MapFormat::Mold),
        (GNU, MapFormat::Gnu),
        (gold.as_str(), MapFormat::Gold),
    ] {
        let map = LinkMap::read(text.as_bytes()).unwrap();
        assert_eq!(map.format, format);
        says(&map);
        says(&LinkMap::read(text.replace('\n', "\r\n").as_bytes()).unwrap());
    }
    let map = LinkMap::read(WASM.as_bytes()).unwrap();
    assert_eq!(map.format, MapFormat::WasmLld);
    let share = |bytes, zeroed| InputShare { bytes, zeroed };
    assert_eq!((map.inputs["/w/a b.o"], map.inputs["/w/libz.a(crc.o)"]), (share(0x20, 0), share(0x60, 8)));
    let code = MappedSection { name: "CODE".into(), address: 0x4a8, size: 0xfb1e };
    assert!(map.inputs.len() == 3 && map.sections.contains(&code), "{map:?}");
    for text in ["", "no map", "Memory Configuration\n", "VMA LMA"] {
        assert_eq!(LinkMap::read(text.as_bytes()), None, "{text}");
    }
}

/// Generates pieces of maps, which are combined to almost valid maps.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let whole = [LLD, MOLD, GNU, WASM, GNU_OF_WINDOWS, LLD_LINK]
        .map(|text| text.lines().map(|line| format!("{line}\n").into_bytes()).collect::<Vec<_>>());
    prop_oneof![
        4 => proptest::sample::select(whole.concat()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => proptest::sample::select(vec![b" ".to_vec(), b"        ".to_vec(), b"0x".to_vec(), b":(".to_vec(), b"ffffffffffffffff ".to_vec()]),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_a_map_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = LinkMap::read(&bytes);
        let _ = ObjectNotes::of(&bytes[..]);
        let _ = LinkRecord::from_json(&bytes);
    }

    #[test]
    fn what_looks_like_a_map_is_read(pieces in proptest::collection::vec(piece(), 0..40)) {
        if let Some(map) = LinkMap::read(&pieces.concat()) {
            // An input is only counted in a section that is loaded.
            prop_assert!(map.inputs.is_empty() || map.sections.iter().any(|section| section.address != 0));
        }
    }

    #[test]
    fn damaged_objects_have_notes(at in 0_usize..4096, byte: u8, end in 0_usize..4096) {
        let mut bytes = object("GCC: (Debian) 12.2.0");
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(end);
        let _ = ObjectNotes::of(&bytes[..]);
    }

    #[test]
    fn damaged_modules_are_read_or_refused(at in 0_usize..200, byte: u8, end in 8_usize..200) {
        let mut bytes = module();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(end);
        if let Ok(module) = wasm::WasmModule::parse(&bytes) {
            let _ = (module.signatures(), module.imports(), module.exports(), module.functions(), module.makers());
        }
    }
}

/// Makes a small ELF object with this text in its `.comment`.
fn object(comment: &str) -> Vec<u8> {
    let names = b"\0.comment\0.shstrtab\0";
    let comment = [b"\0", comment.as_bytes(), b"\0"].concat();
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\x3e\0\x01\0\0\0".to_vec();
    bytes.resize(64, 0);
    bytes.extend_from_slice(names);
    bytes.extend_from_slice(&comment);
    let sections = bytes.len();
    bytes[40..48].copy_from_slice(&(sections as u64).to_le_bytes());
    bytes[52..54].copy_from_slice(&64_u16.to_le_bytes());
    bytes[58..64].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
    let mut section = |name: u32, kind: u32, offset: usize, size: usize| {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&name.to_le_bytes());
        header[4..8].copy_from_slice(&kind.to_le_bytes());
        header[24..32].copy_from_slice(&(offset as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(size as u64).to_le_bytes());
        bytes.extend_from_slice(&header);
    };
    section(0, 0, 0, 0);
    section(1, 1, 64 + names.len(), comment.len());
    section(10, 3, 64, names.len());
    bytes
}

fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, data) in members {
        let header =
            format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", format!("{name}/"), 0, 0, 0, 644, data.len());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

const RUST: &str = "rustc version 1.95.0 (59807616e 2026-04-14)";
const GCC: &str = "GCC: (Debian 12.2.0-14) 12.2.0";

#[test]
fn objects_say_who_made_them() {
    let of = |bytes: &[u8]| ObjectNotes::of(bytes);
    let rust = of(&object(RUST));
    assert_eq!((rust.machine, rust.makers.as_slice()), (Some(62), &[RUST.to_owned()][..]));
    assert!(rust.is_rust());
    assert_eq!(of(&object(GCC)).makers, [GCC]);
    // Assembly of a C compiler that was included in an object of rustc.
    assert!(!of(&object(&format!("{RUST}\0{GCC}"))).is_rust());
    assert!(!of(&object("")).is_rust());
    assert_eq!(of(b"BC\xc0\xde..rustc version 1.95.0 (59).").makers, ["rustc version 1.95.0"]);
    assert_eq!(of(b"BC\xc0\xde..Debian clang version 14.0.6x").makers, ["clang version 14.0.6"]);
    assert!(!of(b"BC\xc0\xde....").is_rust() && !of(b"BC\xc0\xde....").makers.is_empty());
}

#[test]
fn arguments_of_both_spellings() {
    let of = |line: &str| {
        LinkArguments::of(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), Path::new("/w"))
    };
    let driver = of(
        "-m64 a.o -Wl,-Bstatic -lfoo -L /x -Lsub -Wl,-L,/y,-Map=m,b.o -o out -Xlinker -Map -Xlinker n -z now",
    );
    let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
    assert_eq!(driver.folders, paths(&["/x", "/w/sub", "/y"]));
    assert_eq!(driver.libraries, ["foo"]);
    assert_eq!(driver.files, paths(&["/w/a.o", "/w/b.o"]));
    assert_eq!((driver.output, driver.map), (Some("/w/out".into()), Some("/w/n".into())));
    let linker = of("-flavor gnu -L/x -l:libz.a --library=m -Mapped -Map /m a.o -o /out");
    assert_eq!(linker.libraries, [":libz.a", "m"]);
    assert_eq!(linker.map, Some("/m".into()));
    assert_eq!(of("-L").folders, [PathBuf::from("/w/")]);
}

/// Makes a record of a link in a folder, with an archive of C, objects of Rust and the system's files.
fn record(dir: &Path) -> LinkRecord {
    std::fs::write(dir.join("a.o"), object(RUST)).unwrap();
    let members = [("m.o", object(RUST)), ("c.o", object(GCC)), ("lib.rmeta", Vec::new())];
    std::fs::write(dir.join("libdep.rlib"), archive(&members)).unwrap();
    let row = |size: u64, name: &str| format!(" 1000 1000 {size:x} 1         {name}:(.text)\n");
    let text = [
        " VMA LMA Size Align Out In Symbol\n 1000 1000 99 1 .text\n".to_owned(),
        row(0x10, "a.o"),
        row(0x20, "libdep.rlib(m.o)"),
        row(0x30, "libdep.rlib(c.o)"),
        row(0x40, "gone/libx.a(y.o)"),
        row(0x50, "/std/lib/libstd.rlib(s.o)"),
        row(0x60, "/std/lib/self-contained/libc.a(puts.o)"),
        row(0x70, "/usr/lib/crti.o"),
        row(0x80, "/usr/lib/libc_nonshared.a(at.o)"),
        row(0x90, "/own/libgcc.a(at.o)"),
    ];
    let map = LinkMap::read(text.concat().as_bytes()).unwrap();
    let args = ["a.o", "libdep.rlib", "-L", "/own", "-L", "/usr/lib", "-o", "out"].map(str::to_owned);
    LinkRecord::new(LinkArguments::of(&args, dir), &map, dir)
}

#[test]
fn every_byte_has_an_account() {
    let dir = tempfile::tempdir().unwrap();
    let record = record(dir.path());
    assert_eq!(LinkRecord::from_json(&record.to_json().unwrap()), Some(record.clone()));
    let account = LinkAccount::of(&record, &["/std/lib".into()]);
    assert_eq!((account.rust, account.std, account.c_library), (0x30, 0x50, 0x60 + 0x70 + 0x80));
    let foreign: Vec<_> = account.foreign.iter().map(|file| (file.path.clone(), file.bytes())).collect();
    // Foreign are also files that cannot be read, and a runtime library from a user's own folder.
    let expected = [
        (PathBuf::from("/own/libgcc.a"), 0x90),
        (dir.path().join("gone/libx.a"), 0x40),
        (dir.path().join("libdep.rlib"), 0x30),
    ];
    let mut sorted = expected.to_vec();
    sorted.sort();
    assert_eq!(foreign, sorted);
    let in_rlib = account.foreign.iter().find(|file| file.path.ends_with("libdep.rlib")).unwrap();
    assert_eq!(in_rlib.objects[0].member.as_deref(), Some("c.o"));
    assert_eq!(in_rlib.makers(), [GCC].into());
    assert!(!account.is_pure());
    assert_eq!(account.foreign_bytes(), 0x90 + 0x40 + 0x30);
}

#[test]
fn shared_libraries_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = record(dir.path());
    record.files.clear();
    let library = |name: &str, maker: &str| SharedLibrary {
        path: dir.path().join(name),
        name: name.into(),
        notes: ObjectNotes::of(&object(maker)[..]),
    };
    record.needed = ["libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "libours.so", "libz.so.1", "libq.so"]
        .map(str::to_owned)
        .to_vec();
    record.shared = vec![library("libours.so", &format!("{GCC}\0{RUST}")), library("libz.so.1", GCC)];
    let account = LinkAccount::of(&record, &[]);
    let names: Vec<_> = account.shared.iter().map(|l| (l.name.as_str(), l.found.is_some())).collect();
    assert_eq!(names, [("libz.so.1", true), ("libq.so", false)]);
    assert!(!account.is_pure());
}

/// A module with one import, one export and the name of its compiler.
fn module() -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    let mut section = |id: u8, content: &[u8]| {
        bytes.extend([id, content.len() as u8]);
        bytes.extend(content);
    };
    section(1, b"\x01\x60\x02\x7f\x7e\x01\x7f");
    section(2, b"\x02\x03env\x03foo\0\0\x03env\x06memory\x02\x01\x01\x02");
    section(7, b"\x01\x06_start\0\x01");
    section(0, b"\x09producers\x01\x0cprocessed-by\x01\x05rustc\x061.95.0");
    bytes
}

#[test]
fn what_a_module_says() {
    let bytes = module();
    let module = wasm::WasmModule::parse(&bytes).unwrap();
    let types = module.signatures().unwrap();
    assert_eq!((types[0].parameters, types[0].results), (&b"\x7f\x7e"[..], &b"\x7f"[..]));
    let imports = module.imports().unwrap();
    assert_eq!((imports[0].module, imports[0].name, imports[0].kind), ("env", "foo", WasmItem::Function(0)));
    assert_eq!(imports[1].kind, WasmItem::Memory);
    assert_eq!(module.exports().unwrap()[0].kind, WasmItem::Function(1));
    assert!(module.functions().unwrap().is_empty());
    let end = module.sections.last().unwrap();
    assert_eq!((end.offset + end.size, end.name), (bytes.len() as u64, "producers"));
    let notes = ObjectNotes::of(&bytes[..]);
    assert!(notes.makers == ["rustc version 1.95.0"] && notes.is_rust());
}

#[test]
fn what_is_no_module() {
    let fault = |bytes: &[u8]| wasm::WasmModule::parse(bytes).unwrap_err();
    assert_eq!(fault(b"MZ"), WasmFault::NotWasm);
    assert_eq!(fault(b"\0asm\x0d\0\x01\0"), WasmFault::Component);
    assert_eq!(fault(b"\0asm\x02\0\0\0"), WasmFault::Version(2));
    let whole = module();
    let ends = [8, 17, 45, 57, whole.len()];
    for end in 4..whole.len() {
        assert_eq!(wasm::WasmModule::parse(&whole[..end]).is_ok(), ends.contains(&end), "{end}");
    }
}
