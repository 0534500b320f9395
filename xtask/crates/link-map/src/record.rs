//! The record of a link: its map, together with the notes of every object. It is made directly after the
//! link, because rustc then removes objects. Only the record is kept.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Component, Path, PathBuf};

use object::read::elf::{FileHeader, SectionHeader as _};
use object::{Endianness, ReadCache, ReadRef, elf};
use serde::{Deserialize, Serialize};

use super::arguments::LinkArguments;
use super::macho::{self, SeenProgram};
use super::map::{InputShare, LINKERS_OWN, LinkMap, MapFormat};
use super::notes::{self, ObjectNotes};
use super::pe;
use super::shared::{self, SharedLibrary};
use super::wasm::{WasmModule, section};

/// The version of the record format. A record with another version is ignored.
const SCHEMA: u32 = 1;

/// The account of one link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    schema: u32,
    /// The file that was linked.
    pub output: PathBuf,
    /// The reason why nothing is known about the link; none if its map was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
    /// The loaded sections of the program from the map, with name, address and size.
    pub sections: Vec<LoadedSection>,
    /// The files with a share in the program.
    pub files: Vec<LinkedFile>,
    /// The shared libraries that the program needs.
    pub needed: Vec<String>,
    /// The shared libraries among the inputs whose paths are known.
    pub shared: Vec<SharedLibrary>,
    /// The inputs in the arguments of the link.
    pub given: LinkArguments,
}

/// A section of a program that is loaded: name, address and size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoadedSection(pub String, pub u64, pub u64);

/// A file with a share in a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedFile {
    /// The path of the object or archive.
    pub path: PathBuf,
    /// The objects of the file that are in the program.
    pub objects: Vec<LinkedObject>,
}

/// An object with a share in a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedObject {
    /// The member of the archive; none if the file itself is the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The number of bytes of code and data that it gave.
    pub bytes: u64,
    /// The number of bytes of memory that it gave and that is zero at the start.
    pub zeroed: u64,
    /// The notes that it contains; none if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<ObjectNotes>,
}

impl LinkRecord {
    /// Makes the record of a link about whose inputs nothing is known.
    pub fn unseen(given: LinkArguments, why: impl Into<String>) -> Self {
        Self {
            schema: SCHEMA,
            output: given.output.clone().unwrap_or_default(),
            unseen: Some(why.into()),
            sections: Vec::new(),
            files: Vec::new(),
            needed: Vec::new(),
            shared: Vec::new(),
            given,
        }
    }

    /// Makes the record of a finished link of a Mach-O program, whose linker makes no map.
    pub fn of_inputs(given: LinkArguments) -> Self {
        let seen = given
            .output
            .as_deref()
            .map_or(Err("the link has no output"), |output| macho::seen(output, &given));
        match seen {
            Err(why) => Self::unseen(given, why),
            Ok(SeenProgram { sections, needed, files }) => {
                Self { sections, needed, files, unseen: None, ..Self::unseen(given, "") }
            }
        }
    }

    /// Makes the record of a finished link from its map. Relative paths in the map are resolved in `folder`,
    /// in which the linker was started.
    pub fn new(given: LinkArguments, map: &LinkMap, folder: &Path) -> Self {
        let given = LinkArguments {
            folders: given.folders.iter().map(|folder| clean(folder)).collect(),
            files: given.files.iter().map(|file| clean(file)).collect(),
            ..given
        };
        let ProgramSections { needed, base, padding, .. } =
            given.output.as_deref().and_then(program).unwrap_or_default();
        let base = if map.format == MapFormat::LldLink { base } else { 0 };
        let loaded = map.sections.iter().filter(|section| section.address != 0 && section.size != 0);
        let loaded = loaded.map(|section| {
            let size = section.size.checked_next_multiple_of(padding.max(1)).unwrap_or(section.size);
            LoadedSection(section.name.clone(), base.saturating_add(section.address), size)
        });
        let sections = loaded.collect();
        Self {
            schema: SCHEMA,
            output: given.output.clone().unwrap_or_default(),
            unseen: None,
            sections,
            files: files(map, folder, &given),
            shared: shared::among(&given),
            needed,
            given,
        }
    }

    /// Returns the record in the form in which it is kept.
    ///
    /// # Errors
    /// A path is not valid Unicode.
    pub fn to_json(&self) -> std::io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads a kept record. Returns none if the bytes are not a record, or a record of another version.
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|record: &Self| record.schema == SCHEMA)
    }

    /// Whether the record belongs to this program: the map contains every loaded section of the program, with
    /// the same address and size. Parts that are removed after the link, such as symbols, are not loaded.
    pub fn is_of(&self, program: &Path) -> bool {
        let Some(ProgramSections { sections, .. }) = self::program(program) else { return false };
        !sections.is_empty() && sections.iter().all(|section| self.sections.contains(section))
    }
}

