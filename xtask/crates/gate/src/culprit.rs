//! Finds the object of a build that imports a symbol, by searching the members of the linked archives.

use std::fmt;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::read::elf::{FileHeader, Sym};
use object::{Endianness, elf};

use super::Format;
use super::check::{Finding, Severity};
use xtask_link_map::wasm::WasmModule;

/// A member of an archive that imports a symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Culprit {
    /// The path of the archive or object file.
    pub file: PathBuf,
    /// The name of the member. It is empty if `file` is an object itself.
    pub member: String,
    /// Whether the member is bitcode for a link with LTO. Then only the names of symbols are known, not their
    /// use.
    pub bitcode: bool,
}

impl Culprit {
    /// Returns the crate of a Rust library: `native` of `libnative-0f3a….rlib`.
    pub fn crate_name(&self) -> Option<&str> {
        let name = self.file.file_name()?.to_str()?.strip_suffix(".rlib")?.strip_prefix("lib")?;
        Some(name.rsplit_once('-').map_or(name, |(name, _)| name))
    }
}

/// Writes a noun phrase: `conv.o of libnative.a`, `crate native (libnative-0f3a.rlib)`.
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

/// Adds to each failing finding with symbols the objects that import these symbols. `importers` returns the
/// objects that import a symbol, as phrases. It is called only for such a finding.
pub fn blame(findings: &mut [Finding], importers: impl Fn(&str) -> Vec<String>) {
    for finding in findings.iter_mut().filter(|f| f.severity == Severity::Fail) {
        // Usually all symbols of a finding have one cause, so the first result is enough.
        let found = finding.symbols.iter().take(SYMBOLS_MAX).map(|symbol| (symbol, importers(symbol)));
        let first = found.into_iter().find(|(_, names)| !names.is_empty());
        if let Some((symbol, names)) = first {
            let names = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
            finding.what = format!("{}; {symbol} is imported by {names}", finding.what);
        }
    }
}

/// The maximum number of symbols that are searched for one finding, and of objects that are named.
const SYMBOLS_MAX: usize = 4;
const NAMED: usize = 3;

/// Files of a build that are larger than this, in bytes, are not searched.
const FILE_MAX: u64 = 1 << 30;

/// Returns the members of `archives` (`.a`, `.rlib`, `.o`) that import `symbol`, in the order of `archives`.
/// Files that cannot be read are skipped: the result only explains a failure that is already certain.
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
    if matches!(Format::of(&bytes), Format::Elf | Format::Wasm) {
        return Some(takes(symbol, &bytes).map(|bitcode| culprit("", bitcode)).into_iter().collect());
    }
    let archive = ArchiveFile::parse(&*bytes).ok()?;
    let members = archive.members().filter_map(Result::ok).filter_map(|member| {
        let bitcode = takes(symbol, member.data(&*bytes).ok()?)?;
        Some(culprit(&String::from_utf8_lossy(member.name()), bitcode))
    });
    Some(members.collect())
}

/// Whether an object imports a symbol: `Some(true)` for bitcode that contains the name, `Some(false)` for a
/// machine-code object, none if it does not.
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
        // An object imports every function that it does not define.
        Format::Wasm => {
            let imports = WasmModule::parse(object).ok()?.imports().ok()?;
            imports.iter().any(|import| import.name == symbol).then_some(false)
        }
        // LLVM stores the names of all symbols one after the other, so a search of the bytes finds a name.
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
    Some(all.any(|s| s.name(endian, strings).is_ok_and(|name| unversioned(name) == symbol.as_bytes())))
}

/// Returns the name of a symbol without the version that an object may require: `memcpy@GLIBC_2.14`.
fn unversioned(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == b'@').next().unwrap_or(name)
}
