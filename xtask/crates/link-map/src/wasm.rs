//! Reads the sections of a WebAssembly module, and some of their contents. Source: "WebAssembly Core
//! Specification", section "Binary Format".

use std::collections::BTreeMap;
use std::fmt;

/// A WebAssembly module, as its sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmModule<'d> {
    /// The sections, in the order of the file.
    pub sections: Vec<WasmSection<'d>>,
}

/// A section of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmSection<'d> {
    /// Its number. 0 stands for a custom section.
    pub id: u8,
    /// The name of a custom section; empty for any other section.
    pub name: &'d str,
    /// The offset of its first byte in the file.
    pub offset: u64,
    /// Its length in the file, with its number and its length field.
    pub size: u64,
    /// Its content; for a custom section without the name.
    pub content: &'d [u8],
}

/// Why bytes are not a module that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WasmFault {
    /// They do not begin like WebAssembly.
    NotWasm,
    /// They are a component, the format of WASI preview 2 and later.
    Component,
    /// They have a version of the format that did not exist when this was written.
    Version(u32),
    /// A field contradicts the length of the file or of its section. The text names the field.
    Damaged(&'static str),
}

/// The numbers of the sections that are read.
pub mod section {
    /// Custom sections, such as names and debug information.
    pub const CUSTOM: u8 = 0;
    /// The types of functions.
    pub const TYPE: u8 = 1;
    /// What the host must provide.
    pub const IMPORT: u8 = 2;
    /// The types of the module's own functions.
    pub const FUNCTION: u8 = 3;
    /// What the module provides.
    pub const EXPORT: u8 = 7;
    /// The machine code.
    pub const CODE: u8 = 10;
    /// The initial contents of the memory.
    pub const DATA: u8 = 11;
}

/// The names of the sections in link maps, by their numbers.
const NAMES: [&str; 14] = [
    "CUSTOM",
    "TYPE",
    "IMPORT",
    "FUNCTION",
    "TABLE",
    "MEMORY",
    "GLOBAL",
    "EXPORT",
    "START",
    "ELEM",
    "CODE",
    "DATA",
    "DATACOUNT",
    "TAG",
];

/// The number of the part with the names of functions, in a section of names.
const FUNCTION_NAMES: u8 = 1;

/// The maximum number of entries of a table that is read. A larger number is damage.
const ENTRIES_MAX: u32 = 1_000_000;

/// The type of a function: its parameters and its results, one byte of the format each. 0x7f is `i32`, 0x7e
/// `i64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmSignature<'d> {
    /// The types of the parameters.
    pub parameters: &'d [u8],
    /// The types of the results.
    pub results: &'d [u8],
}

/// Something that the host must provide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmImport<'d> {
    /// The name of the module that provides it.
    pub module: &'d str,
    /// Its name in that module.
    pub name: &'d str,
    /// What it is.
    pub kind: WasmItem,
}

/// Something that a module provides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmExport<'d> {
    /// Its name.
    pub name: &'d str,
    /// What it is. The number is its index.
    pub kind: WasmItem,
}

/// The kind of an import or export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WasmItem {
    /// A function: the index of its type if it is imported, its own index if it is exported.
    Function(u32),
    /// A table of references.
    Table,
    /// A memory.
    Memory,
    /// A global variable.
    Global,
    /// A tag of an exception.
    Tag,
}

impl<'d> WasmModule<'d> {
    /// Reads the sections of a module.
    ///
    /// # Errors
    /// The bytes are not a module, or a section is longer than the file.
    pub fn parse(bytes: &'d [u8]) -> Result<Self, WasmFault> {
        let rest = bytes.strip_prefix(b"\0asm").ok_or(WasmFault::NotWasm)?;
        let version = rest.first_chunk().ok_or(WasmFault::Damaged("the version"))?;
        match u32::from_le_bytes(*version) {
            1 => {}
            // The upper half is the layer: 1 stands for components.
            version if version >> 16 == 1 => return Err(WasmFault::Component),
            version => return Err(WasmFault::Version(version)),
        }
        let mut reader = WasmReader(&rest[4..]);
        let mut sections = Vec::new();
        while !reader.0.is_empty() {
            let before = reader.0.len();
            let section = reader.section().ok_or(WasmFault::Damaged("the length of a section"))?;
            sections.push(WasmSection {
                offset: (bytes.len() - before) as u64,
                size: (before - reader.0.len()) as u64,
                ..section
            });
        }
        Ok(Self { sections })
    }

