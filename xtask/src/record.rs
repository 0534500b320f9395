//! What a run knows of its programs and images: one record for each, which every step takes and returns with more in it.
//!
//! ```text
//! Job → BuiltProgram → StoredProgram → VerifiedProgram → PlacedProgram → PackedPlatform → StartedPlatform → ListedPlatform
//!     ↘ UnbuiltJob                   ↘ RefusedProgram    └─────────────── the platforms of an ImageOf ──────────────────┘
//! ```
//!
//! What a step cannot have is absent from its type: a build that failed has no program, and a program that was only
//! stored has no verdict.

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

/// What is known of the program beside its bytes, for labels and file names.
#[derive(Debug, Clone)]
pub struct ProgramOrigin<'a> {
    /// The package that the program belongs to.
    pub package: &'a Package,
    /// The commit of the checkout it was built from, where there is one.
    pub revision: Option<String>,
    /// The time that everything carries, in seconds since 1970: `SOURCE_DATE_EPOCH`, else 0.
    pub created: u64,
}
