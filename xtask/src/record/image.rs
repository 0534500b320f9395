//! The records of an image, from its base to its bills of materials.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{BillFile, VerifiedProgram};
use crate::outcome::Objection;
use xtask_base::Base;
use xtask_base::BaseImage;
use xtask_config::{self as config};
use xtask_files::error::Error;
use xtask_oci::{Codec, Digest, PackedManifest, RootFs};
use xtask_triple::{Platform, Triple};

/// A step of an image: the type of its platforms after the step.
pub trait ImageStep {
    /// The data of the whole image after the step.
    type Whole;
}

/// An image whose platforms have all completed a step.
#[derive(Debug, Clone)]
pub struct ImageOf<P: ImageStep> {
    /// The image on its base.
    pub placed: PlacedImage,
    /// The data of the whole image.
    pub whole: P::Whole,
    /// Its platforms, in the order of targets.toml.
    pub platforms: Vec<P>,
}

/// The facts that all platforms of an image share, after its programs were proven to start on its base.
#[derive(Debug, Clone)]
pub struct PlacedImage {
    /// The settings of the image in targets.toml.
    pub config: config::Image,
    /// The base of the image; never [`Base::Auto`].
    pub base: Base,
    /// If the base was chosen automatically: the smaller bases, and why they were rejected.
    pub rejected: Vec<RejectedBase>,
    /// The platforms of the image in targets.toml that `--target` leaves out of this run.
    pub left_out: Vec<Platform>,
    /// Why the base is not that of the repository's lock; none if it is.
    pub refreshed: Option<String>,
}

/// A base that was tried and not chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedBase {
    /// The name of the base.
    pub base: String,
    /// Why a program cannot start on it, in one line.
    pub reason: String,
}

/// A program on the base of an image.
#[derive(Debug, Clone)]
pub struct PlacedProgram {
    /// The program. Several images may share it.
    pub program: Arc<VerifiedProgram>,
    /// The platform of the image.
    pub platform: Platform,
    /// The base; none for scratch.
    pub base: Option<Arc<BaseImage>>,
    /// The files of the base that ship, if not all of them do (`closure = true`).
    pub trimmed: Option<RootFs>,
}

/// A packed platform of an image.
#[derive(Debug, Clone)]
pub struct PackedPlatform {
    /// The program on its base.
    pub placed: PlacedProgram,
    /// The manifest that was packed for the platform.
    pub manifest: PackedManifest,
    /// Our own layer, on top of the base.
    pub ours: RootFs,
    /// Whether our own layer contains the time zones.
    pub brings_zones: bool,
}

/// A platform of an image whose smoke run did not fail.
#[derive(Debug, Clone)]
pub struct StartedPlatform {
    /// The platform as it was packed.
    pub packed: PackedPlatform,
    /// The tool that ran it: `docker`, `podman`, `unshare`, `bwrap`. The last two may be followed by `+qemu`.
    pub runner: Option<String>,
    /// Why nothing ran it; none if its smoke run passed.
    pub not_run: Option<String>,
    /// Why the answering engine did not run it. Users of the image will use such an engine.
    pub objection: Option<Objection>,
}

/// A platform of an image with its bill of materials.
#[derive(Debug, Clone)]
pub struct ListedPlatform {
    /// The platform after its smoke run.
    pub started: StartedPlatform,
    /// The bill of materials of the platform.
    pub bill: BillFile,
}

/// The digests of a packed image as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDigests {
    /// The digest of the index in the layout. The published image has this digest.
    pub layout: Digest,
    /// The compression of its layers in the layout.
    pub codec: Codec,
    /// The digest of the index in the tar, whose layers are compressed with gzip.
    pub tar: Digest,
}

/// A packed image that has no name yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedIndex {
    /// The digests of the image as a whole.
    pub digests: IndexDigests,
    /// The path of the image's tar until it is committed under its name.
    pub tar: PathBuf,
}

impl ImageStep for PlacedProgram {
    type Whole = ();
}

impl ImageStep for PackedPlatform {
    type Whole = StagedIndex;
}

impl ImageStep for StartedPlatform {
    type Whole = IndexDigests;
}

impl ImageStep for ListedPlatform {
    type Whole = IndexDigests;
}

impl<P: ImageStep> ImageOf<P> {
    /// Returns the name of the image in targets.toml.
    pub fn name(&self) -> &str {
        &self.placed.config.name
    }
}

impl PlacedProgram {
    /// Returns the target that the program was built for.
    pub fn target(&self) -> &Triple {
        &self.program.job().target.triple
    }

    /// Returns the files of the base that ship, or none for scratch.
    pub fn below(&self) -> Option<&RootFs> {
        self.base.as_ref().map(|base| self.trimmed.as_ref().unwrap_or(&base.rootfs))
    }
}

/// An image that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmadeImage {
    /// The name of the image.
    pub name: String,
    /// The reason why it is not made.
    pub why: WhyUnmade,
}

/// Why an image is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyUnmade {
    /// `--target` leaves out all of its platforms. The user asked for this, so it is not an error.
    NotAskedFor,
    /// Some of its programs are missing.
    Lacks(Vec<(Triple, WhyLacking)>),
    /// Its base cannot be obtained.
    NoBase {
        /// The base that targets.toml names.
        base: Base,
        /// The error with the reason.
        error: Error,
    },
    /// No base of `auto` can start its programs.
    NoneCarries(Error),
    /// Its smoke run failed.
    DoesNotRun {
        /// The platforms on which it failed, each with the reason: a line that can stand alone, then more.
        failed: Vec<(Platform, String)>,
        /// The number of its platforms.
        of: usize,
        /// The path of its tar.
        kept: PathBuf,
        /// Whether the same image was in target/dist before and was removed.
        withdrawn: bool,
    },
}

/// Why an image lacks a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyLacking {
    /// The job that builds it failed.
    Failed,
    /// The program was not built.
    NotBuilt,
}

impl WhyUnmade {
    /// Returns the error that ends the run, apart from the failures of jobs and smoke runs.
    pub fn error(&self) -> Option<&Error> {
        match self {
            WhyUnmade::NoBase { error, .. } | WhyUnmade::NoneCarries(error) => Some(error),
            WhyUnmade::NotAskedFor | WhyUnmade::Lacks(_) | WhyUnmade::DoesNotRun { .. } => None,
        }
    }
}

impl fmt::Display for WhyUnmade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyUnmade::NotAskedFor => f.write_str("--target selects none of its platforms"),
            WhyUnmade::Lacks(programs) => {
                let word =
                    |lack: WhyLacking| if lack == WhyLacking::Failed { "failed" } else { "was not built" };
                let list = programs.iter().map(|(target, lack)| format!("{target} {}", word(*lack)));
                f.write_str(&list.collect::<Vec<_>>().join(", "))
            }
            WhyUnmade::NoBase { base, error } => {
                write!(f, "its base {base} is not available: {}", error.what)
            }
            WhyUnmade::NoneCarries(error) => f.write_str(&error.what),
            WhyUnmade::DoesNotRun { failed, kept, withdrawn, .. } => {
                for (platform, said) in failed {
                    let line = said.lines().next().unwrap_or_default();
                    write!(f, "it does not run on {platform}: {line}; ")?;
                }
                write!(f, "{} has it", kept.display())?;
                match withdrawn {
                    true => {
                        f.write_str("; target/dist held the same image from an earlier run, which is removed")
                    }
                    false => Ok(()),
                }
            }
        }
    }
}
