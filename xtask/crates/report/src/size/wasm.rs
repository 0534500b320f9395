//! The parts of a WebAssembly program.

use super::crates::{NamedPart, summed};
use super::{CrateSize, DEPENDENCY_LIST, SectionSize};
use xtask_link_map::wasm::{WasmFault, WasmModule, section};

/// Returns the sections of a module that a host loads, and the dependency list; and the crates of its functions, if it has
/// their names.
pub(super) fn parts(bytes: &[u8]) -> Result<(Vec<SectionSize>, Vec<CrateSize>), WasmFault> {
    let module = WasmModule::parse(bytes)?;
    let shipped = module.sections.iter().filter(|it| it.id != section::CUSTOM || it.name == DEPENDENCY_LIST);
    let name = |it: &xtask_link_map::wasm::WasmSection<'_>| match it.id {
        section::CUSTOM => it.name.to_owned(),
        _ => it.map_name().to_owned(),
    };
    let sections = shipped.map(|it| SectionSize { name: name(it), size: it.size }).collect();
    let mut begin = 0_u64;
    let mut functions = Vec::new();
    for (name, size) in module.named_functions()? {
        let end = begin.saturating_add(size);
        functions.push(NamedPart::of_function(begin, end, name));
        begin = end;
    }
    Ok((sections, summed(functions)))
}
