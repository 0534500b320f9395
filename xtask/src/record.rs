//! The records of a run's programs and images. Each program and each image is one record. Every step takes it
//! and returns a new record that contains it.
//!
//! ```text
//! Job → BuiltProgram → StoredProgram → VerifiedProgram → PlacedProgram → PackedPlatform → StartedPlatform → ListedPlatform
//!     ↘ UnbuiltJob                   ↘ RefusedProgram    └─────────────── the platforms of an ImageOf ──────────────────┘
//! ```
//!
//! A type contains only what its step has: a failed build has no program, and a program that was only stored
//! has no verdict.

use xtask_config::workspace::Package;

mod image;
mod program;

pub use image::{
    ImageOf, ImageStep, IndexDigests, ListedPlatform, PackedPlatform, PlacedImage, PlacedProgram,
    RejectedBase, StagedIndex, StartedPlatform, UnmadeImage, WhyLacking, WhyUnmade,
};
pub use program::{
    Artifact, BillFile, BuildRecord, BuiltProgram, FailedJob, ListedProgram, Purity, RefusedProgram,
    StoredProgram, UnbuiltJob, VerifiedProgram,
};

/// The origin of the program, for labels and file names.
#[derive(Debug, Clone)]
pub struct ProgramOrigin<'a> {
    /// The package that the program belongs to.
    pub package: &'a Package,
    /// The commit of the checkout from which it was built, if there is one.
    pub revision: Option<String>,
    /// The time of all files and documents, in seconds since 1970: `SOURCE_DATE_EPOCH`, or 0.
    pub created: u64,
}
