//! Reads the parts of a program: its sections and, if it has symbols, the crates to which they belong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

use super::mangled::{Owner, owner};
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
    let bytes = read(file)?;
    let parsed = parse(&bytes, file)?;
    let sections = sections(&parsed);
    let (symbols, crates) = match self::crates(&parsed) {
        found if !found.is_empty() => (SymbolSource::Own, found),
        _ => match named {
            None => (SymbolSource::Stripped, Vec::new()),
            Some(named) => {
                let bytes = read(named)?;
                let twin = parse(&bytes, named)?;
                same_code(&sections, &self::sections(&twin), named)?;
                (SymbolSource::Built, self::crates(&twin))
            }
        },
    };
    Ok(ProgramSize {
        path: shown.to_owned(),
        size: bytes.len() as u64,
        symbols,
        sections,
        crates,
        contents: None,
    })
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|e| Error::io("cannot read", file, &e))
}

fn parse<'d>(bytes: &'d [u8], file: &Path) -> Result<object::File<'d>> {
    object::File::parse(bytes)
        .map_err(|e| Error::failed(format!("{} is not a program", file.display())).found(e.to_string()))
}

/// Returns the sections that are loaded and occupy space in the file, and the dependency list.
fn sections(file: &object::File<'_>) -> Vec<SectionSize> {
    let mut list: Vec<SectionSize> = file
        .sections()
        .filter(|section| loaded(section.flags()) || section.name() == Ok(DEPENDENCY_LIST))
        .filter(|section| section.kind() != SectionKind::UninitializedData)
        .filter_map(|section| {
            let size = section.file_range()?.1;
            Some(SectionSize { name: section.name().ok()?.to_owned(), size })
        })
        .filter(|section| section.size > 0)
        .collect();
    list.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    list
}

fn loaded(flags: object::SectionFlags) -> bool {
    match flags {
        object::SectionFlags::Elf { sh_flags, .. } => sh_flags.0 & object::elf::SHF_ALLOC.0 != 0,
        _ => true,
    }
}

/// Checks that the code has the same size. The linker's tables may differ with the names.
fn same_code(shipped: &[SectionSize], twin: &[SectionSize], file: &Path) -> Result<()> {
    let text =
        |all: &[SectionSize]| all.iter().find(|section| section.name == ".text").map(|section| section.size);
    if text(shipped) == text(twin) {
        return Ok(());
    }
    let size = |size: Option<u64>| size.map_or_else(|| "none".to_owned(), |size| counted(size, "byte"));
    Err(Error::failed(format!("{} is not the program that ships with its symbols", file.display())).found(
        format!("its code has {}, that of the one that ships {}", size(text(twin)), size(text(shipped))),
    ))
}

/// Returns the crates. Each byte is counted once, even if it has several symbols.
fn crates(file: &object::File<'_>) -> Vec<CrateSize> {
    struct Piece<'a> {
        begin: u64,
        end: u64,
        code: bool,
        name: &'a str,
    }
    let kinds: BTreeMap<usize, (bool, u64)> = file
        .sections()
        .filter(|section| loaded(section.flags()) && section.kind() != SectionKind::UninitializedData)
        .map(|section| {
            let end = section.address().saturating_add(section.size());
            (section.index().0, (section.kind() == SectionKind::Text, end))
        })
        .collect();
    let mut pieces: Vec<Piece<'_>> = file
        .symbols()
        .take(SYMBOLS_MAX)
        .filter(|symbol| symbol.size() > 0)
        .filter_map(|symbol| {
            let (code, section_end) = *kinds.get(&symbol.section_index()?.0)?;
            let begin = symbol.address();
            let end = begin.saturating_add(symbol.size()).min(section_end);
            Some(Piece { begin, end, code, name: symbol.name().ok()? })
        })
        .collect();
    // If two names have the same place, the mangled one is more informative.
    let mangled = |name: &str| owner(name) != Owner::Plain;
    pieces.sort_by_cached_key(|piece| (piece.begin, !mangled(piece.name), piece.end, piece.name.to_owned()));
    let mut sums: BTreeMap<Owner, (u64, u64)> = BTreeMap::new();
    let mut reached = 0;
    for piece in pieces {
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
    let mut crates: Vec<CrateSize> =
        sums.into_iter().map(|(owner, (code, data))| CrateSize { name: name(owner), code, data }).collect();
    crates.sort_by(|a, b| b.all().cmp(&a.all()).then_with(|| a.name.cmp(&b.name)));
    crates
}
