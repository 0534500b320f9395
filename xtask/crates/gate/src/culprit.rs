//! Which object of a build asks for a symbol: the archives that were linked, member by member.

use std::fmt;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::read::elf::{FileHeader, Sym};
use object::{Endianness, elf};

use super::Format;
use super::check::{Finding, Severity};

/// A member of an archive that asks for a symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Culprit {
    /// The path of the archive or object file.
    pub file: PathBuf,
    /// The member: an object's name. Empty where `file` is an object itself.
    pub member: String,
    /// Whether the member was compiled for a linker that compiles (LTO): then its names are seen and not who uses them.
    pub bitcode: bool,
}

impl Culprit {
    /// The crate of a Rust library: `native` of `libnative-0f3a….rlib`.
    pub fn crate_name(&self) -> Option<&str> {
        let name = self.file.file_name()?.to_str()?.strip_suffix(".rlib")?.strip_prefix("lib")?;
        Some(name.rsplit_once('-').map_or(name, |(name, _)| name))
    }
}

/// A phrase: `conv.o of libnative.a`, `crate native (libnative-0f3a.rlib)`.
impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        match self.crate_name() {
            Some(name) if self.member.is_empty() || self.bitcode => write!(f, "crate {name} ({file})"),
            Some(name) => write!(f, "crate {name} ({} of {file})", self.member),
            None if self.member.is_empty() => f.write_str(&file),
            None => write!(f, "{} of {file}", self.member),
        }
    }
}

/// Adds to each finding that fails and is about symbols which objects ask for these. `archives` are all that was linked,
/// in any order; they are only read where there is such a finding.
pub fn blame(findings: &mut [Finding], archives: &[PathBuf]) {
    for finding in findings.iter_mut().filter(|f| f.severity == Severity::Fail) {
        // All symbols of one finding have one cause, as a rule: the first that is found is said.
        let found =
            finding.symbols.iter().take(SYMBOLS_MAX).map(|symbol| (symbol, culprit(symbol, archives)));
        let first = found.into_iter().find(|(_, culprits)| !culprits.is_empty());
        if let Some((symbol, culprits)) = first {
            let names: Vec<String> = culprits.iter().take(NAMED).map(Culprit::to_string).collect();
            finding.what = format!("{}; {symbol} comes in by {}", finding.what, names.join(", "));
        }
    }
}

/// How many symbols of a finding are looked for, and how many objects are named.
const SYMBOLS_MAX: usize = 4;
const NAMED: usize = 3;

/// Objects of a build larger than this, in bytes, are not looked into.
const FILE_MAX: u64 = 1 << 30;

/// The members of `archives` (`.a`, `.rlib`, `.o`) that take `symbol` from elsewhere, in the order of `archives`. Files
/// that cannot be read are passed by: this only explains a failure that is certain already.
pub fn culprit(symbol: &str, archives: &[PathBuf]) -> Vec<Culprit> {
    archives.iter().flat_map(|file| of_file(symbol, file).unwrap_or_default()).collect()
}

fn of_file(symbol: &str, file: &Path) -> Option<Vec<Culprit>> {
    if std::fs::metadata(file).ok()?.len() > FILE_MAX {
        return None;
    }
    let bytes = std::fs::read(file).ok()?;
    let culprit =
        |member: &str, bitcode| Culprit { file: file.to_owned(), member: member.to_owned(), bitcode };
    if Format::of(&bytes) == Format::Elf {
        return Some(takes(symbol, &bytes).map(|bitcode| culprit("", bitcode)).into_iter().collect());
    }
    let archive = ArchiveFile::parse(&*bytes).ok()?;
    let members = archive.members().filter_map(Result::ok).filter_map(|member| {
        let bitcode = takes(symbol, member.data(&*bytes).ok()?)?;
        Some(culprit(&String::from_utf8_lossy(member.name()), bitcode))
    });
    Some(members.collect())
}

/// Whether an object takes a symbol from elsewhere: `Some(true)` where it is bitcode that has the name.
fn takes(symbol: &str, object: &[u8]) -> Option<bool> {
    match Format::of(object) {
        Format::Elf => {
            let taken = if object.get(4) == Some(&elf::ELFCLASS64.0) {
                undefined::<elf::FileHeader64<Endianness>>(symbol, object)
            } else {
                undefined::<elf::FileHeader32<Endianness>>(symbol, object)
            };
            taken.filter(|taken| *taken).map(|_| false)
        }
        // LLVM keeps names of all symbols one after the other.
        Format::Bitcode => {
            object.windows(symbol.len().max(1)).any(|part| part == symbol.as_bytes()).then_some(true)
        }
        _ => None,
    }
}

fn undefined<Elf: FileHeader<Endian = Endianness>>(symbol: &str, data: &[u8]) -> Option<bool> {
    let header = Elf::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let symbols = header.sections(endian, data).ok()?.symbols(endian, data, elf::SHT_SYMTAB).ok()?;
    let strings = symbols.strings();
    let mut all = symbols.iter().filter(|s| !s.is_local() && s.is_undefined(endian));
    Some(all.any(|s| s.name(endian, strings).is_ok_and(|name| name == symbol.as_bytes())))
}
