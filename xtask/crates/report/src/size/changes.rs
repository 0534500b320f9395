//! The differences between two measurements of the sizes of images and programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ArchiveProgramSize, PlatformSize, ProgramSize, Sizes};

/// A change of a size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeChange {
    /// The name of the image whose size changed; empty for a program that no image ships.
    pub image: String,
    /// The platform of the image whose size changed; for a program without an image its target and its mode.
    pub platform: String,
    /// The kind of the changed size.
    pub what: ChangedThing,
    /// The name: a path or a crate; empty for the image or the program itself.
    pub name: String,
    /// The size before, in bytes; none if there was none.
    pub before: Option<u64>,
    /// The size after, in bytes; none if there is none any more.
    pub after: Option<u64>,
}

/// The kind of a changed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangedThing {
    /// The bytes that a pull fetches.
    Pull,
    /// The program's file, of a program that no image ships.
    Program,
    /// A file that is not hidden, unpacked.
    File,
    /// The code and data of a crate.
    Crate,
}

impl SizeChange {
    /// Returns by how many bytes it grew. The number is negative if it shrank.
    pub fn by(&self) -> i128 {
        i128::from(self.after.unwrap_or(0)) - i128::from(self.before.unwrap_or(0))
    }
}

/// The sizes to compare, by name.
type NamedSizes = BTreeMap<String, u64>;

/// Returns all differences. For each platform of each image, the pull comes first, then files and crates, the
/// largest difference first. If the earlier sizes have no files or no crates of a platform, none are
/// compared. Programs that no image ships follow.
pub fn changes(before: &Sizes, after: &Sizes) -> Vec<SizeChange> {
    let mut all = Vec::new();
    let names = |sizes: &Sizes| -> Vec<(String, String)> {
        let of = |image: &super::ImageSize| {
            let name = image.name.clone();
            image.platforms.iter().map(move |p| (name.clone(), p.platform.clone())).collect::<Vec<_>>()
        };
        sizes.images.iter().flat_map(of).collect()
    };
    let mut places = names(after);
    // Removed platforms come last. An image that this run did not make may have been left out on purpose, so
    // it does not count as removed.
    let gone =
        names(before).into_iter().filter(|place| after.images.iter().any(|image| image.name == place.0));
    for place in gone {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    for (image, platform) in places {
        let (old, new) = (find(before, &image, &platform), find(after, &image, &platform));
        let mut add = |what, found: Vec<NamedChange>| {
            all.extend(found.into_iter().map(|(name, before, after)| SizeChange {
                image: image.clone(),
                platform: platform.clone(),
                what,
                name,
                before,
                after,
            }));
        };
        let pull = |p: Option<&PlatformSize>| p.map(|p| p.pull).filter(|_| old != new);
        if pull(old) != pull(new) {
            add(ChangedThing::Pull, vec![(String::new(), pull(old), pull(new))]);
        }
        let (Some(old), Some(new)) = (old, new) else { continue };
        if !old.files.is_empty() {
            add(ChangedThing::File, compare(&files(old), &files(new)));
        }
        add(ChangedThing::Crate, compare_crates(old.program.as_ref(), new.program.as_ref()));
    }
    let same = |one: &ArchiveProgramSize, other: &ArchiveProgramSize| {
        one.target == other.target && one.mode == other.mode
    };
    for new in &after.programs {
        let Some(old) = before.programs.iter().find(|old| same(old, new)) else { continue };
        let whole = (String::new(), Some(old.program.size), Some(new.program.size));
        let whole = (old.program.size != new.program.size).then_some((ChangedThing::Program, whole));
        let crates = compare_crates(Some(&old.program), Some(&new.program));
        let crates = crates.into_iter().map(|change| (ChangedThing::Crate, change));
        all.extend(whole.into_iter().chain(crates).map(|(what, (name, before, after))| SizeChange {
            image: String::new(),
            platform: format!("{} ({})", new.target, new.mode),
            what,
            name,
            before,
            after,
        }));
    }
    all
}

fn find<'s>(sizes: &'s Sizes, image: &str, platform: &str) -> Option<&'s PlatformSize> {
    let image = sizes.images.iter().find(|i| i.name == image)?;
    image.platforms.iter().find(|p| p.platform == platform)
}

fn files(platform: &PlatformSize) -> NamedSizes {
    platform.files.iter().filter(|f| !f.hidden).map(|f| (f.path.clone(), f.size)).collect()
}

/// A difference between two named sizes: the name, the size before and the size after.
type NamedChange = (String, Option<u64>, Option<u64>);

/// Returns the differences of the crates of a program, or none if one of the programs has no known crates.
fn compare_crates(before: Option<&ProgramSize>, after: Option<&ProgramSize>) -> Vec<NamedChange> {
    let crates = |program: Option<&ProgramSize>| -> NamedSizes {
        program.into_iter().flat_map(|program| &program.crates).map(|c| (c.name.clone(), c.all())).collect()
    };
    let (old, new) = (crates(before), crates(after));
    if old.is_empty() || new.is_empty() { Vec::new() } else { compare(&old, &new) }
}

/// Returns the differences between two sets of named sizes, the largest first.
pub fn compare(before: &NamedSizes, after: &NamedSizes) -> Vec<NamedChange> {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut found: Vec<_> = names
        .into_iter()
        .map(|name| (name.clone(), before.get(name).copied(), after.get(name).copied()))
        .filter(|(_, before, after)| before != after)
        .collect();
    let by = |(_, before, after): &NamedChange| {
        std::cmp::Reverse(before.unwrap_or(0).abs_diff(after.unwrap_or(0)))
    };
    found.sort_by(|a, b| by(a).cmp(&by(b)).then_with(|| a.0.cmp(&b.0)));
    found
}
