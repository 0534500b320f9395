//! The symbol versions that a program requires, and the symbols that require them.

use std::collections::BTreeMap;

use object::read::elf::{FileHeader, GnuHashTable, SectionHeader, Sym};
use object::{Endianness, ReadRef, U16, U32, U64, elf};

use super::dynamic::Dynamic;
use super::elf::View;
use super::facts::VersionNeed;
use super::refusal::Refusal;

/// The maximum number of versions that one program can require: the index of a version has 15 bits.
const VERSIONS_MAX: usize = 1 << 15;

/// Reads `DT_VERNEED` and, through `DT_VERSYM`, the names of the symbols that are bound to each version.
pub(super) fn version_needs<'d, Elf, R>(
    view: &View<'d, Elf, R>,
    dynamic: &Dynamic<'d>,
) -> Result<Vec<VersionNeed>, Refusal>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let table = version_table(view, dynamic)?;
    let by_index: BTreeMap<u16, usize> =
        table.iter().enumerate().map(|(at, (index, _))| (*index, at)).collect();
    let mut needs: Vec<VersionNeed> = table.into_iter().map(|(_, need)| need).collect();
    name_symbols(view, dynamic, &by_index, &mut needs)?;
    Ok(needs)
}

/// Reads `DT_VERNEED`: each version with its index, still without symbols.
pub(super) fn version_table<'d, Elf, R>(
    view: &View<'d, Elf, R>,
    dynamic: &Dynamic<'d>,
) -> Result<Vec<(u16, VersionNeed)>, Refusal>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let Some(first) = dynamic.verneed else { return Ok(Vec::new()) };
    let bad = || Refusal::damaged("its table of required versions is not valid");
    let mut needs = Vec::new();
    let mut at = first;
    for _ in 0..dynamic.verneed_count {
        let need: &elf::Verneed<Endianness> = view.record(at).ok_or_else(bad)?;
        if need.vn_version.get(view.endian) != elf::VER_NEED_CURRENT {
            return Err(bad());
        }
        let library = view.string(dynamic, need.vn_file.get(view.endian).into())?;
        let mut aux_at = at.checked_add(need.vn_aux.get(view.endian).into()).ok_or_else(bad)?;
        for _ in 0..need.vn_cnt.get(view.endian) {
            let aux: &elf::Vernaux<Endianness> = view.record(aux_at).ok_or_else(bad)?;
            if needs.len() == VERSIONS_MAX {
                return Err(bad());
            }
            view.spend(library.len())?;
            let need = VersionNeed {
                library: library.clone(),
                version: view.string(dynamic, aux.vna_name.get(view.endian).into())?,
                weak: aux.vna_flags.get(view.endian).0 & elf::VER_FLG_WEAK.0 != 0,
                symbols: Vec::new(),
            };
            needs.push((aux.vna_other(view.endian).0 & elf::VERSYM_VERSION, need));
            match aux.vna_next.get(view.endian) {
                0 => break,
                next => aux_at = aux_at.checked_add(next.into()).ok_or_else(bad)?,
            }
        }
        match need.vn_next.get(view.endian) {
            0 => break,
            next => at = at.checked_add(next.into()).ok_or_else(bad)?,
        }
    }
    Ok(needs)
}

