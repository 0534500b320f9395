//! The account of a Mach-O program. Its linker makes no map here. The symbols of the linked program say which
//! inputs are in it: every input with code or data defines symbols, and the program keeps them until it is
//! stripped.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::read::macho::MachOFile64;
use object::{Endianness, Object, ObjectSection, ObjectSymbol, ReadCache, ReadRef, SectionKind};

use super::arguments::LinkArguments;
use super::notes::{ObjectNotes, RUSTC_BY_NAME, is_of_rustc};
use super::record::{LinkedFile, LinkedObject, LoadedSection, ProgramSections};

/// The facts that are read from a program and from the inputs of its link.
pub(super) struct SeenProgram {
    pub(super) sections: Vec<LoadedSection>,
    pub(super) needed: Vec<String>,
    pub(super) files: Vec<LinkedFile>,
}

type MachFile<'data, R> = MachOFile64<'data, Endianness, R>;

/// The bytes of a symbol in the program, and whether they are zero at the start.
type SymbolShare = (u64, bool);

/// Reads the sections and the libraries of a Mach-O program. Returns none for another file.
pub(super) fn sections(file: &Path) -> Option<ProgramSections> {
    let cache = ReadCache::new(File::open(file).ok()?);
    let program = MachFile::parse(&cache).ok()?;
    let (sections, needed) = (loaded(&program), needed(&program)?);
    Some(ProgramSections { sections, needed, ..ProgramSections::default() })
}

/// Reads a program directly after its link, and the inputs of the link.
///
/// # Errors
/// The reason why the origin of the program's parts is not known.
pub(super) fn seen(output: &Path, given: &LinkArguments) -> Result<SeenProgram, &'static str> {
    let unread = "the linked program cannot be read";
    let cache = ReadCache::new(File::open(output).map_err(|_| unread)?);
    let program = MachFile::parse(&cache).map_err(|_| unread)?;
    let mut symbols = shares(&program);
    if symbols.is_empty() {
        return Err("the linker left no symbols in the program, which say where its parts come from");
    }
    let mut inputs = Vec::new();
    for path in given.inputs() {
        if !read_input(&path, output, &mut inputs) {
            return Err("an input of the linker cannot be read");
        }
    }
    // Objects of rustc come first, so that no other object gets a symbol with the same name.
    inputs.sort_by_key(|input| !input.rust);
    let linked = |input: &InputObject, names: &[Vec<u8>], symbols: &BTreeMap<Vec<u8>, Vec<SymbolShare>>| {
        input.taken.is_none() && names.iter().any(|name| symbols.contains_key(name))
    };
    for input in &mut inputs {
        if linked(input, &input.global, &symbols) {
            input.take(&mut symbols);
        }
    }
    // An object whose visible functions were all removed is still there if other parts of it are.
    for input in inputs.iter_mut().filter(|input| !input.rust) {
        if linked(input, &input.local, &symbols) {
            input.take(&mut symbols);
        }
    }
    let needed = needed(&program).ok_or(unread)?;
    let files = files(inputs).into_iter().chain(added_cxx(&symbols)).collect();
    Ok(SeenProgram { sections: loaded(&program), needed, files })
}

/// The name of the C++ library that the linker adds.
const ADDED_CXX: &str = "libc++.a";

/// Returns the C++ library that the linker added by itself, if the program contains parts of it. zig has its own
/// static one, which no argument names by a path. `left` are the symbols that no input defines.
fn added_cxx(left: &BTreeMap<Vec<u8>, Vec<SymbolShare>>) -> Option<LinkedFile> {
    let shares: Vec<&SymbolShare> =
        left.iter().filter(|(name, _)| is_of_cxx(name)).flat_map(|(_, shares)| shares).collect();
    let total = |zero: bool| {
        shares
            .iter()
            .filter(|(_, zeroed)| *zeroed == zero)
            .fold(0_u64, |sum, (size, _)| sum.saturating_add(*size))
    };
    let object = LinkedObject {
        member: None,
        bytes: total(false),
        zeroed: total(true),
        notes: Some(ObjectNotes::default()),
    };
    (!shares.is_empty()).then(|| LinkedFile { path: PathBuf::from(ADDED_CXX), objects: vec![object] })
}

