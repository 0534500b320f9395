//! Reads the parts of a program: its sections and, if it has symbols, the crates to which they belong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use object::{BinaryFormat, Object, ObjectSection, ObjectSymbol, SectionKind};

use super::mangled::{Owner, owner};
use super::wasm;
use super::{CrateSize, DEPENDENCY_LIST, ImageSize, PlatformSize, ProgramSize, SectionSize, SymbolSource};
use xtask_files::error::{Error, Result};
use xtask_files::{counted, dist};

/// The maximum number of symbols that are read: that of a browser.
const SYMBOLS_MAX: usize = 8_000_000;

/// Adds the parts of the program to each platform whose packed program is still in target/dist/bin. `twin`
/// finds the same program with its symbols.
///
/// # Errors
/// As [`program`].
pub fn add_programs(
    images: &mut [ImageSize],
    bin: &str,
    dist: &Path,
    twin: impl Fn(&PlatformSize) -> Option<PathBuf>,
) -> Result<()> {
    for platform in images.iter_mut().flat_map(|image| &mut image.platforms) {
        let Some((target, mode)) = &platform.built else { continue };
        let file = dist::program(dist, target, mode).join(bin);
        let packed =
            platform.files.iter().find(|file| file.path == bin && !file.hidden).map(|file| file.size);
        let there = std::fs::metadata(&file).ok().map(|meta| meta.len());
        if there.is_some() && there == packed {
            platform.program = Some(program(&file, bin, twin(platform).as_deref())?);
        }
    }
    Ok(())
}

/// Reads a program. `shown` is its path in the image. If the program has no symbols, `named` is the same
/// program with symbols.
///
/// # Errors
/// A file cannot be read, or is not an object file. Or the code of `named` has another size.
pub fn program(file: &Path, shown: &str, named: Option<&Path>) -> Result<ProgramSize> {
    let ProgramParts { size, sections, crates } = parts(file)?;
    let (symbols, crates) = match named {
        _ if !crates.is_empty() => (SymbolSource::Own, crates),
        None => (SymbolSource::Stripped, Vec::new()),
        Some(named) => {
            let twin = parts(named)?;
            same_code(&sections, &twin.sections, named)?;
            (SymbolSource::Built, twin.crates)
        }
    };
    Ok(ProgramSize { path: shown.to_owned(), size, symbols, sections, crates, contents: None })
}

/// The parts of a program's file that are measured.
struct ProgramParts {
    size: u64,
    sections: Vec<SectionSize>,
    crates: Vec<CrateSize>,
}

/// Reads the parts of a program.
fn parts(file: &Path) -> Result<ProgramParts> {
    let bytes = std::fs::read(file).map_err(|e| Error::io("cannot read", file, &e))?;
    let refused = |why: String| Error::failed(format!("{} is not a program", file.display())).found(why);
    let (mut sections, mut crates) = if bytes.starts_with(b"\0asm") {
        wasm::parts(&bytes).map_err(|fault| refused(fault.to_string()))?
    } else {
        let parsed = object::File::parse(bytes.as_slice()).map_err(|e| refused(e.to_string()))?;
        (self::sections(&parsed), self::crates(&parsed))
    };
    sections.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    crates.sort_by(|a, b| b.all().cmp(&a.all()).then_with(|| a.name.cmp(&b.name)));
    Ok(ProgramParts { size: bytes.len() as u64, sections, crates })
}

/// Returns the sections that are loaded and occupy space in the file, and the dependency list.
fn sections(file: &object::File<'_>) -> Vec<SectionSize> {
    file.sections()
        .filter(|section| is_loaded(section) || section.name() == Ok(DEPENDENCY_LIST))
        .filter(|section| section.kind() != SectionKind::UninitializedData)
        .filter_map(|section| {
            let size = section.file_range()?.1;
            Some(SectionSize { name: section.name().ok()?.to_owned(), size })
        })
        .filter(|section| section.size > 0)
        .collect()
}

fn is_loaded<'d>(section: &impl ObjectSection<'d>) -> bool {
    match section.flags() {
        object::SectionFlags::Elf { sh_flags, .. } => sh_flags.0 & object::elf::SHF_ALLOC.0 != 0,
        // Windows loads debug information with the program, but no program contains it on purpose.
        _ => !section.name().is_ok_and(|name| name.starts_with(".debug_")),
    }
}

/// The names of the section of code, in the formats of programs.
const CODE: [&str; 3] = [".text", "__text", "CODE"];

