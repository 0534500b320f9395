//! The sizes of the images in a layout, and of their parts: layers, files, and the crates of the program.
//! They are read from the shipped images, not from their specifications. Programs that no image ships have theirs, too.

mod archived;
mod changes;
mod crates;
mod kept;
mod layer;
mod mangled;
mod measure;
mod origins;
mod tables;
mod wasm;

use serde::{Deserialize, Serialize};

use crate::report::ContentsEntry;
use xtask_files::counted;
use xtask_files::error::{Error, Result};

pub use archived::{ArchiveProgramSize, archived};
pub use changes::{ChangedThing, SizeChange, changes, compare};
pub use crates::{add_programs, program};
pub use kept::{Against, SizeFiles};
pub use measure::{MeasuredImage, measure};
pub use origins::add_origins;
pub use tables::{MARKDOWN_MARK, changes_table, markdown, text};

/// The document `size.json`: the sizes of a release's images and programs. All sizes are in bytes.
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
    /// The programs that no image ships, in the order of the release's jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<ArchiveProgramSize>,
}

/// An image with its sizes on every platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// The name of the image in targets.toml.
    pub name: String,
    /// The digest of its index, with `sha256:`.
    pub index_digest: String,
    /// The maximum number of bytes of a pull for one platform; none if there is no limit.
    pub budget: Option<u64>,
    /// Its platforms, in the order of the index.
    pub platforms: Vec<PlatformSize>,
}

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformSize {
    /// The platform in OCI's form, such as `linux/arm64/v8`.
    pub platform: String,
    /// The target and the mode of its program, from the image's labels.
    #[serde(default)]
    pub built: Option<(String, String)>,
    /// The bytes of a pull: manifest, configuration and stored layers. A budget limits this number.
    pub pull: u64,
    /// The bytes of all layers, uncompressed.
    pub unpacked: u64,
    /// The layers, lowest first.
    pub layers: Vec<LayerSize>,
    /// The files of all layers, the largest first.
    pub files: Vec<FileSize>,
    /// The parts of the program; none if it was not examined.
    #[serde(default)]
    pub program: Option<ProgramSize>,
}

/// A layer of an image, with its sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerSize {
    /// The digest of its blob, with `sha256:`.
    pub digest: String,
    /// The compression of the layer: `gzip`, `zstd` or `none`.
    pub compression: String,
    /// The bytes of the blob, compressed as it is stored.
    pub stored: u64,
    /// The bytes of the uncompressed tar.
    pub unpacked: u64,
    /// The number of entries in the tar.
    pub entries: usize,
    /// How the layer was made, from the image's history; empty if the history does not say.
    pub created_by: String,
}

/// A file of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSize {
    /// Its path in the layer, without a slash in front.
    pub path: String,
    /// The uncompressed size of the file, in bytes.
    pub size: u64,
    /// The number of the layer with the file, from 0.
    pub layer: usize,
    /// Whether a higher layer replaces or removes the file: a pull fetches it, but it is not visible in the
    /// image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// The parts of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramSize {
    /// The path of the program in the image.
    pub path: String,
    /// The size of the program's file, in bytes.
    pub size: u64,
    /// The source of the symbols' names.
    pub symbols: SymbolSource,
    /// The sections that are loaded into memory and occupy space in the file, and [`DEPENDENCY_LIST`]; the largest first.
    pub sections: Vec<SectionSize>,
    /// The crates with named code and data, the largest first; empty if no names are known.
    pub crates: Vec<CrateSize>,
    /// The origins of its bytes (C or Rust), from its link map; none if they are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<ContentsEntry>,
}

/// The source of the names of a program's symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SymbolSource {
    /// The names come from the program that ships.
    Own,
    /// The names come from the same program, built again without stripping.
    Built,
    /// The program was stripped, so its symbols have no known names.
    Stripped,
}

/// The section in which a program carries the list of its packages. It is named among the sections although a process does
/// not have it in its memory image.
pub const DEPENDENCY_LIST: &str = ".dep-v0";

/// A section of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionSize {
    /// The name of the section, for instance `.text`.
    pub name: String,
    /// The bytes that the section takes in the file.
    pub size: u64,
}

/// The part of a program that comes from one crate, or from everything that is not Rust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateSize {
    /// The crate's name in Rust. For other parts a description: `(C and assembly)`, `(C++)`.
    pub name: String,
    /// The bytes of the crate's code.
    pub code: u64,
    /// The bytes of its data with a symbol. Texts and tables of constants have none.
    pub data: u64,
}

impl CrateSize {
    /// Returns the bytes of code and data. The addition saturates, because a file from elsewhere may contain
    /// any numbers.
    fn all(&self) -> u64 {
        self.code.saturating_add(self.data)
    }
}

/// Returns the sum of sizes, or the largest number if the sum is too large.
fn total(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}

impl PlatformSize {
    /// Returns by how many bytes it exceeds the budget, or none if it fits.
    pub fn over(&self, budget: Option<u64>) -> Option<u64> {
        self.pull.checked_sub(budget?).filter(|over| *over > 0)
    }
}

impl Sizes {
    /// Returns the text of `size.json`.
    pub fn json(&self) -> String {
        crate::json::pretty(self)
    }
}

/// Checks that no platform of an image exceeds the image's budget.
///
/// # Errors
/// A platform exceeds it. The error says by how much, and names the largest files.
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
        .help("show its contents and what changed: cargo xtask size")
        .help("or raise `budget` of its [[image]] in targets.toml"))
}

/// The number of largest files in a message.
const NAMED: usize = 3;

fn over_budget(image: &str, platform: &PlatformSize, over: u64, budget: u64) -> String {
    let size = xtask_files::human_size;
    let files: Vec<String> =
        platform.files.iter().take(NAMED).map(|f| format!("/{} ({})", f.path, size(f.size))).collect();
    // Two sizes with the same rounded text are shown in bytes.
    let (mut pull, mut most) = (size(platform.pull), size(budget));
    if pull == most {
        (pull, most) = (counted(platform.pull, "byte"), counted(budget, "byte"));
    }
    // The precision is much higher than the shown digits.
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
