//! Reads the facts of an ELF program by what a kernel and a loader look at: the header, the program headers and the
//! dynamic segment. Section headers serve only to see that the file is whole, and to learn the symbol table's length.

use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, ReadRef, elf};

use super::facts::{Endian, Facts, Float, Kind, Machine, Stack};
use super::load::Refusal;
use super::symbols;

/// A path longer than this is refused by Linux (`PATH_MAX`).
const PATH_MAX: u64 = 4096;
/// A dynamic segment has some forty entries; one beyond this size (in bytes) comes from a damaged file.
const DYNAMIC_MAX: u64 = 1 << 20;

/// An ELF file with its tables of segments and sections, all inside the file.
pub(super) struct View<'d, Elf: FileHeader, R> {
    pub(super) endian: Elf::Endian,
    pub(super) machine: elf::Machine,
    pub(super) data: R,
    pub(super) sections: &'d [Elf::SectionHeader],
    header: &'d Elf,
    segments: &'d [Elf::ProgramHeader],
    len: u64,
}

/// The entries of the dynamic segment that matter here. Addresses and offsets as the file has them.
#[derive(Default)]
pub(super) struct Dynamic<'d> {
    needed: Vec<u64>,
    rpath: Option<u64>,
    runpath: Option<u64>,
    soname: bool,
    pie: bool,
    /// The string table, where the segment names one that lies in the file.
    strings: Option<&'d [u8]>,
    pub(super) symbols: Option<u64>,
    pub(super) versym: Option<u64>,
    pub(super) verneed: Option<u64>,
    pub(super) verneed_count: u64,
    pub(super) hash: Option<u64>,
    pub(super) gnu_hash: Option<u64>,
}

/// Reads the facts; `len` is the length of `data` in bytes.
pub(super) fn read<'d, Elf, R>(data: R, len: u64) -> Result<Facts, Refusal>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let header = Elf::parse(data).map_err(|_| Refusal::damaged("its ELF header is not valid"))?;
    let endian = header.endian().map_err(|_| Refusal::damaged("its byte order is not valid"))?;
    refuse_other_types(header.e_type(endian))?;
    let segments = header
        .program_headers(endian, data)
        .map_err(|_| Refusal::damaged("its program headers lie outside the file"))?;
    let sections = header
        .section_headers(endian, data)
        .map_err(|_| Refusal::damaged("its section headers lie outside the file"))?;
    let machine = header.e_machine(endian);
    let view = View { endian, machine, data, sections, header, segments, len };
    view.check_whole()?;

    let dynamic = view.dynamic()?;
    let interpreter = view.interpreter()?;
    let kind = view.kind(interpreter.is_some(), &dynamic)?;
    let flags = header.e_flags(endian).0;
    Ok(Facts {
        kind,
        bits: if header.is_type_64() { 64 } else { 32 },
        endian: if header.is_big_endian() { Endian::Big } else { Endian::Little },
        machine: Machine(machine.0),
        os_abi: header.e_ident().os_abi.0,
        float: float(machine, flags),
        interpreter,
        needed: dynamic.needed.iter().map(|at| view.string(&dynamic, *at)).collect::<Result<_, _>>()?,
        rpath: view.paths(&dynamic, dynamic.rpath)?,
        runpath: view.paths(&dynamic, dynamic.runpath)?,
        versions: symbols::version_needs(&view, &dynamic)?,
        stack: view.stack(),
    })
}

fn refuse_other_types(kind: elf::FileType) -> Result<(), Refusal> {
    match kind {
        elf::ET_EXEC | elf::ET_DYN => Ok(()),
        elf::ET_REL => Err(Refusal::not_a_program(
            "an object file",
            "link it; a program comes from a [[bin]] target without --emit=obj",
        )),
        elf::ET_CORE => Err(Refusal::not_a_program("a core dump", "remove it: some program crashed here")),
        other => Err(Refusal::damaged(format!("its ELF type {} is not known", other.0))),
    }
}