/// Reads `DT_VERDEF`: the versions that the object defines, by index. The entry with the object's own name is
/// left out.
pub(super) fn version_definitions<'d, Elf, R>(
    view: &View<'d, Elf, R>,
    dynamic: &Dynamic<'d>,
) -> Result<BTreeMap<u16, String>, Refusal>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let mut versions = BTreeMap::new();
    let Some(mut at) = dynamic.verdef else { return Ok(versions) };
    let bad = || Refusal::damaged("its table of defined versions is not valid");
    for _ in 0..dynamic.verdef_count.min(VERSIONS_MAX as u64) {
        let definition: &elf::Verdef<Endianness> = view.record(at).ok_or_else(bad)?;
        if definition.vd_version.get(view.endian) != elf::VER_DEF_CURRENT {
            return Err(bad());
        }
        if definition.vd_flags.get(view.endian).0 & elf::VER_FLG_BASE.0 == 0 {
            // The first name is that of the version. The following names are its predecessors.
            let aux = at.checked_add(definition.vd_aux.get(view.endian).into()).ok_or_else(bad)?;
            let aux: &elf::Verdaux<Endianness> = view.record(aux).ok_or_else(bad)?;
            let name = view.string(dynamic, aux.vda_name.get(view.endian).into())?;
            versions.insert(definition.vd_ndx.get(view.endian).0 & elf::VERSYM_VERSION, name);
        }
        match definition.vd_next.get(view.endian) {
            0 => break,
            next => at = at.checked_add(next.into()).ok_or_else(bad)?,
        }
    }
    Ok(versions)
}

fn name_symbols<'d, Elf, R>(
    view: &View<'d, Elf, R>,
    dynamic: &Dynamic<'d>,
    by_index: &BTreeMap<u16, usize>,
    needs: &mut [VersionNeed],
) -> Result<(), Refusal>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let (Some(symbols), Some(versym)) = (dynamic.symbols, dynamic.versym) else { return Ok(()) };
    let Some(count) = symbol_count(view, dynamic) else { return Ok(()) };
    let bad = || Refusal::damaged("its dynamic symbol table lies outside the file");
    let place = |address: u64, each: usize| view.offset(address, count.checked_mul(each as u64)?);
    let at = place(versym, size_of::<U16<Endianness>>()).ok_or_else(bad)?;
    let count_here = usize::try_from(count).map_err(|_| bad())?;
    let versions: &[U16<Endianness>] = view.data.read_slice_at(at, count_here).map_err(|()| bad())?;
    let at = place(symbols, size_of::<Elf::Sym>()).ok_or_else(bad)?;
    let symbols: &[Elf::Sym] = view.data.read_slice_at(at, count_here).map_err(|()| bad())?;
    // A symbol that is copied into the program (`stdout`, for example) is defined there but still bound to a
    // version.
    for (symbol, version) in symbols.iter().zip(versions) {
        let index = version.get(view.endian) & elf::VERSYM_VERSION;
        if let Some(need) = by_index.get(&index).and_then(|i| needs.get_mut(*i)) {
            need.symbols.push(view.string(dynamic, symbol.st_name(view.endian).into())?);
        }
    }
    Ok(())
}

/// Returns the number of dynamic symbols. The dynamic segment does not contain it, so it is read from the
/// section headers or else from a hash table.
pub(super) fn symbol_count<'d, Elf, R>(view: &View<'d, Elf, R>, dynamic: &Dynamic<'d>) -> Option<u64>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let section = view.sections.iter().find(|s| {
        s.sh_type(view.endian) == elf::SHT_DYNSYM && Some(s.sh_addr(view.endian).into()) == dynamic.symbols
    });
    if let Some(section) = section {
        return Some(section.sh_size(view.endian).into() / size_of::<Elf::Sym>() as u64);
    }
    if let Some(hash) = dynamic.hash {
        // The second word is the length of the chains, which equals the number of symbols. On these two
        // machines, words have 64 bits (System V psABI supplements for s390x and Alpha).
        let wide = size_of::<Elf::Word>() == 8 && matches!(view.machine, elf::EM_S390 | elf::EM_ALPHA);
        return if wide {
            let words: &[U64<Endianness>] = view.data.read_slice_at(view.offset(hash, 16)?, 2).ok()?;
            Some(words[1].get(view.endian))
        } else {
            let words: &[U32<Endianness>] = view.data.read_slice_at(view.offset(hash, 8)?, 2).ok()?;
            Some(words[1].get(view.endian).into())
        };
    }
    let table = GnuHashTable::<Elf>::parse(view.endian, view.tail(dynamic.gnu_hash?)?).ok()?;
    table.symbol_table_length(view.endian).map(u64::from)
}
