//! Reads the facts of an ELF program from the parts that a kernel and a loader read: the header, the program
//! headers and the dynamic segment. Section headers are used only to check that the file is complete and to
//! find the symbol table's length.

use std::cell::Cell;

use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, Pod, ReadRef, elf};

use super::dynamic::Dynamic;
use super::facts::{ElfMachine, Endian, Facts, Float, Linkage, Stack};
use super::refusal::Refusal;
use super::{level, name_service, symbols};

/// The maximum length of a path in Linux (`PATH_MAX`).
const PATH_MAX: u64 = 4096;
/// The maximum number of name bytes that are read from one file. The largest known libraries (of browsers and
/// compilers) have a tenth of that.
const NAMES_MAX: u64 = 64 << 20;

/// An ELF file with its tables of segments and sections, all inside the file.
pub(super) struct View<'d, Elf: FileHeader, R> {
    pub(super) endian: Elf::Endian,
    pub(super) machine: elf::Machine,
    pub(super) data: R,
    pub(super) sections: &'d [Elf::SectionHeader],
    pub(super) header: &'d Elf,
    pub(super) segments: &'d [Elf::ProgramHeader],
    len: u64,
    /// The number of name bytes that were read so far: see [`View::spend`].
    names: Cell<u64>,
}

/// Reads the facts; `len` is the length of `data` in bytes.
pub(super) fn read<'d, Elf, R>(data: R, len: u64) -> Result<Facts, Refusal>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let view = View::<Elf, R>::of(data, len)?;
    let (endian, header) = (view.endian, view.header);
    let dynamic = view.dynamic()?;
    let interpreter = view.interpreter()?;
    let kind = view.kind(interpreter.is_some(), &dynamic)?;
    Ok(Facts {
        kind,
        bits: view.bits(),
        endian: view.order(),
        machine: ElfMachine(view.machine.0),
        os_abi: header.e_ident().os_abi.0,
        float: float(view.machine, header.e_flags(endian).0),
        interpreter,
        needed: view.needed(&dynamic)?,
        rpath: view.paths(&dynamic, dynamic.rpath)?,
        runpath: view.paths(&dynamic, dynamic.runpath)?,
        versions: symbols::version_needs(&view, &dynamic)?,
        stack: view.stack(),
        stack_size: view.stack_header().map_or(0, |s| s.p_memsz(view.endian).into()),
        level: level::needed(&view),
        name_service: if kind == Linkage::Dynamic { None } else { name_service::functions(&view) },
    })
}

fn refuse_other_types(kind: elf::FileType) -> Result<(), Refusal> {
    match kind {
        elf::ET_EXEC | elf::ET_DYN => Ok(()),
        elf::ET_REL => Err(Refusal::not_a_program(
            "an object file",
            "link it; a program comes from a [[bin]] target without --emit=obj",
        )),
        elf::ET_CORE => {
            Err(Refusal::not_a_program("a core dump", "remove it: a program crashed in this folder"))
        }
        other => Err(Refusal::damaged(format!("its ELF type {} is not known", other.0))),
    }
}

