//! Reads maps that consist of one table: those of LLD and of mold. The indentation of a name shows its kind:
//! a section of the program, an input with a share in it, or a symbol.
//!
//! LLD's map of a WebAssembly module has the columns `Addr`, `Off` and `Size`. The address is that in the
//! module's memory, and `-` for everything that is not in memory, such as code. The rows of the parts of the
//! memory follow the row of the section `DATA`, which contains them.
//!
//! LLD's map of a Windows program has the columns `Address`, `Size` and `Align`.
//!
//! ```text
//!              VMA              LMA     Size Align Out     In      Symbol
//!              318              318       1c     1 .interp
//!              318              318       1c     1         <internal>:(.interp)
//!             15c0             15c0       2c    16         /x/libz.a(crc32.o):(.text)
//!             15c0             15c0       2c     1                 crc32
//! ```

use super::map::{MapFormat, MapReading, field, lines, number};

/// Returns the linker that wrote a table, by its header line, and the text after this line. Returns none if
/// there is no header line.
pub(super) fn begin(text: &[u8]) -> Option<(MapFormat, &[u8])> {
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        let words: Vec<&[u8]> =
            line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(7).collect();
        let format = match words.as_slice() {
            [b"VMA", b"LMA", b"Size", b"Align", b"Out", b"In", b"Symbol"] => MapFormat::Lld,
            [b"VMA", b"Size", b"Align", b"Out", b"In", b"Symbol"] => MapFormat::Mold,
            [b"Addr", b"Off", b"Size", b"Out", b"In", b"Symbol"] => MapFormat::WasmLld,
            [b"Address", b"Size", b"Align", b"Out", b"In", b"Symbol"] => MapFormat::LldLink,
            _ => continue,
        };
        return Some((format, &text[at..]));
    }
    None
}

/// Reads the rows of a table.
pub(super) fn read(format: MapFormat, text: &[u8], reading: &mut MapReading) {
    for line in lines(text) {
        // A line that is not a row does not come from the linker. A driver may print between the rows.
        let read = if format == MapFormat::WasmLld { wasm_row(line) } else { row(format, line) };
        let Some((address, size, rest)) = read else { continue };
        match rest.iter().position(|byte| *byte != b' ') {
            Some(0) => reading.section(rest, address, size),
            Some(8) => {
                let name = if format == MapFormat::LldLink { Some(&rest[8..]) } else { file_of(&rest[8..]) };
                if let Some(name) = name {
                    reading.input(name, size);
                }
            }
            _ => {}
        }
    }
}

/// Returns the address, the size and the name part of a row.
fn row(format: MapFormat, line: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (address, rest) = field(line);
    let address = number(address, 16)?;
    let (size, radix, rest) = match format {
        // The column between address and size is the load address.
        MapFormat::Lld => {
            let (load, rest) = field(rest);
            number(load, 16)?;
            let (size, rest) = field(rest);
            (size, 16, rest)
        }
        MapFormat::LldLink => {
            let (size, rest) = field(rest);
            (size, 16, rest)
        }
        _ => {
            let (size, rest) = field(rest);
            (size, 10, rest)
        }
    };
    let size = number(size, radix)?;
    let (align, rest) = field(rest);
    number(align, 10)?;
    Some((address, size, rest.strip_prefix(b" ")?))
}

/// Returns the place, the size and the name part of a row about a WebAssembly module. The place is the offset
/// in the file for what is not in memory. It is 0 for custom sections, which no program needs.
fn wasm_row(line: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (address, rest) = field(line);
    let (offset, rest) = field(rest);
    let (size, rest) = field(rest);
    let rest = rest.strip_prefix(b" ")?;
    let place = match address {
        _ if rest.starts_with(b"CUSTOM") => 0,
        b"-" => number(offset, 16)?,
        address => number(address, 16)?,
    };
    Some((place, number(size, 16)?, rest))
}

/// Returns the file in `file:(section)`, or none for an entry of a linker script, which has no file.
fn file_of(input: &[u8]) -> Option<&[u8]> {
    Some(file_and_section(input)?.0)
}

/// Returns the file and the section in `file:(section)`.
pub(super) fn file_and_section(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let input = input.strip_suffix(b")")?;
    let at = input.windows(2).rposition(|two| two == b":(")?;
    Some((&input[..at], &input[at + 2..]))
}