impl<'d, Elf, R> View<'d, Elf, R>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    /// All that the tables name must lie inside the file; this is how a file that was cut off is seen.
    fn check_whole(&self) -> Result<(), Refusal> {
        let inside = |(at, size): (u64, u64)| at.checked_add(size).is_some_and(|end| end <= self.len);
        let bad = self.segments.iter().position(|s| {
            matches!(s.p_type(self.endian), elf::PT_LOAD | elf::PT_INTERP | elf::PT_DYNAMIC)
                && !inside(s.file_range(self.endian))
        });
        if let Some(i) = bad {
            return Err(Refusal::damaged(format!("segment {i} reaches beyond its {} bytes", self.len)));
        }
        let bad = self.sections.iter().position(|s| s.file_range(self.endian).is_some_and(|r| !inside(r)));
        if let Some(i) = bad {
            return Err(Refusal::damaged(format!("section {i} reaches beyond its {} bytes", self.len)));
        }
        if !self.segments.iter().any(|s| s.p_type(self.endian) == elf::PT_LOAD) {
            return Err(Refusal::damaged("it has no segment to load"));
        }
        Ok(())
    }

    /// The place in the file of `size` bytes at a virtual address, if one segment holds them all.
    pub(super) fn offset(&self, address: u64, size: u64) -> Option<u64> {
        self.segments.iter().filter(|s| s.p_type(self.endian) == elf::PT_LOAD).find_map(|s| {
            let skip = address.checked_sub(s.p_vaddr(self.endian).into())?;
            let (at, held) = s.file_range(self.endian);
            (skip.checked_add(size)? <= held).then(|| at.checked_add(skip)).flatten()
        })
    }

    /// The bytes from a virtual address to the end of what its segment has in the file.
    pub(super) fn tail(&self, address: u64) -> Option<&'d [u8]> {
        let at = self.offset(address, 1)?;
        let segment = self.segments.iter().filter(|s| s.p_type(self.endian) == elf::PT_LOAD);
        let end = segment.map(|s| s.file_range(self.endian)).find(|(o, n)| *o <= at && at < o + n)?;
        self.data.read_bytes_at(at, end.0 + end.1 - at).ok()
    }

    /// A string of the dynamic string table.
    pub(super) fn string(&self, dynamic: &Dynamic<'d>, at: u64) -> Result<String, Refusal> {
        let rest = dynamic.strings.zip(usize::try_from(at).ok()).and_then(|(table, at)| table.get(at..));
        let bytes = rest.and_then(|rest| rest.split(|b| *b == 0).next().filter(|s| s.len() < rest.len()));
        let bad = || Refusal::damaged("a name in its dynamic segment lies outside the string table");
        bytes.map(|b| String::from_utf8_lossy(b).into_owned()).ok_or_else(bad)
    }

    fn paths(&self, dynamic: &Dynamic<'d>, at: Option<u64>) -> Result<Vec<String>, Refusal> {
        let Some(at) = at else { return Ok(Vec::new()) };
        let list = self.string(dynamic, at)?;
        Ok(list.split(':').filter(|p| !p.is_empty()).map(str::to_owned).collect())
    }

    fn interpreter(&self) -> Result<Option<String>, Refusal> {
        let segment = self.segments.iter().find(|s| s.p_type(self.endian) == elf::PT_INTERP);
        let Some(segment) = segment else { return Ok(None) };
        let too_long = segment.file_range(self.endian).1 > PATH_MAX;
        let path = (!too_long).then(|| segment.interpreter(self.endian, self.data).ok().flatten()).flatten();
        match path {
            Some(path) if !path.is_empty() => Ok(Some(String::from_utf8_lossy(path).into_owned())),
            _ => Err(Refusal::damaged("its interpreter's path is not valid")),
        }
    }

    fn dynamic(&self) -> Result<Dynamic<'d>, Refusal> {
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
                elf::DT_SONAME => found.soname = true,
                elf::DT_FLAGS_1 => found.pie = value & elf::DF_1_PIE.0 != 0,
                elf::DT_STRTAB => strings = Some(value),
                elf::DT_STRSZ => strings_len = value,
                elf::DT_SYMTAB => found.symbols = Some(value),
                elf::DT_VERSYM => found.versym = Some(value),
                elf::DT_VERNEED => found.verneed = Some(value),
                elf::DT_VERNEEDNUM => found.verneed_count = value,
                elf::DT_HASH => found.hash = Some(value),
                elf::DT_GNU_HASH => found.gnu_hash = Some(value),
                _ => {}
            }
        }
        // Read once as a whole: a stream would read each name by itself, and none beyond 4096 bytes.
        let table = strings.and_then(|address| self.offset(address, strings_len));
        found.strings = table.and_then(|at| self.data.read_bytes_at(at, strings_len).ok());
        Ok(found)
    }

    /// How it is linked. A position-independent program and a shared library are one ELF type; what tells them apart is
    /// an interpreter, else the linkers' own mark (`DF_1_PIE`), else that a library has a name, needs or no entry.
    fn kind(&self, interpreted: bool, dynamic: &Dynamic<'d>) -> Result<Kind, Refusal> {
        let movable = self.header.e_type(self.endian) == elf::ET_DYN;
        let entry: u64 = self.header.e_entry(self.endian).into();
        let looks_like_library = dynamic.soname || !dynamic.needed.is_empty() || entry == 0;
        if movable && !interpreted && !dynamic.pie && looks_like_library {
            return Err(Refusal::not_a_program(
                "a shared library",
                "name a [[bin]] target; a cdylib or dylib cannot be started",
            ));
        }
        if !self.runs_at(entry) {
            return Err(Refusal::damaged("its entry point lies in no segment that may run"));
        }
        Ok(match (interpreted || !dynamic.needed.is_empty(), movable) {
            (true, _) => Kind::Dynamic,
            (false, true) => Kind::StaticPie,
            (false, false) => Kind::Static,
        })
    }

    fn runs_at(&self, entry: u64) -> bool {
        // Big-endian 64-bit PowerPC has the address of a descriptor there, which is data.
        let descriptor = self.machine == elf::EM_PPC64 && self.header.is_big_endian();
        self.segments.iter().filter(|s| s.p_type(self.endian) == elf::PT_LOAD).any(|s| {
            let inside = entry
                .checked_sub(s.p_vaddr(self.endian).into())
                .is_some_and(|skip| skip < s.p_memsz(self.endian).into());
            inside && (descriptor || s.p_flags(self.endian).0 & elf::PF_X.0 != 0)
        })
    }

    fn stack(&self) -> Stack {
        match self.segments.iter().find(|s| s.p_type(self.endian) == elf::PT_GNU_STACK) {
            Some(s) if s.p_flags(self.endian).0 & elf::PF_X.0 != 0 => Stack::Executable,
            Some(_) => Stack::Plain,
            None => Stack::Unsaid,
        }
    }
}

/// The floating-point convention in `e_flags`. Sources: ELF for the Arm Architecture, section 5.2 (`EF_ARM_ABI_FLOAT_*`);
/// RISC-V ELF psABI, "File Header" (`EF_RISCV_FLOAT_ABI`); LoongArch ELF psABI, "e_flags" (ABI modifier).
fn float(machine: elf::Machine, flags: u32) -> Option<Float> {
    match (machine, flags & 0x7) {
        (elf::EM_ARM, _) => match flags & 0x600 {
            0x200 => Some(Float::Soft),
            0x400 => Some(Float::Hard),
            _ => None,
        },
        (elf::EM_RISCV, low) => {
            Some([Float::Soft, Float::Single, Float::Hard, Float::Quad][(low >> 1) as usize])
        }
        (elf::EM_LOONGARCH, 1) => Some(Float::Soft),
        (elf::EM_LOONGARCH, 2) => Some(Float::Single),
        (elf::EM_LOONGARCH, 3) => Some(Float::Hard),
        _ => None,
    }
}
