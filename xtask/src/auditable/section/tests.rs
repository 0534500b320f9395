use object::{Object, ObjectSection, ObjectSegment};

use super::*;

const NAME: &str = ".dep-v0";
const LIST: &[u8] = b"not zlib, but bytes";

/// A class and a byte order of ELF.
#[derive(Debug, Clone, Copy)]
struct ElfVariant {
    wide: bool,
    big: bool,
}

const VARIANTS: [ElfVariant; 4] = [
    ElfVariant { wide: false, big: false },
    ElfVariant { wide: false, big: true },
    ElfVariant { wide: true, big: false },
    ElfVariant { wide: true, big: true },
];

impl ElfVariant {
    fn number(self, size: usize, number: u64) -> Vec<u8> {
        if self.big {
            number.to_be_bytes()[8 - size..].to_vec()
        } else {
            number.to_le_bytes()[..size].to_vec()
        }
    }

    fn word(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// The length of the ELF header, of a program header and of a section header.
    fn lengths(self) -> [u64; 3] {
        if self.wide { [64, 56, 64] } else { [52, 32, 40] }
    }

    /// A section header: name, type, flags, offset, size.
    fn section(self, [name, kind, flags, at, size]: [u64; 5]) -> Vec<u8> {
        let word = self.word();
        let fields = [(4, name), (4, kind), (word, flags), (word, 0), (word, at), (word, size)];
        let more = [(4, 0), (4, 0), (word, 1), (word, 0)];
        fields.into_iter().chain(more).flat_map(|(size, number)| self.number(size, number)).collect()
    }

    /// A program with one segment and the sections `.text` and `.shstrtab`, the names of sections first or last, and `rest`
    /// behind everything.
    fn program(self, names_last: bool, rest: &[u8]) -> Vec<u8> {
        let ([header, segment, _], word) = (self.lengths(), self.word());
        let (code, names) = (b"code".as_slice(), b"\0.text\0.shstrtab\0".as_slice());
        let begin = header + segment;
        let parts = if names_last { [code, names] } else { [names, code] };
        let second = begin + parts[0].len() as u64;
        let (code_at, names_at) = if names_last { (begin, second) } else { (second, begin) };
        let headers_at = (second + parts[1].len() as u64).next_multiple_of(8);

        let mut bytes = b"\x7fELF".to_vec();
        bytes.extend([if self.wide { 2 } else { 1 }, if self.big { 2 } else { 1 }, 1]);
        bytes.resize(16, 0);
        // A program for no machine that is known, version 1, without an entry.
        for (size, number) in [(2, 2), (2, 0), (4, 1), (word, 0), (word, header), (word, headers_at), (4, 0)]
        {
            bytes.extend(self.number(size, number));
        }
        let [header_size, segment_size, section_size] = self.lengths();
        for number in [header_size, segment_size, 1, section_size, 3, 2] {
            bytes.extend(self.number(2, number));
        }
        let (size, at) = (code.len() as u64, code_at);
        let segment = match self.wide {
            true => vec![(4, 1), (4, 5), (8, at), (8, at), (8, at), (8, size), (8, size), (8, 1)],
            false => vec![(4, 1), (4, at), (4, at), (4, at), (4, size), (4, size), (4, 5), (4, 1)],
        };
        bytes.extend(segment.into_iter().flat_map(|(size, number)| self.number(size, number)));
        bytes.extend(parts.concat());
        bytes.resize(headers_at as usize, 0);
        bytes.extend(self.section([0, 0, 0, 0, 0]));
        bytes.extend(self.section([1, 1, 6, code_at, code.len() as u64]));
        bytes.extend(self.section([7, 3, 0, names_at, names.len() as u64]));
        bytes.extend(rest);
        bytes
    }
}

/// Everything that two readers say of a program that got the list, beside the program without it.
fn check(before: &[u8], after: &[u8]) {
    assert_eq!(auditable_extract::raw_auditable_data(after).unwrap(), LIST);
    let (old, new) = (object::File::parse(before).unwrap(), object::File::parse(after).unwrap());
    let mut sections: Vec<_> = new.sections().collect();
    let list = sections.remove(sections.len() - 1);
    assert_eq!((list.name(), list.data(), list.align()), (Ok(NAME), Ok(LIST), 1));
    assert_eq!((list.address(), list.size()), (0, LIST.len() as u64));
    let object::SectionFlags::Elf { sh_flags, .. } = list.flags() else { panic!("{list:?}") };
    assert_eq!(sh_flags.0, 0, "the section is not loaded");
    let said = |section: &object::Section<'_, '_>| {
        let name = section.name().unwrap().to_owned();
        let data = section.data().unwrap().to_vec();
        let names = name == ".shstrtab";
        (name, section.address(), section.flags(), if names { Vec::new() } else { data })
    };
    let old_sections: Vec<_> = old.sections().map(|section| said(&section)).collect();
    assert_eq!(old_sections, sections.iter().map(said).collect::<Vec<_>>());
    for (one, other) in old.segments().zip(new.segments()) {
        assert_eq!((one.address(), one.file_range()), (other.address(), other.file_range()));
        assert_eq!(one.data().unwrap().len(), other.data().unwrap().len());
    }
    assert_eq!((old.entry(), old.kind()), (new.entry(), new.kind()));
}

#[test]
fn every_class_and_byte_order_takes_it() {
    for variant in VARIANTS {
        for (names_last, rest) in [(true, b"".as_slice()), (false, b""), (true, b"rest"), (false, b"rest")] {
            let before = variant.program(names_last, rest);
            let after = append(&before, NAME, LIST).unwrap_or_else(|e| panic!("{variant:?}: {e}"));
            check(&before, &after);
            assert_eq!(after, append(&before, NAME, LIST).unwrap());
            let kept = after.windows(rest.len().max(1)).any(|w| w == rest);
            assert!(rest.is_empty() || kept, "bytes that no header describes stay");
            // What is written again does not stay as well.
            let header = variant.lengths()[2] as usize;
            let dead = if rest.is_empty() { 0 } else { 4 * header };
            let most = before.len() + LIST.len() + header + NAME.len() + 32 + dead;
            assert!(after.len() <= most, "{variant:?} {names_last}: {} of {most}", after.len());
            assert_eq!(append(&after, NAME, LIST), Err(SectionRefusal::Taken(NAME.to_owned())));
            // A second one of another name, and none at all.
            append(&after, ".other", b"").unwrap();
        }
    }
}

#[test]
fn a_real_program_keeps_every_byte_that_is_loaded() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    if matches!(FileKind::parse(&own[..]), Ok(FileKind::Elf64 | FileKind::Elf32)) {
        let after = append(&own, NAME, LIST).unwrap();
        check(&own, &after);
        let grown = after.len() - own.len();
        assert!(grown < 8 << 10, "{grown} bytes for {}", LIST.len());
    }
}

