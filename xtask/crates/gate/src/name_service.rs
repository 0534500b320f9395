//! Detects glibc's name service (NSS) in a static program. `getaddrinfo` and related functions load shared
//! libraries at run time. These libraries must come from the same glibc as the program. Only the linker warns
//! about this.
//!
//! The sign is the path of the service's configuration as a separate C string. Every static program with one
//! of the functions contains it, stripped or not, and no other program does. This was tried with glibc 2.36:
//! programs with printf, locales, iconv, dlopen or Rust's threads do not contain it. `dlopen` itself is no
//! sign, because every static glibc program contains it.

use std::io::BufRead;

use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::{Endianness, ReadRef, elf};

use super::elf::View;

/// The two parts of the configuration's path. A NUL must stand before and after the whole path.
const FOLDER: &[u8] = b"etc/";
const FILE: &[u8] = b"nsswitch.conf\0";

/// The functions that use the service. Source: the linker's warnings, `static_link_warning` in glibc's nss/
/// and inet/.
pub(super) const FUNCTIONS: [&str; 22] = [
    "getaddrinfo",
    "getgrgid",
    "getgrgid_r",
    "getgrnam",
    "getgrnam_r",
    "getgrouplist",
    "gethostbyaddr",
    "gethostbyaddr_r",
    "gethostbyname",
    "gethostbyname2",
    "gethostbyname2_r",
    "gethostbyname_r",
    "getnetbyname",
    "getprotobyname",
    "getpwnam",
    "getpwnam_r",
    "getpwuid",
    "getpwuid_r",
    "getservbyname",
    "getservbyname_r",
    "getspnam",
    "initgroups",
];

/// The maximum size of a read-only segment in bytes; larger ones are not searched. The constants of the
/// largest known programs are smaller.
const CONSTANTS_MAX: u64 = 256 << 20;

/// Returns the functions in a static program that use the name service, sorted. None if the program has no
/// name service. Empty if their names were stripped.
pub(super) fn functions<'d, Elf, R>(view: &View<'d, Elf, R>) -> Option<Vec<String>>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    has_service(view).then(|| named(view).unwrap_or_default())
}

fn has_service<'d, Elf, R>(view: &View<'d, Elf, R>) -> bool
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    use object::read::elf::ProgramHeader;
    let constant = view.segments.iter().filter(|s| {
        let flags = s.p_flags(view.endian).0;
        s.p_type(view.endian) == elf::PT_LOAD && flags & elf::PF_W.0 == 0
    });
    let mut ranges = constant.map(|s| s.file_range(view.endian)).filter(|(_, size)| *size <= CONSTANTS_MAX);
    ranges.any(|(at, size)| view.data.read_bytes_at(at, size).is_ok_and(has_path))
}

/// Whether the path occurs as a C string. The bytes are split at each `/`, so the search is only for single
/// bytes.
fn has_path(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    // Whether the bytes before `rest` end in a NUL and a `/`.
    let mut begins = false;
    while !rest.is_empty() {
        if begins && rest.strip_prefix(FOLDER).is_some_and(|rest| rest.starts_with(FILE)) {
            return true;
        }
        let before = rest;
        match rest.skip_until(b'/') {
            Ok(read) if read > 0 => begins = matches!(before.get(..read), Some([.., 0, b'/'])),
            _ => return false,
        }
    }
    false
}

/// Returns the functions from the symbol table, if there is one.
fn named<'d, Elf, R>(view: &View<'d, Elf, R>) -> Option<Vec<String>>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let table = view.sections.iter().find(|s| s.sh_type(view.endian) == elf::SHT_SYMTAB)?;
    let symbols: &[Elf::Sym] = table.data_as_array(view.endian, view.data).ok()?;
    let link = usize::try_from(table.sh_link(view.endian)).ok()?;
    let strings = view.sections.get(link)?.data(view.endian, view.data).ok()?;
    let mut found = std::collections::BTreeSet::new();
    // Local symbols count too, because rustc makes every symbol local that a program does not export.
    for symbol in symbols.iter().filter(|s| !s.is_undefined(view.endian)) {
        let name = strings.get(symbol.st_name(view.endian) as usize..).unwrap_or_default();
        let known = |function: &&&str| {
            name.strip_prefix(function.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
        };
        found.extend(FUNCTIONS.iter().find(known).map(|function| (*function).to_owned()));
    }
    Some(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_a_string_of_its_own() {
        assert!(has_path(b"x\0/etc/nsswitch.conf\0y"));
        assert!(has_path(b"/a/\0/etc//\0/etc/nsswitch.conf\0"));
        for other in [
            &b""[..],
            b"/etc/nsswitch.conf\0",
            b"x/etc/nsswitch.conf\0",
            b"\0/etc/nsswitch.confx",
            b"\0/etc/nss",
        ] {
            assert!(!has_path(other), "{other:?}");
        }
    }
}
