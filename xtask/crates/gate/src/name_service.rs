//! glibc's name service (NSS) in a static program: `getaddrinfo` and its kin load shared libraries at run time, and these
//! must be of the very glibc that the program was linked with. The linker warns of it; nothing else does.
//!
//! What tells: the path of the service's configuration as a C string of its own. Each static program that has one of the
//! functions has it, stripped or not, and no other has (tried with glibc 2.36: printf, locales, iconv, dlopen and Rust's
//! threads are without it). `dlopen` itself tells nothing: every static glibc program contains it.

use std::io::BufRead;

use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::{Endianness, ReadRef, elf};

use super::elf::View;

/// What the service reads; with the NULs around it.
const FOLDER: &[u8] = b"etc/";
const FILE: &[u8] = b"nsswitch.conf\0";

/// The functions that reach the service. Source: the linker's warnings, `static_link_warning` in glibc's nss/ and inet/.
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

/// Constants of the largest programs known are below this, in bytes; more is not read.
const CONSTANTS_MAX: u64 = 256 << 20;

/// The functions in a static program that reach the name service, sorted; none where it has no name service, and empty
/// where it was stripped of their names.
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

/// Whether the path stands there as a C string. The bytes are cut at each `/`, which needs no search for more than a byte.
fn has_path(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    // Whether what came before ends in a NUL and this `/`.
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

/// The functions by the symbol table, where there is one.
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
    // Local ones count: rustc makes all that a program does not export local.
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
