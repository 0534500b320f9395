//! A link map as its linker writes it: which input gave how many bytes to which section of the program.

use std::collections::BTreeMap;

use super::{gnu, table};

/// The linker whose way of writing a map this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapFormat {
    /// LLD, as `rust-lld`, behind a compiler driver, or inside zig.
    Lld,
    /// mold.
    Mold,
    /// GNU ld, also called bfd.
    Gnu,
    /// GNU gold.
    Gold,
}

/// A link map, as far as it says what is in the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkMap {
    /// Who wrote the map.
    pub format: MapFormat,
    /// The sections of the program, in the order of the map.
    pub sections: Vec<MappedSection>,
    /// What each input gave to the part of the program that is loaded, by the name that the linker gives to the input:
    /// `/x/a.o`, `/x/libz.a(inflate.o)`.
    pub inputs: BTreeMap<String, InputShare>,
}

/// A section of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedSection {
    /// The name of the section, such as `.text`.
    pub name: String,
    /// Where it is loaded; 0 for what is not loaded, such as debug information.
    pub address: u64,
    /// Its size, in bytes.
    pub size: u64,
}

/// What an input gave to a program, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InputShare {
    /// Code and data that are in the file.
    pub bytes: u64,
    /// Memory that is zero when the program starts, and is not in the file.
    pub zeroed: u64,
}

/// The name that LLD gives to what it made itself.
pub(super) const LINKERS_OWN: &str = "<internal>";

impl LinkMap {
    /// Reads a map of any linker that is known here. Other text may stand in front of it.
    ///
    /// None where it is no map: also one of a linker that speaks another language than English.
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

/// What was read so far.
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

    /// Adds what an input gave to the section that was begun last. What is not loaded does not count, nor does what
    /// stands in no section: linkers list what they threw away, too.
    pub(super) fn input(&mut self, name: &[u8], size: u64) {
        let Some(section) = self.sections.last().filter(|section| section.address != 0) else { return };
        if size == 0 {
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

/// Whether a section of the program takes no bytes in the file.
fn is_zeroed(section: &str) -> bool {
    [".bss", ".tbss", ".sbss", ".lbss", ".dynbss", ".noinit"]
        .iter()
        .any(|name| section.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// The number that a field writes; `0x` may stand in front of a hexadecimal one.
pub(super) fn number(field: &[u8], radix: u32) -> Option<u64> {
    let field = std::str::from_utf8(field).ok()?;
    let digits = if radix == 16 { field.strip_prefix("0x").unwrap_or(field) } else { field };
    // What `from_str_radix` takes and no linker writes.
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, radix).ok() }
}

/// The first field of a line, without the space in front of it, and what follows it.
pub(super) fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let begin = line.iter().position(|byte| *byte != b' ').unwrap_or(line.len());
    let line = &line[begin..];
    line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()))
}

/// The lines of a text, without what ends them.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}
