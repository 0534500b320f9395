//! The dynamic segment: its entries, and the strings that they refer to.

use std::ffi::CStr;

use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, ReadRef, elf};

use super::elf::View;
use super::refusal::Refusal;

/// The maximum size of a dynamic segment in bytes. A usual one has about forty entries; a larger one comes
/// from a damaged file.
const DYNAMIC_MAX: u64 = 1 << 20;

/// The entries of the dynamic segment that the gate uses. Addresses and offsets are as in the file.
#[derive(Default)]
pub(super) struct Dynamic<'d> {
    needed: Vec<u64>,
    pub(super) rpath: Option<u64>,
    pub(super) runpath: Option<u64>,
    pub(super) soname: Option<u64>,
    pub(super) pie: bool,
    pub(super) no_default_folders: bool,
    /// The string table, if the segment names one inside the file.
    pub(super) strings: Option<&'d [u8]>,
    pub(super) symbols: Option<u64>,
    pub(super) versym: Option<u64>,
    pub(super) verneed: Option<u64>,
    pub(super) verneed_count: u64,
    pub(super) verdef: Option<u64>,
    pub(super) verdef_count: u64,
    pub(super) hash: Option<u64>,
    pub(super) gnu_hash: Option<u64>,
}

impl Dynamic<'_> {
    pub(super) fn needs_any(&self) -> bool {
        !self.needed.is_empty()
    }
}

impl<'d, Elf, R> View<'d, Elf, R>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    pub(super) fn dynamic(&self) -> Result<Dynamic<'d>, Refusal> {
        let mut found = Dynamic::default();
        let (mut strings, mut strings_len) = (None, 0);
        let segment = self.segments.iter().find(|s| s.p_type(self.endian) == elf::PT_DYNAMIC);
        let Some(segment) = segment else { return Ok(found) };
        let bad = || Refusal::damaged("its dynamic segment is not valid");
        if segment.file_range(self.endian).1 > DYNAMIC_MAX {
            return Err(bad());
        }
        let entries = segment.dynamic(self.endian, self.data).map_err(|_| bad())?.unwrap_or_default();
        for entry in entries {
            let value = entry.val(self.endian);
            match entry.tag(self.endian) {
                elf::DT_NULL => break,
                elf::DT_NEEDED => found.needed.push(value),
                elf::DT_RPATH => found.rpath = Some(value),
                elf::DT_RUNPATH => found.runpath = Some(value),
                elf::DT_SONAME => found.soname = Some(value),
                elf::DT_FLAGS_1 => {
                    found.pie = value & elf::DF_1_PIE.0 != 0;
                    found.no_default_folders = value & elf::DF_1_NODEFLIB.0 != 0;
                }
                elf::DT_STRTAB => strings = Some(value),
                elf::DT_STRSZ => strings_len = value,
                elf::DT_SYMTAB => found.symbols = Some(value),
                elf::DT_VERSYM => found.versym = Some(value),
                elf::DT_VERNEED => found.verneed = Some(value),
                elf::DT_VERNEEDNUM => found.verneed_count = value,
                elf::DT_VERDEF => found.verdef = Some(value),
                elf::DT_VERDEFNUM => found.verdef_count = value,
                elf::DT_HASH => found.hash = Some(value),
                elf::DT_GNU_HASH => found.gnu_hash = Some(value),
                _ => {}
            }
        }
        // The table is read once as a whole. Read from a stream, each name would be a separate read of at
        // most 4096 bytes.
        let table = strings.and_then(|address| self.offset(address, strings_len));
        found.strings = table.and_then(|at| self.data.read_bytes_at(at, strings_len).ok());
        Ok(found)
    }

    /// Returns the bytes of a name in the dynamic string table, and their offset in the table.
    pub(super) fn name(&self, dynamic: &Dynamic<'d>, at: u64) -> Result<(usize, &'d [u8]), Refusal> {
        let at = usize::try_from(at).ok();
        let rest = dynamic.strings.zip(at).and_then(|(table, at)| Some((at, table.get(at..)?)));
        let name = rest.and_then(|(at, rest)| Some((at, CStr::from_bytes_until_nul(rest).ok()?.to_bytes())));
        let name = name
            .ok_or_else(|| Refusal::damaged("a name in its dynamic segment lies outside the string table"))?;
        self.spend(name.1.len())?;
        Ok(name)
    }

    /// Returns a string of the dynamic string table.
    pub(super) fn string(&self, dynamic: &Dynamic<'d>, at: u64) -> Result<String, Refusal> {
        self.name(dynamic, at).map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Returns `DT_NEEDED`, in the file's order.
    pub(super) fn needed(&self, dynamic: &Dynamic<'d>) -> Result<Vec<String>, Refusal> {
        dynamic.needed.iter().map(|at| self.string(dynamic, *at)).collect()
    }

    /// Returns a list of folders, split at the colons.
    pub(super) fn paths(&self, dynamic: &Dynamic<'d>, at: Option<u64>) -> Result<Vec<String>, Refusal> {
        let Some(at) = at else { return Ok(Vec::new()) };
        let list = self.string(dynamic, at)?;
        Ok(list.split(':').filter(|p| !p.is_empty()).map(str::to_owned).collect())
    }
}
