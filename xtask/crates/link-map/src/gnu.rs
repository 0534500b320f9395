//! Reads maps of GNU ld and of gold. A line for a section of the program has no indentation. A line for the
//! share of an input is indented by one space. A long name has its own line, and its numbers are on the next
//! line.
//!
//! ```text
//! .text           0x0000000000001060      0x5d1
//!  *(.text .stub .text.*)
//!  .text          0x0000000000001060       0x26 /usr/lib/x86_64-linux-gnu/Scrt1.o
//!  .text.unlikely._RNvCs
//!                 0x0000000000001086       0x2c /x/libz.a(crc32.o)
//!                 0x0000000000001086                crc32
//! ```

use super::map::{LINKERS_OWN, MapFormat, MapReading, field, lines, number};

/// A name whose numbers are on the next line.
enum PendingName<'t> {
    Nothing,
    Section(&'t [u8]),
    Input,
}

/// Reads such a map. Returns none if the text is not one.
pub(super) fn read(text: &[u8], reading: &mut MapReading) -> Option<MapFormat> {
    let mut format = None;
    let mut pending = PendingName::Nothing;
    for line in lines(text) {
        match line {
            b"Linker script and memory map" => format = Some(MapFormat::Gnu),
            b"Memory map" => format = Some(MapFormat::Gold),
            _ if format.is_none() => {}
            [] => pending = PendingName::Nothing,
            // More than one space: numbers for the pending name, or for a symbol.
            [b' ', b' ', ..] => {
                if let Some((address, size, rest)) = numbers(line) {
                    match pending {
                        PendingName::Section(name) => reading.section(name, address, size),
                        PendingName::Input => input(rest, size, reading),
                        PendingName::Nothing => {}
                    }
                }
                pending = PendingName::Nothing;
            }
            [b' ', line @ ..] => {
                let (name, rest) = field(line);
                pending = PendingName::Nothing;
                match numbers(rest) {
                    // Patterns of a linker script, and fill bytes.
                    _ if name.starts_with(b"*") => {}
                    Some((_, size, rest)) => input(rest, size, reading),
                    None if rest.is_empty() => pending = PendingName::Input,
                    None => {}
                }
            }
            _ => {
                let (name, rest) = field(line);
                pending = PendingName::Nothing;
                match numbers(rest) {
                    Some((address, size, _)) => reading.section(name, address, size),
                    None if rest.is_empty() => pending = PendingName::Section(name),
                    None => {}
                }
            }
        }
    }
    format
}

/// Returns address and size, both with the prefix `0x`, and the rest of the line.
fn numbers(text: &[u8]) -> Option<(u64, u64, &[u8])> {
    let hexadecimal = |field: &[u8]| number(field.strip_prefix(b"0x")?, 16);
    let (address, rest) = field(text);
    let address = hexadecimal(address)?;
    let (size, rest) = field(rest);
    Some((address, hexadecimal(size)?, rest))
}

/// Adds the share of an input.
fn input(name: &[u8], size: u64, reading: &mut MapReading) {
    let Some(name) = name.strip_prefix(b" ").filter(|name| !name.is_empty()) else { return };
    // GNU ld's name for the parts of a Windows program that it made itself, such as the table of relocations.
    if name == b"dll stuff" {
        reading.input(LINKERS_OWN.as_bytes(), size);
    } else if !is_data(name) {
        reading.input(name, size);
    }
}

/// Whether it is a number that the linker's script puts into the program: `LONG 0x0`.
fn is_data(name: &[u8]) -> bool {
    [&b"BYTE"[..], b"SHORT", b"LONG", b"QUAD", b"SQUAD"]
        .iter()
        .any(|word| name.strip_prefix(*word).is_some_and(|rest| rest.starts_with(b" 0x")))
}
