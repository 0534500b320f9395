//! Reads an [`Object`] from the bytes of a file.

use std::collections::BTreeMap;

use object::read::elf::{FileHeader, ProgramHeader, Sym};
use object::{Endianness, ReadRef, U16, elf};

use super::{Given, Object, Pages, Required, SymbolTable, Taken};
use crate::dynamic::Dynamic;
use crate::elf::{View, float};
use crate::facts::ElfMachine;
use crate::refusal::Refusal;
use crate::{level, symbols};

/// The largest page size, in bytes, of all machines that Linux supports.
const LARGEST_PAGE: u64 = 1 << 16;

/// Reads an object; `len` is the length of `data` in bytes.
pub(crate) fn object<'d, Elf, R>(data: R, len: u64) -> Result<Object, Refusal>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let view = View::<Elf, R>::of(data, len)?;
    let dynamic = view.dynamic()?;
    let (by_index, requires) = required(&view, &dynamic)?;
    let own_versions = symbols::version_definitions(&view, &dynamic)?;
    let mut object = Object {
        bits: view.bits(),
        endian: view.order(),
        machine: ElfMachine(view.machine.0),
        float: float(view.machine, view.header.e_flags(view.endian).0),
        interpreter: view.interpreter()?,
        soname: dynamic.soname.map(|at| view.string(&dynamic, at)).transpose()?,
        needed: view.needed(&dynamic)?,
        rpath: view.paths(&dynamic, dynamic.rpath)?,
        runpath: dynamic.runpath.map(|at| view.paths(&dynamic, Some(at))).transpose()?,
        no_default_folders: dynamic.no_default_folders,
        defines: dynamic.verdef.map(|_| own_versions.values().cloned().collect()),
        requires,
        pages: pages(&view),
        level: level::needed(&view),
        symbols_known: true,
        symbols: SymbolTable { own_versions, versioned: dynamic.versym.is_some(), ..SymbolTable::default() },
    };
    object.symbols_known = fill(&view, &dynamic, &by_index, &mut object.symbols)?;
    object.symbols.sort();
    Ok(object)
}

/// Returns the required versions, and the position of each by its index in the version table.
fn required<'d, Elf, R>(
    view: &View<'d, Elf, R>,
    dynamic: &Dynamic<'d>,
) -> Result<(BTreeMap<u16, u32>, Vec<Required>), Refusal>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let (mut by_index, mut requires) = (BTreeMap::new(), Vec::new());
    for (index, need) in symbols::version_table(view, dynamic)? {
        // The table has at most 2^15 versions.
        by_index.insert(index, u32::try_from(requires.len()).unwrap_or(u32::MAX));
        requires.push(Required { library: need.library, version: need.version, weak: need.weak });
    }
    Ok((by_index, requires))
}

/// Reads the dynamic symbols. Returns false if their number is not known.
fn fill<'d, Elf, R>(
    view: &View<'d, Elf, R>,
    dynamic: &Dynamic<'d>,
    by_index: &BTreeMap<u16, u32>,
    into: &mut SymbolTable,
) -> Result<bool, Refusal>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let Some(address) = dynamic.symbols else { return Ok(true) };
    let Some(count) = symbols::symbol_count(view, dynamic) else { return Ok(false) };
    let bad = || Refusal::damaged("its dynamic symbol table lies outside the file");
    let count_here = usize::try_from(count).map_err(|_| bad())?;
    let place = |address: u64, each: usize| view.offset(address, count.checked_mul(each as u64)?);
    let at = place(address, size_of::<Elf::Sym>()).ok_or_else(bad)?;
    let table: &[Elf::Sym] = view.data.read_slice_at(at, count_here).map_err(|()| bad())?;
    let versions: Option<&[U16<Endianness>]> = match dynamic.versym {
        Some(address) => {
            let at = place(address, size_of::<U16<Endianness>>()).ok_or_else(bad)?;
            Some(view.data.read_slice_at(at, count_here).map_err(|()| bad())?)
        }
        None => None,
    };
    into.names = dynamic.strings.unwrap_or_default().to_vec();
    // The first entry of a symbol table is never a symbol.
    for (i, symbol) in table.iter().enumerate().skip(1) {
        if !matches!(symbol.st_bind(), elf::STB_GLOBAL | elf::STB_WEAK | elf::STB_GNU_UNIQUE) {
            continue;
        }
        let version = versions.and_then(|v| v.get(i)).map_or(1, |v| v.get(view.endian));
        let index = version & elf::VERSYM_VERSION;
        let undefined = symbol.is_undefined(view.endian);
        if !undefined && !given(symbol, view.endian) {
            continue;
        }
        let (at, name) = view.name(dynamic, symbol.st_name(view.endian).into())?;
        let name = into.place(at, name).ok_or_else(bad)?;
        if undefined {
            let weak = symbol.is_weak();
            into.imports.push(Taken { name, required: by_index.get(&index).copied(), weak, copied: false });
            continue;
        }
        let hidden = version & elf::VERSYM_HIDDEN.0 != 0;
        into.exports.push(Given { name, version: index, hidden });
        // Data that is copied into the program (`stdout`, for example) is defined here and still imported
        // from the library.
        if let Some(required) = by_index.get(&index) {
            into.imports.push(Taken {
                name,
                required: Some(*required),
                weak: symbol.is_weak(),
                copied: true,
            });
        }
    }
    Ok(true)
}

/// Whether a loader may bind to a defined symbol (glibc's `check_match`, musl's `OK_TYPES`).
fn given<S: Sym<Endian = Endianness>>(symbol: &S, endian: Endianness) -> bool {
    let value: u64 = symbol.st_value(endian).into();
    let placed = value != 0 || symbol.is_absolute(endian) || symbol.st_type() == elf::STT_TLS;
    let kind = matches!(
        symbol.st_type(),
        elf::STT_NOTYPE
            | elf::STT_OBJECT
            | elf::STT_FUNC
            | elf::STT_COMMON
            | elf::STT_TLS
            | elf::STT_GNU_IFUNC
    );
    placed && kind && matches!(symbol.st_visibility(), elf::STV_DEFAULT | elf::STV_PROTECTED)
}

fn pages<'d, Elf, R>(view: &View<'d, Elf, R>) -> Pages
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let loads = view.segments.iter().filter(|s| s.p_type(view.endian) == elf::PT_LOAD);
    let mut pages = Pages { align: LARGEST_PAGE, fits: LARGEST_PAGE };
    for load in loads {
        let align: u64 = load.p_align(view.endian).into();
        pages.align = pages.align.min(align.max(1));
        let address: u64 = load.p_vaddr(view.endian).into();
        let apart = address ^ load.file_range(view.endian).0;
        // The lowest bit in which address and file offset differ.
        pages.fits = pages.fits.min(1 << apart.trailing_zeros().min(16));
    }
    pages
}