/// Whether a name is one of a C++ library: mangled as in C++, or of the functions below it (Itanium C++ ABI). Older
/// names of Rust begin alike, and end with `17h`, 16 digits and `E`.
fn is_of_cxx(name: &[u8]) -> bool {
    let end = name.len().checked_sub(20).and_then(|at| name.get(at..)).unwrap_or_default();
    let is_rust =
        end.starts_with(b"17h") && end.ends_with(b"E") && end[3..19].iter().all(u8::is_ascii_hexdigit);
    let begins = [&b"__Z"[..], b"___cxa_", b"___gxx_"];
    !is_rust && begins.iter().any(|begin| name.starts_with(begin))
}

/// An object among the inputs of a link.
struct InputObject {
    path: PathBuf,
    member: Option<String>,
    /// Whether rustc made it, by its name.
    rust: bool,
    /// The names that it defines for other objects.
    global: Vec<Vec<u8>>,
    /// The names that it defines for itself.
    local: Vec<Vec<u8>>,
    /// Its bytes in the program, and those that are zero at the start; none if it is not in the program.
    taken: Option<(u64, u64)>,
}

/// The names that an object defines, for others and for itself.
#[derive(Default)]
struct DefinedNames {
    global: Vec<Vec<u8>>,
    local: Vec<Vec<u8>>,
}

impl InputObject {
    /// Takes the symbols that the object defines from those of the program.
    fn take(&mut self, symbols: &mut BTreeMap<Vec<u8>, Vec<SymbolShare>>) {
        let (mut bytes, mut zeroed) = (0_u64, 0_u64);
        for name in self.global.iter().chain(&self.local) {
            let Some(shares) = symbols.get_mut(name) else { continue };
            match shares.pop() {
                Some((size, true)) => zeroed = zeroed.saturating_add(size),
                Some((size, false)) => bytes = bytes.saturating_add(size),
                None => {}
            }
            if shares.is_empty() {
                symbols.remove(name);
            }
        }
        self.taken = Some((bytes, zeroed));
    }
}

fn loaded<'data, R: ReadRef<'data>>(program: &MachFile<'data, R>) -> Vec<LoadedSection> {
    let name = |section: &object::read::macho::MachOSection64<'data, '_, Endianness, R>| {
        let segment = section.segment_name().ok().flatten().unwrap_or_default();
        format!("{segment},{}", section.name().unwrap_or_default())
    };
    let sections = program.sections().filter(|section| section.size() != 0);
    sections.map(|section| LoadedSection(name(&section), section.address(), section.size())).collect()
}

fn needed<'data, R: ReadRef<'data>>(program: &MachFile<'data, R>) -> Option<Vec<String>> {
    let libraries = program.import_libraries().ok()?;
    libraries.map(|it| Some(String::from_utf8_lossy(it.ok()?.name()).into_owned())).collect()
}

/// Whether a name can show an origin. Names without this letter belong to assemblers, and many objects have the
/// same.
fn is_telling(name: &[u8]) -> bool {
    name.starts_with(b"_") && name != b"__mh_execute_header"
}

/// Returns the symbols of a program with their shares. A symbol ends where the next one of its section begins.
fn shares<'data, R: ReadRef<'data>>(program: &MachFile<'data, R>) -> BTreeMap<Vec<u8>, Vec<SymbolShare>> {
    let mut ends: BTreeMap<usize, (u64, bool)> = BTreeMap::new();
    for section in program.sections() {
        let zeroed = matches!(section.kind(), SectionKind::UninitializedData | SectionKind::UninitializedTls);
        ends.insert(section.index().0, (section.address().saturating_add(section.size()), zeroed));
    }
    let mut all: Vec<(usize, u64, Vec<u8>)> = Vec::new();
    for symbol in program.symbols().filter(ObjectSymbol::is_definition) {
        if let (Some(section), Ok(name)) = (symbol.section_index(), symbol.name_bytes()) {
            all.push((section.0, symbol.address(), name.to_vec()));
        }
    }
    all.sort();
    let mut shares: BTreeMap<Vec<u8>, Vec<SymbolShare>> = BTreeMap::new();
    for (at, (section, address, name)) in all.iter().enumerate() {
        let Some((end, zeroed)) = ends.get(section) else { continue };
        let next = all[at + 1..].iter().find(|(of, from, _)| of != section || from > address);
        let end = next.filter(|(of, ..)| of == section).map_or(*end, |(_, from, _)| *from);
        if is_telling(name) {
            shares.entry(name.clone()).or_default().push((end.saturating_sub(*address), *zeroed));
        }
    }
    shares
}