    /// Returns the content of the first section with this number, or an empty one.
    pub fn content(&self, id: u8) -> &'d [u8] {
        self.sections.iter().find(|section| section.id == id).map_or(&[], |section| section.content)
    }

    /// Returns the types of functions.
    ///
    /// # Errors
    /// The section is damaged, or has types that are not functions.
    pub fn signatures(&self) -> Result<Vec<WasmSignature<'d>>, WasmFault> {
        let mut reader = WasmReader(self.content(section::TYPE));
        reader.table(WasmReader::signature).ok_or(WasmFault::Damaged("the section of types"))
    }

    /// Returns what the host must provide.
    ///
    /// # Errors
    /// The section is damaged.
    pub fn imports(&self) -> Result<Vec<WasmImport<'d>>, WasmFault> {
        let mut reader = WasmReader(self.content(section::IMPORT));
        reader.table(WasmReader::import).ok_or(WasmFault::Damaged("the section of imports"))
    }

    /// Returns what the module provides.
    ///
    /// # Errors
    /// The section is damaged.
    pub fn exports(&self) -> Result<Vec<WasmExport<'d>>, WasmFault> {
        let mut reader = WasmReader(self.content(section::EXPORT));
        reader.table(WasmReader::export).ok_or(WasmFault::Damaged("the section of exports"))
    }

    /// Returns the index of the type of each function that the module contains.
    ///
    /// # Errors
    /// The section is damaged.
    pub fn functions(&self) -> Result<Vec<u32>, WasmFault> {
        let mut reader = WasmReader(self.content(section::FUNCTION));
        reader.table(WasmReader::number).ok_or(WasmFault::Damaged("the section of functions"))
    }

    /// Returns the functions that the module contains, in their order, with their names and the bytes of their code. The list
    /// is empty if the module has no names (`strip`), and a function without a name is left out.
    ///
    /// # Errors
    /// A section is damaged.
    pub fn named_functions(&self) -> Result<Vec<(&'d str, u64)>, WasmFault> {
        let Some(names) = self.sections.iter().find(|section| section.id == 0 && section.name == "name")
        else {
            return Ok(Vec::new());
        };
        let names =
            WasmReader(names.content).function_names().ok_or(WasmFault::Damaged("the section of names"))?;
        let imported =
            self.imports()?.iter().filter(|import| matches!(import.kind, WasmItem::Function(_))).count();
        let size = |reader: &mut WasmReader<'d>| {
            let before = reader.0.len();
            let length = reader.number()?;
            reader.bytes(length)?;
            Some((before - reader.0.len()) as u64)
        };
        let sizes = WasmReader(self.content(section::CODE)).table(size);
        let sizes = sizes.ok_or(WasmFault::Damaged("the section of code"))?;
        let named = |(at, size): (usize, u64)| {
            let index = u32::try_from(at.checked_add(imported)?).ok()?;
            Some((*names.get(&index)?, size))
        };
        Ok(sizes.into_iter().enumerate().filter_map(named).collect())
    }

    /// Returns the compilers that the section `producers` names: `rustc version 1.95.0 (…)`. Source:
    /// <https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md>. The list is empty
    /// without such a section.
    pub fn makers(&self) -> Vec<String> {
        let producers = self.sections.iter().find(|section| section.id == 0 && section.name == "producers");
        producers.and_then(|section| makers(WasmReader(section.content))).unwrap_or_default()
    }
}

impl WasmSection<'_> {
    /// Returns the name that link maps use: `CODE`.
    pub fn map_name(&self) -> &'static str {
        NAMES.get(usize::from(self.id)).copied().unwrap_or("UNKNOWN")
    }
}

fn makers(mut reader: WasmReader<'_>) -> Option<Vec<String>> {
    let fields = reader.table(|reader| {
        let field = reader.text()?;
        Some((field, reader.table(|reader| Some((reader.text()?, reader.text()?)))?))
    })?;
    let tools = fields.into_iter().filter(|(field, _)| *field == "processed-by").flat_map(|(_, tools)| tools);
    Some(tools.map(|(name, version)| format!("{name} version {version}")).collect())
}