#[test]
fn a_module_has_it_as_a_custom_section() {
    // A section of 300 bytes needs a length of two bytes.
    let (module, list) = (b"\0asm\x01\0\0\0\x0a\x01\0".as_slice(), [7; 300]);
    let after = append(module, NAME, &list).unwrap();
    assert!(after.starts_with(module));
    let read = WasmModule::parse(&after).unwrap();
    let [code, added] = read.sections.as_slice() else { panic!("{read:?}") };
    assert_eq!((code.id, added.id, added.name, added.content), (10, CUSTOM, NAME, list.as_slice()));
    assert_eq!(append(&after, NAME, &list), Err(SectionRefusal::Taken(NAME.to_owned())));
    assert!(matches!(append(&module[..9], NAME, &list), Err(SectionRefusal::Wasm(WasmFault::Damaged(_)))));
}

#[test]
fn what_cannot_take_it_says_why() {
    for bytes in [b"".as_slice(), b"\x7fELF", b"MZ and more than sixteen", b"#!/bin/sh\nexit 0 # long enough"]
    {
        assert_eq!(append(bytes, NAME, LIST), Err(SectionRefusal::OtherFormat));
    }
    for variant in VARIANTS {
        let whole = variant.program(true, b"");
        let fields = if variant.wide { &OF_64 } else { &OF_32 };
        let with = |at: usize, size: usize, number: u64| {
            let mut bytes = whole.clone();
            bytes[at..at + size].copy_from_slice(&variant.number(size, number));
            append(&bytes, NAME, LIST).unwrap_err()
        };
        let (headers, count) = (fields.headers_at, fields.headers_count);
        assert_eq!(with(headers, fields.word, 0), SectionRefusal::NoSections);
        assert!(matches!(with(headers, fields.word, 1 << 20), SectionRefusal::Damaged(_)));
        assert!(matches!(with(count, 2, 60_000), SectionRefusal::Damaged(_)));
        // The field behind the count is the number of the section with the names.
        assert_eq!(with(count + 2, 2, 0), SectionRefusal::NoSections);
        assert!(matches!(with(count + 2, 2, 3), SectionRefusal::Damaged(_)));
        let text = whole.len() - 2 * fields.entry;
        assert!(matches!(with(text + fields.entry_size, fields.word, 1 << 20), SectionRefusal::Damaged(_)));
        assert!(matches!(
            with(text + fields.entry_at, fields.word, u32::MAX.into()),
            SectionRefusal::Damaged(_)
        ));
    }
    assert!(SectionRefusal::Full.to_string().contains("one more section"));
}

/// 65,279 sections are the most that the field of their count holds by itself.
#[test]
fn a_count_that_does_not_fit_is_refused() {
    let variant = ElfVariant { wide: true, big: false };
    let mut bytes = variant.program(true, b"");
    let entry = OF_64.entry;
    let headers = bytes.len() - 3 * entry;
    let table = bytes.split_off(headers);
    bytes.extend(&table);
    for _ in 3..SECTIONS_MAX - 1 {
        bytes.extend(&table[..entry]);
    }
    let at = OF_64.headers_count;
    bytes[at..at + 2].copy_from_slice(&(SECTIONS_MAX as u16 - 1).to_le_bytes());
    assert_eq!(append(&bytes, NAME, LIST), Err(SectionRefusal::Full));
    bytes.truncate(bytes.len() - entry);
    bytes[at..at + 2].copy_from_slice(&(SECTIONS_MAX as u16 - 2).to_le_bytes());
    check(&bytes, &append(&bytes, NAME, LIST).unwrap());
}

#[test]
fn damage_is_an_error_or_a_whole_file_and_never_a_panic() {
    let judge = |bytes: &[u8]| {
        if let Ok(after) = append(bytes, NAME, LIST) {
            assert_eq!(auditable_extract::raw_auditable_data(&after).ok(), Some(LIST));
        }
    };
    for variant in VARIANTS {
        for names_last in [true, false] {
            let whole = variant.program(names_last, b"");
            (0..whole.len()).for_each(|end| judge(&whole[..end]));
            for at in 0..whole.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bytes = whole.clone();
                    bytes[at] = value;
                    judge(&bytes);
                    // A whole field of such bytes.
                    let end = (at + 8).min(whole.len());
                    bytes[at..end].fill(value);
                    judge(&bytes);
                }
            }
        }
    }
}