/// Checks that the code has the same size. The linker's tables may differ with the names.
fn same_code(shipped: &[SectionSize], twin: &[SectionSize], file: &Path) -> Result<()> {
    let text = |all: &[SectionSize]| {
        all.iter().find(|section| CODE.contains(&section.name.as_str())).map(|section| section.size)
    };
    if text(shipped) == text(twin) {
        return Ok(());
    }
    let size = |size: Option<u64>| size.map_or_else(|| "none".to_owned(), |size| counted(size, "byte"));
    Err(Error::failed(format!("{} is not the program that ships with its symbols", file.display())).found(
        format!("its code has {}, that of the one that ships {}", size(text(twin)), size(text(shipped))),
    ))
}

/// A part of a program with a name.
pub(super) struct NamedPart<'a> {
    section: usize,
    begin: u64,
    /// The end, which is that of the section if the format has no sizes of symbols.
    end: u64,
    code: bool,
    name: &'a str,
}

impl<'a> NamedPart<'a> {
    /// Makes the part of a function, in a format that has one section of code.
    pub(super) fn of_function(begin: u64, end: u64, name: &'a str) -> Self {
        Self { section: 0, begin, end, code: true, name }
    }
}

/// Returns the crates. Each byte is counted once, even if it has several symbols.
fn crates(file: &object::File<'_>) -> Vec<CrateSize> {
    let kinds: BTreeMap<usize, (bool, u64)> = file
        .sections()
        .filter(|section| is_loaded(section) && section.kind() != SectionKind::UninitializedData)
        .map(|section| {
            let end = section.address().saturating_add(section.size());
            (section.index().0, (section.kind() == SectionKind::Text, end))
        })
        .collect();
    // Without sizes, a symbol ends where the next one of its section begins.
    let sized = file.format() == BinaryFormat::Elf;
    // Names of C have a letter in front.
    let prefix = if file.format() == BinaryFormat::MachO { "_" } else { "" };
    let mut pieces: Vec<NamedPart<'_>> = file
        .symbols()
        .take(SYMBOLS_MAX)
        .filter(|symbol| if sized { symbol.size() > 0 } else { symbol.is_definition() })
        .filter_map(|symbol| {
            let section = symbol.section_index()?.0;
            let (code, section_end) = *kinds.get(&section)?;
            let begin = symbol.address();
            let size = if sized { symbol.size() } else { u64::MAX };
            let end = begin.saturating_add(size).min(section_end);
            let name = symbol.name().ok()?;
            Some(NamedPart { section, begin, end, code, name: name.strip_prefix(prefix).unwrap_or(name) })
        })
        // A Windows program has a symbol for each of its sections.
        .filter(|piece| sized || !piece.name.starts_with('.'))
        .collect();
    // If two names have the same place, the mangled one is more informative.
    let mangled = |name: &str| owner(name) != Owner::Plain;
    pieces.sort_by_cached_key(|piece| {
        (piece.section, piece.begin, !mangled(piece.name), piece.end, piece.name.to_owned())
    });
    if !sized {
        let starts: Vec<(usize, u64)> = pieces.iter().map(|piece| (piece.section, piece.begin)).collect();
        for (at, piece) in pieces.iter_mut().enumerate() {
            let next = starts[at + 1..].iter().find(|(of, from)| *of != piece.section || *from > piece.begin);
            piece.end = next.filter(|(of, _)| *of == piece.section).map_or(piece.end, |(_, from)| *from);
        }
    }
    summed(pieces)
}

/// Sums up parts by their crates. The parts are in the order of their places.
pub(super) fn summed(pieces: Vec<NamedPart<'_>>) -> Vec<CrateSize> {
    let mut sums: BTreeMap<Owner, (u64, u64)> = BTreeMap::new();
    let (mut within, mut reached) = (usize::MAX, 0);
    for piece in pieces {
        if piece.section != within {
            (within, reached) = (piece.section, 0);
        }
        let begin = piece.begin.max(reached);
        if piece.end <= begin {
            continue;
        }
        reached = piece.end;
        let sum = sums.entry(owner(piece.name)).or_default();
        let part = if piece.code { &mut sum.0 } else { &mut sum.1 };
        *part = part.saturating_add(piece.end - begin);
    }
    let name = |owner: Owner| match owner {
        Owner::Crate(name) => name,
        Owner::Cxx => "(C++)".to_owned(),
        Owner::Plain => "(C and assembly)".to_owned(),
    };
    sums.into_iter().map(|(owner, (code, data))| CrateSize { name: name(owner), code, data }).collect()
}
