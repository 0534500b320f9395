//! Compares two builds of one program: finds the first difference and its usual cause. This is pure.
//! [`crate::commands`] builds twice, and [`sources`] makes the copy for the second build.

use std::path::{Path, PathBuf};

use object::read::elf::{ElfFile32, ElfFile64};
use object::{Endianness, Object, ObjectSection};

pub mod checkout;
pub mod inputs;
pub mod outside;
pub mod patches;
pub mod repository;
pub mod sources;

/// The first difference between two programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The section of the ELF file, with the number of its differing bytes; none if the byte is outside of
    /// every section.
    pub section: Option<(String, usize)>,
    /// The offset of the first differing byte, in its section or else in the file.
    pub offset: u64,
    /// The text around that byte in both programs, if there is text.
    pub texts: Option<(String, String)>,
    /// The usual cause of such a difference, and what to do about it.
    pub cause: String,
}

impl Difference {
    /// Returns the place of the first differing byte as text: its section, or its offset in the file.
    pub fn place(&self) -> String {
        match &self.section {
            Some((name, count)) => {
                let count = xtask_files::counted(*count as u64, "byte");
                format!("in section {name} at {:#x}, {count} of it", self.offset)
            }
            None => format!("at {:#x} of the file", self.offset),
        }
    }
}

/// Returns the first difference of two programs, or none if they are equal. The sections that explain most
/// are compared first.
pub fn compare(one: &[u8], other: &[u8]) -> Option<Difference> {
    if one == other {
        return None;
    }
    let (Some(first), Some(second)) = (sections(one), sections(other)) else {
        return Some(difference(None, one, other));
    };
    let mut names: Vec<&String> = first.iter().map(|(name, _)| name).collect();
    names.sort_by_key(|name| derived(name));
    for name in names {
        let find =
            |all: &[(String, Vec<u8>)]| all.iter().find(|(n, _)| n == name).map(|(_, bytes)| bytes.clone());
        let (Some(a), Some(b)) = (find(&first), find(&second)) else { continue };
        if a != b {
            return Some(difference(Some(name), &a, &b));
        }
    }
    Some(difference(None, one, other))
}

/// Returns how much the content of a section depends on other sections. A text of another length moves the
/// targets of code and tables, and the build ID depends on everything.
fn derived(section: &str) -> usize {
    const POINTERS: [&str; 8] =
        [".rel", ".dyn", ".gnu.", ".hash", ".eh_frame", ".got", ".data.rel.ro", ".init_array"];
    match section {
        ".note.gnu.build-id" | ".gnu_debuglink" => 3,
        name if POINTERS.iter().any(|prefix| name.starts_with(prefix)) => 2,
        ".text" | ".plt" => 1,
        _ => 0,
    }
}

/// Returns every section with content, in the order of the file, or none if it is not an ELF file.
fn sections(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    fn all<'d>(file: &impl Object<'d>) -> Vec<(String, Vec<u8>)> {
        let section = |section: &dyn Fn() -> Option<(String, Vec<u8>)>| section();
        file.sections()
            .filter_map(|s| section(&|| Some((s.name().ok()?.to_owned(), s.data().ok()?.to_vec()))))
            .filter(|(_, data)| !data.is_empty())
            .collect()
    }
    match bytes.get(4)? {
        1 => ElfFile32::<Endianness>::parse(bytes).ok().map(|file| all(&file)),
        _ => ElfFile64::<Endianness>::parse(bytes).ok().map(|file| all(&file)),
    }
}

