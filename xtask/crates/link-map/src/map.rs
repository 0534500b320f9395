//! A link map: how many bytes each input gave to each section of the program.

use std::collections::BTreeMap;

use super::{gnu, table};

/// The linker whose map format this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapFormat {
    /// LLD: as `rust-lld`, started by a compiler driver, or inside zig.
    Lld,
    /// The linker mold.
    Mold,
    /// GNU ld, also called bfd.
    Gnu,
    /// The linker gold of GNU binutils.
    Gold,
    /// LLD for WebAssembly (wasm-ld).
    WasmLld,
    /// LLD for Windows (lld-link). Its names of inputs do not have the archive: see [`LinkMap::locate`].
    LldLink,
}

/// The part of a link map that says what is in the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkMap {
    /// The linker that wrote the map.
    pub format: MapFormat,
    /// The sections of the program, in the order of the map.
    pub sections: Vec<MappedSection>,
    /// The share of each input in the loaded part of the program, under the linker's name of the input:
    /// `/x/a.o`, `/x/libz.a(inflate.o)`.
    pub inputs: BTreeMap<String, InputShare>,
}

/// A section of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedSection {
    /// The name of the section, such as `.text`.
    pub name: String,
    /// The address at which it is loaded; 0 if it is not loaded, such as debug information.
    pub address: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// The share of an input in a program, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InputShare {
    /// The code and data that are in the file.
    pub bytes: u64,
    /// The memory that is zero at the program's start and takes no space in the file.
    pub zeroed: u64,
}

/// LLD's name for the parts that it made itself. Those of other linkers get it, too.
pub(super) const LINKERS_OWN: &str = "<internal>";

impl LinkMap {
    /// Reads a map of any known linker. Other text may precede it.
    ///
    /// Returns none if it is not a map, or if its linker writes in another language than English.
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut reading = MapReading::default();
        let format = match table::begin(text) {
            Some((format, rest)) => {
                table::read(format, rest, &mut reading);
                format
            }
            None => gnu::read(text, &mut reading)?,
        };
        Some(Self { format, sections: reading.sections, inputs: reading.inputs })
    }
}

/// The parts of a map that were read so far.
#[derive(Debug, Default)]
pub(super) struct MapReading {
    sections: Vec<MappedSection>,
    inputs: BTreeMap<String, InputShare>,
}

impl MapReading {
    /// Begins a section of the program.
    pub(super) fn section(&mut self, name: &[u8], address: u64, size: u64) {
        let name = String::from_utf8_lossy(name).into_owned();
        self.sections.push(MappedSection { name, address, size });
    }

    /// Adds the share of an input to the section that was begun last. Sections that are not loaded do not
    /// count. Inputs outside of any section do not count either, because linkers also list discarded inputs.
    pub(super) fn input(&mut self, name: &[u8], size: u64) {
        let Some(section) = self.sections.last().filter(|section| section.address != 0) else { return };
        // A Windows program has an address for debug information, too.
        if size == 0 || section.name.starts_with(".debug_") {
            return;
        }
        let zeroed = is_zeroed(&section.name);
        let name = String::from_utf8_lossy(name);
        let share = match self.inputs.get_mut(&*name) {
            Some(share) => share,
            None => self.inputs.entry(name.into_owned()).or_default(),
        };
        let sum = if zeroed { &mut share.zeroed } else { &mut share.bytes };
        *sum = sum.saturating_add(size);
    }
}

/// Whether a section of the program takes no space in the file.
fn is_zeroed(section: &str) -> bool {
    [".bss", ".tbss", ".sbss", ".lbss", ".dynbss", ".noinit"]
        .iter()
        .any(|name| section.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// Returns the number in a field. A hexadecimal one may have the prefix `0x`.
pub(super) fn number(field: &[u8], radix: u32) -> Option<u64> {
    let field = std::str::from_utf8(field).ok()?;
    let digits = if radix == 16 { field.strip_prefix("0x").unwrap_or(field) } else { field };
    // `from_str_radix` accepts a sign, but no linker writes one.
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, radix).ok() }
}

/// Returns the first field of a line without leading spaces, and the rest of the line.
pub(super) fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let begin = line.iter().position(|byte| *byte != b' ').unwrap_or(line.len());
    let line = &line[begin..];
    line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()))
}

/// Returns the lines of a text without their line ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}
