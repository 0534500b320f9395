//! Finds the archives of the inputs in a map of lld-link, which names an object of an archive by its own name alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use object::pe::ImageFileHeader;
use object::read::archive::ArchiveFile;
use object::read::coff::CoffFile;
use object::{Object, ObjectSection, ReadCache};

use super::map::{InputShare, LinkMap, MapFormat};
use super::table::file_and_section;

/// An object of an archive that may be the one that the map names: its archive, and the bytes of each of its sections.
struct ArchivedObject {
    archive: PathBuf,
    sections: BTreeMap<Vec<u8>, u64>,
}

impl LinkMap {
    /// Gives the inputs of a map of lld-link the names that other maps have: `/x/a.o`, `/x/libz.a(inflate.o)`. `files`
    /// are all objects and archives of the linker's command line, in the spelling that it has there. Maps of other linkers
    /// stay as they are.
    ///
    /// If several archives have an object of that name, the section that the map names decides. An input whose archive
    /// is still not certain counts for each of them, so that no object is left out.
    pub fn locate(&mut self, files: &[PathBuf]) {
        if self.format != MapFormat::LldLink {
            return;
        }
        let mut shares: BTreeMap<(String, Vec<u8>), InputShare> = BTreeMap::new();
        for (input, share) in std::mem::take(&mut self.inputs) {
            match file_and_section(input.as_bytes()) {
                Some((file, section)) => {
                    shares.insert((String::from_utf8_lossy(file).into_owned(), section.to_owned()), share);
                }
                None => self.add(input, share),
            }
        }
        let is_given = |name: &str| files.iter().any(|file| file == Path::new(name));
        let mut objects: BTreeMap<&str, Vec<ArchivedObject>> = shares
            .keys()
            .map(|(name, _)| (name.as_str(), Vec::new()))
            .filter(|(name, _)| !is_given(name))
            .collect();
        for file in files {
            index(file, &mut objects);
        }
        for ((name, section), share) in &shares {
            let of_name = objects.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let bytes = share.bytes.saturating_add(share.zeroed);
            let has =
                |object: &&ArchivedObject| object.sections.get(section).is_some_and(|size| *size >= bytes);
            let exact = |object: &&ArchivedObject| object.sections.get(section) == Some(&bytes);
            let narrowed =
                |of: &dyn Fn(&&ArchivedObject) -> bool| of_name.iter().filter(of).collect::<Vec<_>>();
            let ways = [narrowed(&exact), narrowed(&has), of_name.iter().collect()];
            let found = ways.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
            // An archive may have several objects of one name.
            let archives: BTreeSet<&Path> =
                found.into_iter().map(|object| object.archive.as_path()).collect();
            for archive in &archives {
                self.add(format!("{}({name})", archive.display()), *share);
            }
            if archives.is_empty() {
                self.add(name.clone(), *share);
            }
        }
    }

    fn add(&mut self, input: String, share: InputShare) {
        let sum = self.inputs.entry(input).or_default();
        sum.bytes = sum.bytes.saturating_add(share.bytes);
        sum.zeroed = sum.zeroed.saturating_add(share.zeroed);
    }
}

/// Adds the objects of an archive that have one of these names.
fn index(file: &Path, objects: &mut BTreeMap<&str, Vec<ArchivedObject>>) {
    let Ok(opened) = File::open(file) else { return };
    let cache = ReadCache::new(opened);
    let Ok(archive) = ArchiveFile::parse(&cache) else { return };
    for member in archive.members().flatten() {
        let name = String::from_utf8_lossy(member.name());
        let Some(found) = objects.get_mut(&*name) else { continue };
        let (offset, size) = member.file_range();
        let mut sections: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        if let Ok(object) = CoffFile::<_, ImageFileHeader>::parse(cache.range(offset, size)) {
            for section in object.sections() {
                let sum = sections.entry(section.name_bytes().unwrap_or_default().to_owned()).or_default();
                *sum = sum.saturating_add(section.size());
            }
        }
        found.push(ArchivedObject { archive: file.to_owned(), sections });
    }
}