/// Reads the objects of an input. Returns whether all of them could be read.
fn read_input(path: &Path, output: &Path, inputs: &mut Vec<InputObject>) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let cache = ReadCache::new(file);
    let mut add = |member: Option<String>, names: Option<DefinedNames>| {
        let Some(DefinedNames { global, local }) = names else { return };
        let rust = is_of_rustc(path, member.as_deref(), output);
        inputs.push(InputObject { path: path.to_owned(), member, rust, global, local, taken: None });
    };
    match (&cache).read_bytes_at(0, 8) {
        Ok(b"!<arch>\n") => {
            let Ok(archive) = ArchiveFile::parse(&cache) else { return false };
            for member in archive.members() {
                let Ok(member) = member else { return false };
                let (offset, size) = member.file_range();
                let name = String::from_utf8_lossy(member.name()).into_owned();
                add(Some(name), names(cache.range(offset, size)));
            }
            true
        }
        Ok([0xcf, 0xfa, 0xed, 0xfe, ..]) => {
            let object = names(&cache);
            let read = object.is_some();
            add(None, object);
            read
        }
        // The description of a library of macOS, which is loaded and gives no bytes.
        Ok(head) => head.starts_with(b"--- !tap"),
        Err(_) => false,
    }
}

/// Returns the names that an object defines for others and for itself, or none for another kind of file.
fn names<'data>(data: impl ReadRef<'data>) -> Option<DefinedNames> {
    let object = MachFile::parse(data).ok()?;
    let mut names = DefinedNames::default();
    for symbol in object.symbols().filter(ObjectSymbol::is_definition) {
        let name = symbol.name_bytes().ok()?;
        if is_telling(name) {
            let list = if symbol.is_global() { &mut names.global } else { &mut names.local };
            list.push(name.to_vec());
        }
    }
    Some(names)
}

/// Returns the files with objects in the program.
fn files(inputs: Vec<InputObject>) -> Vec<LinkedFile> {
    let mut files: BTreeMap<PathBuf, Vec<LinkedObject>> = BTreeMap::new();
    for input in inputs {
        let Some((bytes, zeroed)) = input.taken else { continue };
        let makers = if input.rust { vec![RUSTC_BY_NAME.to_owned()] } else { Vec::new() };
        let notes = Some(ObjectNotes { makers, ..ObjectNotes::default() });
        let object = LinkedObject { member: input.member, bytes, zeroed, notes };
        files.entry(input.path).or_default().push(object);
    }
    files.into_iter().map(|(path, objects)| LinkedFile { path, objects }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_input_defines_and_cplusplus_names_is_a_library_of_it() {
        let left = |names: &[&str]| {
            let shares = names.iter().map(|name| (name.as_bytes().to_vec(), vec![(8, false), (4, true)]));
            added_cxx(&shares.collect())
        };
        // Rust's two kinds of names, and a function of zig's compiler library.
        let rust = ["__ZN4core3fmt5write17h0123456789abcdefE", "__RNvCs1234_7mycrate3foo", "___udivti3"];
        assert!(left(&rust).is_none());
        let found = left(&["__ZNSt3__16locale7classicEv", "___cxa_throw", rust[0]]).unwrap();
        assert_eq!((found.path.as_path(), found.objects.len()), (Path::new(ADDED_CXX), 1));
        assert_eq!((found.objects[0].bytes, found.objects[0].zeroed), (16, 8));
    }
}