/// The bytes that were not read yet. Every method returns none if they end too early.
#[derive(Debug, Clone, Copy)]
struct WasmReader<'d>(&'d [u8]);

impl<'d> WasmReader<'d> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: u32) -> Option<&'d [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// Reads a number of up to 64 bits in LEB128.
    fn long(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            // The tenth byte holds only the highest bit of the number.
            if shift == 63 && part > 1 {
                return None;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn number(&mut self) -> Option<u32> {
        u32::try_from(self.long()?).ok()
    }

    fn text(&mut self) -> Option<&'d str> {
        let length = self.number()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    /// Reads a number of entries, and the entries. A table without content has no entries.
    fn table<T>(&mut self, mut entry: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        if self.0.is_empty() {
            return Some(Vec::new());
        }
        let count = self.number().filter(|count| *count <= ENTRIES_MAX)?;
        (0..count).map(|_| entry(self)).collect()
    }

    /// Reads a section, with offset and size 0.
    fn section(&mut self) -> Option<WasmSection<'d>> {
        let id = self.byte()?;
        let length = self.number()?;
        let mut content = WasmReader(self.bytes(length)?);
        let name = if id == section::CUSTOM { content.text()? } else { "" };
        Some(WasmSection { id, name, offset: 0, size: 0, content: content.0 })
    }

    /// Reads the names of functions, by their indexes, in a section of names. It has a part for each kind of name.
    fn function_names(&mut self) -> Option<BTreeMap<u32, &'d str>> {
        while !self.0.is_empty() {
            let kind = self.byte()?;
            let length = self.number()?;
            let mut part = WasmReader(self.bytes(length)?);
            if kind == FUNCTION_NAMES {
                let names = part.table(|reader| Some((reader.number()?, reader.text()?)))?;
                return Some(names.into_iter().collect());
            }
        }
        Some(BTreeMap::new())
    }

    fn signature(&mut self) -> Option<WasmSignature<'d>> {
        // The form of a function. References to other types do not exist in programs of WASI preview 1.
        if self.byte()? != 0x60 {
            return None;
        }
        let mut types = || {
            let count = self.number()?;
            self.bytes(count)
        };
        Some(WasmSignature { parameters: types()?, results: types()? })
    }

    fn import(&mut self) -> Option<WasmImport<'d>> {
        let (module, name) = (self.text()?, self.text()?);
        let kind = match self.byte()? {
            0 => WasmItem::Function(self.number()?),
            1 => {
                self.byte()?;
                self.limits()?;
                WasmItem::Table
            }
            2 => {
                self.limits()?;
                WasmItem::Memory
            }
            3 => {
                self.bytes(2)?;
                WasmItem::Global
            }
            4 => {
                self.byte()?;
                self.number()?;
                WasmItem::Tag
            }
            _ => return None,
        };
        Some(WasmImport { module, name, kind })
    }

    /// Reads the size of a table or memory: a smallest one, and a largest one if the flags say so.
    fn limits(&mut self) -> Option<()> {
        let flags = self.byte()?;
        self.long()?;
        if flags & 1 != 0 {
            self.long()?;
        }
        Some(())
    }

    fn export(&mut self) -> Option<WasmExport<'d>> {
        let name = self.text()?;
        let (kind, index) = (self.byte()?, self.number()?);
        let kind = match kind {
            0 => WasmItem::Function(index),
            1 => WasmItem::Table,
            2 => WasmItem::Memory,
            3 => WasmItem::Global,
            4 => WasmItem::Tag,
            _ => return None,
        };
        Some(WasmExport { name, kind })
    }
}

/// Writes the rest of a sentence that begins with the name of the file.
impl fmt::Display for WasmFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWasm => f.write_str("is not a WebAssembly module"),
            Self::Component => f.write_str("is a WebAssembly component, not a core module"),
            Self::Version(version) => write!(f, "has version {version} of the WebAssembly format, not 1"),
            Self::Damaged(field) => write!(f, "is damaged or cut off: {field} cannot be read"),
        }
    }
}