impl<'d, Elf, R> View<'d, Elf, R>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    /// Opens a file, and checks that its header and its tables lie inside it.
    pub(super) fn of(data: R, len: u64) -> Result<Self, Refusal> {
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
        let view = View { endian, machine, data, sections, header, segments, len, names: Cell::new(0) };
        view.check_whole()?;
        Ok(view)
    }

    /// Returns the size of a pointer in bits: 32 or 64.
    pub(super) fn bits(&self) -> u8 {
        if self.header.is_type_64() { 64 } else { 32 }
    }

    /// Returns the byte order from the file's header.
    pub(super) fn order(&self) -> Endian {
        if self.header.is_big_endian() { Endian::Big } else { Endian::Little }
    }

    /// Counts the bytes of a name against the limit. The names of a valid file are smaller than the file. In
    /// a damaged file, thousands of symbols may share one name of a megabyte, which would cost unlimited time
    /// and memory.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Refusal> {
        self.names.set(self.names.get().saturating_add(bytes as u64));
        if self.names.get() <= NAMES_MAX { Ok(()) } else { Err(Refusal::damaged("its names are too long")) }
    }

    /// Checks that everything in the tables lies inside the file. This detects a truncated file.
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

    /// Returns the file offset of `size` bytes at a virtual address, if one segment contains them all.
    pub(super) fn offset(&self, address: u64, size: u64) -> Option<u64> {
        self.segments.iter().filter(|s| s.p_type(self.endian) == elf::PT_LOAD).find_map(|s| {
            let skip = address.checked_sub(s.p_vaddr(self.endian).into())?;
            let (at, held) = s.file_range(self.endian);
            (skip.checked_add(size)? <= held).then(|| at.checked_add(skip)).flatten()
        })
    }

    /// Returns the record at a virtual address.
    pub(super) fn record<T: Pod>(&self, address: u64) -> Option<&'d T> {
        self.data.read_at(self.offset(address, size_of::<T>() as u64)?).ok()
    }

    /// Returns the bytes from a virtual address to the end of its segment's bytes in the file.
    pub(super) fn tail(&self, address: u64) -> Option<&'d [u8]> {
        let at = self.offset(address, 1)?;
        let segment = self.segments.iter().filter(|s| s.p_type(self.endian) == elf::PT_LOAD);
        let end = segment.map(|s| s.file_range(self.endian)).find(|(o, n)| *o <= at && at < o + n)?;
        self.data.read_bytes_at(at, end.0 + end.1 - at).ok()
    }

    pub(super) fn interpreter(&self) -> Result<Option<String>, Refusal> {
        let segment = self.segments.iter().find(|s| s.p_type(self.endian) == elf::PT_INTERP);
        let Some(segment) = segment else { return Ok(None) };
        let too_long = segment.file_range(self.endian).1 > PATH_MAX;
        let path = (!too_long).then(|| segment.interpreter(self.endian, self.data).ok().flatten()).flatten();
        match path {
            Some(path) if !path.is_empty() => Ok(Some(String::from_utf8_lossy(path).into_owned())),
            _ => Err(Refusal::damaged("its interpreter's path is not valid")),
        }
    }

    /// Decides how the file is linked. A position-independent program and a shared library have the same ELF
    /// type. An interpreter or the linker's flag `DF_1_PIE` marks a program. Without them, a soname, a needed
    /// library or a missing entry point marks a library.
    fn kind(&self, interpreted: bool, dynamic: &Dynamic<'d>) -> Result<Linkage, Refusal> {
        let movable = self.header.e_type(self.endian) == elf::ET_DYN;
        let entry: u64 = self.header.e_entry(self.endian).into();
        let looks_like_library = dynamic.soname.is_some() || dynamic.needs_any() || entry == 0;
        if movable && !interpreted && !dynamic.pie && looks_like_library {
            return Err(Refusal::not_a_program(
                "a shared library",
                "name a [[bin]] target; a cdylib or dylib cannot be started",
            ));
        }
        if !self.runs_at(entry) {
            return Err(Refusal::damaged("its entry point lies in no segment that may run"));
        }
        Ok(match (interpreted || dynamic.needs_any(), movable) {
            (true, _) => Linkage::Dynamic,
            (false, true) => Linkage::StaticPie,
            (false, false) => Linkage::Static,
        })
    }

    fn runs_at(&self, entry: u64) -> bool {
        // On big-endian 64-bit PowerPC, the entry point is the address of a descriptor, which is data.
        let descriptor = self.machine == elf::EM_PPC64 && self.header.is_big_endian();
        self.segments.iter().filter(|s| s.p_type(self.endian) == elf::PT_LOAD).any(|s| {
            let inside = entry
                .checked_sub(s.p_vaddr(self.endian).into())
                .is_some_and(|skip| skip < s.p_memsz(self.endian).into());
            inside && (descriptor || s.p_flags(self.endian).0 & elf::PF_X.0 != 0)
        })
    }

    fn stack_header(&self) -> Option<&'d Elf::ProgramHeader> {
        self.segments.iter().find(|s| s.p_type(self.endian) == elf::PT_GNU_STACK)
    }

    fn stack(&self) -> Stack {
        match self.stack_header() {
            Some(s) if s.p_flags(self.endian).0 & elf::PF_X.0 != 0 => Stack::Executable,
            Some(_) => Stack::Plain,
            None => Stack::Unsaid,
        }
    }
}

/// Returns the floating-point convention in `e_flags`. Sources: ELF for the Arm Architecture, section 5.2
/// (`EF_ARM_ABI_FLOAT_*`); RISC-V ELF psABI, "File Header" (`EF_RISCV_FLOAT_ABI`); LoongArch ELF psABI,
/// "e_flags" (ABI modifier).
pub(super) fn float(machine: elf::Machine, flags: u32) -> Option<Float> {
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
