//! The sizes of the images in a layout, and of their parts: layers, files, and the crates of the program.
//! They are read from the images that ship, not from what was meant to be in them.

mod changes;
mod crates;
mod kept;
mod layer;
mod mangled;
mod measure;
mod origins;
mod tables;

use serde::{Deserialize, Serialize};

use crate::report::ContentsEntry;
use xtask_files::counted;
use xtask_files::error::{Error, Result};

pub use changes::{ChangedThing, SizeChange, changes, compare};
pub use crates::{add_programs, program};
pub use kept::{Against, SizeFiles};
pub use measure::{MeasuredImage, measure};
pub use origins::add_origins;
pub use tables::{changes_table, text};

/// The document `size.json`: what the images of a release weigh. All sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// The version of the file's format, which is 1.
    pub schema: u32,
    /// The name of the program that the images ship.
    pub app: String,
    /// The version of the program that the images ship.
    pub version: String,
    /// The images, in the order of targets.toml.
    pub images: Vec<ImageSize>,
}

/// An image with its sizes on every platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// The name of the image in targets.toml.
    pub name: String,
    /// The digest of its index, with `sha256:`.
    pub index_digest: String,
    /// The most bytes that a pull may fetch for one platform; none where there is no limit.
    pub budget: Option<u64>,
    /// Its platforms, in the order of the index.
    pub platforms: Vec<PlatformSize>,
}

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformSize {
    /// The platform as OCI writes it, for instance `linux/arm64/v8`.
    pub platform: String,
    /// The target and the mode that its program was built for, as the image's labels say.
    #[serde(default)]
    pub built: Option<(String, String)>,
    /// The bytes that a pull fetches: manifest, configuration and layers as stored. A budget limits this number.
    pub pull: u64,
    /// The bytes of all layers, uncompressed.
    pub unpacked: u64,
    /// The layers, lowest first.
    pub layers: Vec<LayerSize>,
    /// What the program is made of; none where it was not examined.
    pub files: Vec<FileSize>,
    /// What the program is made of; none where nobody looked.
    #[serde(default)]
    pub program: Option<ProgramSize>,
}

/// A layer of an image, with its sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerSize {
    /// The digest of its blob, with `sha256:`.
    pub digest: String,
    /// How the layer is compressed: `gzip`, `zstd` or `none`.
    pub compression: String,
    /// The bytes of the blob, compressed as it is stored.
    pub stored: u64,
    /// The bytes of the uncompressed tar.
    pub unpacked: u64,
    /// The number of entries in the tar.
    pub entries: usize,
    /// How the layer was made, as the image's history says; empty where it says nothing.
    pub created_by: String,
}

/// A file of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSize {
    /// Its path in the layer, without a slash in front.
    pub path: String,
    /// The uncompressed size of the file, in bytes.
    pub size: u64,
    /// The number of the layer that holds the file, from 0.
    pub layer: usize,
    /// Whether a higher layer replaces or removes the file: a pull fetches it, but it is not visible in the image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// What a program is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramSize {
    /// The path of the program in the image.
    pub path: String,
    /// The size of the program's file, in bytes.
    pub size: u64,
    /// Where the names of the symbols come from.
    pub symbols: SymbolSource,
    /// The sections that a process has in its memory image and that take room in the file, the largest first.
    pub sections: Vec<SectionSize>,
    /// The crates that brought code and data with names, the largest first; empty where no names are known.
    pub crates: Vec<CrateSize>,
    /// Where its bytes come from, C or Rust, by the map of its link; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<ContentsEntry>,
}

/// Where the names of a program's symbols come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SymbolSource {
    /// From the program that ships.
    Own,
    /// From the same program, built once more without stripping.
    Built,
    /// The program was stripped, so its symbols have no known names.
    Stripped,
}

/// A section of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionSize {
    /// The name of the section, for instance `.text`.
    pub name: String,
    /// The bytes that the section takes in the file.
    pub size: u64,
}

/// What a crate, or all that is no Rust, brought into a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateSize {
    /// The crate's name as Rust has it; for the rest, what it is: `(C and assembly)`, `(C++)`.
    pub name: String,
    /// The bytes of code that the crate brought.
    pub code: u64,
    /// Bytes of data that has a symbol. Texts and tables of constants have none.
    pub data: u64,
}

impl CrateSize {
    /// The bytes of code and data together. The addition saturates, since a file that is read may hold any numbers.
    fn all(&self) -> u64 {
        self.code.saturating_add(self.data)
    }
}

/// The sum of sizes, or the largest number where it is none.
fn total(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}

impl PlatformSize {
    /// How many bytes it is over the budget; none where it fits.
    pub fn over(&self, budget: Option<u64>) -> Option<u64> {
        self.pull.checked_sub(budget?).filter(|over| *over > 0)
    }
}

impl Sizes {
    /// The text of `size.json`.
    pub fn json(&self) -> String {
        crate::json::pretty(self)
    }
}

/// An error where a platform of an image has more to pull than the image's budget: how much, and its largest files.
///
/// # Errors
/// That one.
pub fn check_budgets(images: &[ImageSize]) -> Result<()> {
    let mut found = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for image in images {
        for platform in &image.platforms {
            if let (Some(over), Some(budget)) = (platform.over(image.budget), image.budget) {
                found.push(over_budget(&image.name, platform, over, budget));
                if !names.contains(&image.name.as_str()) {
                    names.push(&image.name);
                }
            }
        }
    }
    let what = match names.as_slice() {
        [] => return Ok(()),
        [name] => format!("image {name} is larger than its budget"),
        names => format!("images {} are larger than their budgets", names.join(", ")),
    };
    let error = found.into_iter().fold(Error::failed(what), Error::found);
    Err(error
        .help("see what is in it, and what changed: cargo xtask size")
        .help("or raise `budget` of its [[image]] in targets.toml"))
}

/// How many of the largest files a message names.
const NAMED: usize = 3;

fn over_budget(image: &str, platform: &PlatformSize, over: u64, budget: u64) -> String {
    let size = xtask_files::human_size;
    let files: Vec<String> =
        platform.files.iter().take(NAMED).map(|f| format!("/{} ({})", f.path, size(f.size))).collect();
    // Two sizes that are written alike say nothing beside each other.
    let (mut pull, mut most) = (size(platform.pull), size(budget));
    if pull == most {
        (pull, most) = (counted(platform.pull, "byte"), counted(budget, "byte"));
    }
    // Exact to far more digits than are shown.
    let part = match over as f64 / budget as f64 * 100.0 {
        part if part < 0.05 => "less than 0.1".to_owned(),
        part => format!("{part:.1}"),
    };
    format!(
        "{image} on {}: {pull} to pull, {} ({part} %) over {most}\nlargest files, unpacked: {}",
        platform.platform,
        counted(over, "byte"),
        files.join(", ")
    )
}

#[cfg(test)]
mod tests;