/// Returns the files of a map, with their objects.
fn files(map: &LinkMap, folder: &Path, given: &LinkArguments) -> Vec<LinkedFile> {
    let mut all: BTreeMap<PathBuf, BTreeMap<Option<String>, InputShare>> = BTreeMap::new();
    let mut is_file = BTreeMap::new();
    for (name, share) in map.inputs.iter().filter(|(name, _)| *name != LINKERS_OWN) {
        let mut there = |path: &Path| *is_file.entry(path.to_owned()).or_insert_with(|| path.is_file());
        let (path, member) = split(name, folder, &mut there);
        all.entry(path).or_default().insert(member, *share);
    }
    let mut files: Vec<LinkedFile> = all.into_iter().map(|(path, objects)| file(path, objects)).collect();
    for LinkedFile { path, objects } in &mut files {
        for LinkedObject { member, notes, .. } in objects {
            let output = given.output.as_deref().unwrap_or(Path::new(""));
            if let Some(notes) = notes.as_mut().filter(|notes| notes.coff && notes.makers.is_empty())
                && notes::is_of_rustc(path, member.as_deref(), output)
            {
                notes.makers.push(notes::RUSTC_BY_NAME.to_owned());
            }
        }
    }
    // The object that the linker itself compiled at link time no longer exists. It was made from all inputs
    // with such code.
    let mut unread = files
        .iter_mut()
        .flat_map(|file| &mut file.objects)
        .filter(|object| object.member.is_none() && object.notes.is_none())
        .peekable();
    if unread.peek().is_some() {
        let makers = notes::of_link_time(&given.inputs());
        unread.for_each(|object| object.notes = makers.clone());
    }
    files
}

/// Splits the linker's name of an input, `archive(member)` or `object`, into file and member. Both may
/// contain parentheses, so the existing files decide.
fn split(name: &str, folder: &Path, there: &mut impl FnMut(&Path) -> bool) -> (PathBuf, Option<String>) {
    let whole = clean(&folder.join(name));
    let Some(inner) = name.strip_suffix(')').filter(|_| !there(&whole)) else { return (whole, None) };
    let places: Vec<usize> = inner.match_indices('(').map(|(at, _)| at).collect();
    let archive = |at: &&usize| there(&folder.join(&inner[..**at]));
    let Some(at) = places.iter().find(archive).or(places.last()) else { return (whole, None) };
    (clean(&folder.join(&inner[..*at])), Some(inner[at + 1..].to_owned()))
}

/// Returns a path without `..`, which drivers write into the paths of their own files.
fn clean(path: &Path) -> PathBuf {
    let climbs = path.components().any(|part| part == Component::ParentDir);
    let real = climbs.then(|| std::fs::canonicalize(path).ok()).flatten();
    real.unwrap_or_else(|| path.to_owned())
}

fn file(path: PathBuf, objects: BTreeMap<Option<String>, InputShare>) -> LinkedFile {
    let mut found: BTreeMap<Option<String>, ObjectNotes> = BTreeMap::new();
    if objects.contains_key(&None) {
        found.extend(notes::of_file(&path).map(|notes| (None, notes)));
    }
    if objects.keys().any(Option::is_some) {
        let wanted = |name: &str| objects.contains_key(&Some(name.to_owned()));
        // A map does not distinguish members with the same name.
        notes::of_archive(&path, wanted, |name, notes| match found.entry(Some(name.to_owned())) {
            Entry::Occupied(mut known) => known.get_mut().extend(notes),
            Entry::Vacant(new) => drop(new.insert(notes)),
        });
    }
    let object = |(member, share): (Option<String>, InputShare)| LinkedObject {
        notes: found.get(&member).cloned(),
        bytes: share.bytes,
        zeroed: share.zeroed,
        member,
    };
    LinkedFile { objects: objects.into_iter().map(object).collect(), path }
}

/// The parts of a linked program that are read.
#[derive(Default)]
pub(super) struct ProgramSections {
    pub(super) sections: Vec<LoadedSection>,
    pub(super) needed: Vec<String>,
    /// The address that the program is linked for. Some maps name addresses relative to it.
    pub(super) base: u64,
    /// The sizes are rounded up to a multiple of this number, because some maps do so; 0 if they are not.
    pub(super) padding: u64,
}

fn program(file: &Path) -> Option<ProgramSections> {
    let cache = ReadCache::new(std::fs::File::open(file).ok()?);
    match (&cache).read_bytes_at(0, 5) {
        Ok(b"\x7fELF\x01") => read::<elf::FileHeader32<Endianness>, _>(&cache),
        Ok(b"\x7fELF\x02") => read::<elf::FileHeader64<Endianness>, _>(&cache),
        Ok(b"\0asm\x01") => wasm(&cache),
        Ok([b'M', b'Z', ..]) => pe::sections(file),
        _ => macho::sections(file),
    }
}

/// Reads a WebAssembly module. The place of a section is its offset in the file, as in the map. Custom
/// sections are left out, because a later step may add some.
fn wasm<'data>(data: impl ReadRef<'data>) -> Option<ProgramSections> {
    let module = WasmModule::parse(data.read_bytes_at(0, data.len().ok()?).ok()?).ok()?;
    let sections = module.sections.iter().filter(|it| it.id != section::CUSTOM);
    let sections = sections.map(|it| LoadedSection(it.map_name().to_owned(), it.offset, it.size));
    Some(ProgramSections { sections: sections.collect(), ..ProgramSections::default() })
}

fn read<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(data: R) -> Option<ProgramSections> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let table = header.sections(endian, data).ok()?;
    let mut sections = Vec::new();
    for section in table.iter() {
        let (address, size) = (section.sh_addr(endian).into(), section.sh_size(endian).into());
        if section.sh_flags(endian).contains(elf::SHF_ALLOC) && size != 0 {
            let name = String::from_utf8_lossy(table.section_name(endian, section).ok()?).into_owned();
            sections.push(LoadedSection(name, address, size));
        }
    }
    let needed = shared::needed(&table, endian, data);
    Some(ProgramSections { sections, needed, ..ProgramSections::default() })
}
