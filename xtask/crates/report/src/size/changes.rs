//! The differences between two measurements of the sizes of images.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PlatformSize, Sizes};

/// Something whose size changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeChange {
    /// The name of the image whose size changed.
    pub image: String,
    /// The platform of the image whose size changed.
    pub platform: String,
    /// What kind of thing changed.
    pub what: ChangedThing,
    /// The name of what changed: a path or a crate; empty for the image itself.
    pub name: String,
    /// The size before, in bytes; none where it was not there.
    pub before: Option<u64>,
    /// The size after, in bytes; none where it is gone.
    pub after: Option<u64>,
}

/// The kind of thing that a change is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangedThing {
    /// The bytes that a pull fetches.
    Pull,
    /// A file that is not hidden, unpacked.
    File,
    /// Code and data of a crate.
    Crate,
}

impl SizeChange {
    /// By how many bytes it grew; below 0 where it shrank.
    pub fn by(&self) -> i128 {
        i128::from(self.after.unwrap_or(0)) - i128::from(self.before.unwrap_or(0))
    }
}

/// The sizes to compare, by the names of what they are of.
type NamedSizes = BTreeMap<String, u64>;

/// All differences: for each platform of each image first what a pull fetches, then files and crates, the largest
/// difference first. Where the earlier sizes know no files or no crates of a platform, none are compared.
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
    // What is gone comes last. An image that this run did not make may have been left out on purpose, so it is not gone.
    let gone =
        names(before).into_iter().filter(|place| after.images.iter().any(|image| image.name == place.0));
    for place in gone {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    for (image, platform) in places {
        let (old, new) = (find(before, &image, &platform), find(after, &image, &platform));
        let mut add = |what, found: Vec<(String, Option<u64>, Option<u64>)>| {
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
        if let (old, new) = (crates(old), crates(new))
            && !old.is_empty()
            && !new.is_empty()
        {
            add(ChangedThing::Crate, compare(&old, &new));
        }
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

fn crates(platform: &PlatformSize) -> NamedSizes {
    let crates = platform.program.iter().flat_map(|program| &program.crates);
    crates.map(|c| (c.name.clone(), c.all())).collect()
}

/// What differs between two sets of named sizes, the largest difference first.
pub fn compare(before: &NamedSizes, after: &NamedSizes) -> Vec<(String, Option<u64>, Option<u64>)> {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut found: Vec<_> = names
        .into_iter()
        .map(|name| (name.clone(), before.get(name).copied(), after.get(name).copied()))
        .filter(|(_, before, after)| before != after)
        .collect();
    let by = |(_, before, after): &(String, Option<u64>, Option<u64>)| {
        std::cmp::Reverse(before.unwrap_or(0).abs_diff(after.unwrap_or(0)))
    };
    found.sort_by(|a, b| by(a).cmp(&by(b)).then_with(|| a.0.cmp(&b.0)));
    found
}