fn difference(section: Option<&String>, one: &[u8], other: &[u8]) -> Difference {
    let at = one.iter().zip(other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
    let count = one.iter().zip(other).filter(|(a, b)| a != b).count() + one.len().abs_diff(other.len());
    let texts = text_around(one, at).zip(text_around(other, at));
    let cause = cause(section.map(String::as_str), texts.as_ref().map(|(a, b)| (a.as_str(), b.as_str())));
    Difference { section: section.map(|name| (name.clone(), count)), offset: at as u64, texts, cause }
}

/// Returns the printable text around the byte at an offset, if the text is long enough to be meaningful.
fn text_around(bytes: &[u8], at: usize) -> Option<String> {
    const LEAST: usize = 6;
    const MOST: usize = 100;
    let text = |b: &u8| b.is_ascii_graphic() || *b == b' ';
    let begin = bytes.get(..at)?.iter().rev().take(MOST).take_while(|b| text(b)).count();
    let end = bytes.get(at..)?.iter().take(MOST).take_while(|b| text(b)).count();
    (begin + end >= LEAST).then(|| String::from_utf8_lossy(&bytes[at - begin..at + end]).into_owned())
}

/// Returns the usual cause of a difference in such a place.
fn cause(section: Option<&str>, texts: Option<(&str, &str)>) -> String {
    let is_time = |text: &str| {
        let clock = text.as_bytes().windows(8).any(|w| {
            w[2] == b':' && w[5] == b':' && [0, 1, 3, 4, 6, 7].iter().all(|i| w[*i].is_ascii_digit())
        });
        let months =
            ["Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec "];
        clock || months.iter().any(|month| text.contains(month))
    };
    if let Some((one, other)) = texts {
        if is_time(one) && is_time(other) {
            return "a time of day or date: `__DATE__` or `__TIME__` in C, or a build script that writes the time; both \
                    can take it from SOURCE_DATE_EPOCH"
                .into();
        }
        let at = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        if is_stamp(one, at) && is_stamp(other, at) {
            return "a time since 1970: a build script that writes it; it can take it from SOURCE_DATE_EPOCH"
                .into();
        }
        if in_path(one, at) {
            return "a path of the build: xtask maps the paths that it knows (`--remap-path-prefix`, `-ffile-prefix-map`); this one comes from a build script, or from `env!` of `CARGO_MANIFEST_DIR` or `OUT_DIR`"
                .into();
        }
    }
    match section {
        Some(".note.gnu.build-id") => {
            "only the build ID, which the linker computes from its input: link with `-Clink-arg=-Wl,--build-id=none`"
                .into()
        }
        Some(name) if name.starts_with(".debug") || name.starts_with(".symtab") || name == ".strtab" => {
            "debug information or symbols: names that depend on a path or on the order of the build".into()
        }
        _ => "something beside the sources, in a build script or a macro: their folder, the order of its files, random numbers or the order of a hash map"
            .into(),
    }
}

/// Returns whether the byte at `at` belongs to a number with as many digits as a time since 1970. It may be
/// in seconds, milliseconds, microseconds or nanoseconds, for the years 2001 to 2286.
fn is_stamp(text: &str, at: usize) -> bool {
    let digits = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|b| b.is_ascii_digit()).count();
    let (before, after) = text.as_bytes().split_at(at.min(text.len()));
    let count = digits(&mut before.iter().rev()) + digits(&mut after.iter());
    matches!(count, 10 | 13 | 16 | 19)
}

/// Returns whether the path characters directly before `at` contain a `/`. Rust places texts side by side, so
/// the text after `at` is not considered.
fn in_path(text: &str, at: usize) -> bool {
    let path = |b: &&u8| b.is_ascii_alphanumeric() || b"/._-+@~".contains(b);
    text.as_bytes()[..at.min(text.len())].iter().rev().take_while(path).any(|b| *b == b'/')
}

/// Returns the folders of `machine` whose path is in a program, each with the first text that contains it.
/// Such a program would have other bytes if it were built elsewhere.
pub fn paths_in<'p>(program: &[u8], machine: &'p [PathBuf]) -> Vec<(&'p Path, String)> {
    let place = |path: &'p PathBuf| {
        let needle = path.as_os_str().as_encoded_bytes();
        // Every program contains a short path such as `/` or `/root` for other reasons.
        let at = program.windows(needle.len().max(6)).position(|window| window == needle)?;
        Some((path.as_path(), text_around(program, at).unwrap_or_default()))
    };
    machine.iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_is_no_difference_and_what_is_no_elf_is_compared_too() {
        assert_eq!(compare(b"abc", b"abc"), None);
        let found = compare(b"some text here", b"some tixt here!").unwrap();
        assert_eq!((found.section, found.offset), (None, 6));
        assert_eq!(found.texts, Some(("some text here".into(), "some tixt here!".into())));
    }

    #[test]
    fn causes_by_what_differs() {
        let cause_of = |one: &[u8], other: &[u8]| compare(one, other).unwrap().cause;
        assert!(cause_of(b"built 12:34:56 today", b"built 12:34:57 today").contains("__TIME__"));
        assert!(cause_of(b"Nov 20 2026", b"Nov 21 2026").contains("__DATE__"));
        assert!(cause_of(b"\0/home/one/x.c\0", b"\0/home/two/x.c\0").contains("-ffile-prefix-map"));
        // rustc puts such a stamp directly in front of the next text.
        let stamped = |stamp: &str| format!("\0built at {stamp}/rustc/59807616/library/core/src/fmt.rs\0");
        let stamps = ["1764194400123456789", "1764194499876543210"].map(stamped);
        assert!(cause_of(stamps[0].as_bytes(), stamps[1].as_bytes()).contains("since 1970"));
        let words = ["some", "none"].map(stamped);
        assert!(cause_of(words[0].as_bytes(), words[1].as_bytes()).contains("random"));
        assert!(cause_of(&[0, 1, 2, 3], &[0, 1, 9, 3]).contains("random"));
    }

    #[test]
    fn any_bytes_are_compared() {
        let real = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let mut other = real[..real.len().min(1 << 20)].to_vec();
        for at in (0..other.len()).step_by(other.len() / 64) {
            other[at] ^= 0x5a;
            assert!(compare(&real[..other.len()], &other).is_some(), "{at}");
        }
    }

    #[test]
    fn folders_that_stand_in_a_program() {
        let machine = ["/work/shop", "/home/me/.cargo", "/"].map(PathBuf::from);
        let found = paths_in(b"x\0/work/shop/src/main.rs\0", &machine);
        assert_eq!(found, [(Path::new("/work/shop"), "/work/shop/src/main.rs".to_owned())]);
    }
}
