//! An image, from the base that is found for it to the bills of what it holds.

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

/// A step on the way of an image: what each of its platforms is by then.
pub trait ImageStep {
    /// What the image as a whole has by then.
    type Whole;
}

/// An image whose platforms have all come to a step.
#[derive(Debug, Clone)]
pub struct ImageOf<P: ImageStep> {
    /// The image on its base.
    pub placed: PlacedImage,
    /// What it has as a whole.
    pub whole: P::Whole,
    /// Its platforms, in the order of targets.toml.
    pub platforms: Vec<P>,
}

/// What holds for all platforms of an image whose programs are proven to start on its base.
#[derive(Debug, Clone)]
pub struct PlacedImage {
    /// What targets.toml says of the image.
    pub config: config::Image,
    /// The base that it stands on; never [`Base::Auto`].
    pub base: Base,
    /// Where the base was chosen: the smaller ones, and why they are not it.
    pub rejected: Vec<RejectedBase>,
    /// The platforms that the image has in targets.toml and lacks in this run, since `--target` leaves them out.
    pub left_out: Vec<Platform>,
    /// Why the base is not that of the repository's lock; none where it is.
    pub refreshed: Option<String>,
}

/// A base that was tried and not chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedBase {
    /// The name of the base.
    pub base: String,
    /// Why a program does not start on it, one line.
    pub reason: String,
}

/// A program on the base of an image.
#[derive(Debug, Clone)]
pub struct PlacedProgram {
    /// The program. An image may share it with others.
    pub program: Arc<VerifiedProgram>,
    /// The platform of the image.
    pub platform: Platform,
    /// The base; none for scratch.
    pub base: Option<Arc<BaseImage>>,
    /// What is shipped of the base where that is not all of it (`closure = true`).
    pub trimmed: Option<RootFs>,
}

/// A platform of an image that is packed.
#[derive(Debug, Clone)]
pub struct PackedPlatform {
    /// The program on its base.
    pub placed: PlacedProgram,
    /// The manifest that was packed for the platform.
    pub manifest: PackedManifest,
    /// Our own layer, on top of the base.
    pub ours: RootFs,
    /// Our own layer has the time zones.
    pub brings_zones: bool,
}

/// A platform of an image that did not fail where it was started.
#[derive(Debug, Clone)]
pub struct StartedPlatform {
    /// The platform as it was packed.
    pub packed: PackedPlatform,
    /// What ran it: `docker`, `podman`, `unshare`, `bwrap`, the last two also with `+qemu`.
    pub runner: Option<String>,
    /// Why nothing ran it; none where its smoke run passed.
    pub not_run: Option<String>,
    /// Why something else ran it than the engine that answers, which is what its users will have.
    pub objection: Option<Objection>,
}

/// A platform of an image with its bill of materials.
#[derive(Debug, Clone)]
pub struct ListedPlatform {
    /// The platform that did not fail where it was started.
    pub started: StartedPlatform,
    /// The bill of materials of the platform.
    pub bill: BillFile,
}

/// The digests of a packed image as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDigests {
    /// The digest of the index in the layout: that of the image that is published.
    pub layout: Digest,
    /// How its layers in the layout are compressed.
    pub codec: Codec,
    /// The digest of the index in the tar, whose layers are gzip.
    pub tar: Digest,
}

/// An image that is packed and has no name yet.
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
    /// The target that the program was built for.
    pub fn target(&self) -> &Triple {
        &self.program.job().target.triple
    }

    /// What ships of the base; none for scratch.
    pub fn below(&self) -> Option<&RootFs> {
        self.base.as_ref().map(|base| self.trimmed.as_ref().unwrap_or(&base.rootfs))
    }
}

/// An image that is not made.
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
    /// `--target` leaves out all of its platforms. It is what was asked for, and no error.
    NotAskedFor,
    /// It would lack some of its programs.
    Lacks(Vec<(Triple, WhyLacking)>),
    /// Its base cannot be had.
    NoBase {
        /// The base that targets.toml names.
        base: Base,
        /// The error that says why the base cannot be had.
        error: Error,
    },
    /// No base that `auto` knows carries its programs.
    NoneCarries(Error),
    /// It does not run as it should.
    DoesNotRun {
        /// The platforms on which it does not, each with what stands against it: a line that can stand alone, then more.
        failed: Vec<(Platform, String)>,
        /// How many platforms it has.
        of: usize,
        /// Where its tar is kept.
        kept: PathBuf,
        /// Whether it is the very image that lay in target/dist, and was taken out.
        withdrawn: bool,
    },
}

/// Why an image would lack a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyLacking {
    /// The job that builds it failed.
    Failed,
    /// The program was not built.
    NotBuilt,
}

impl WhyUnmade {
    /// What this means for the run beside the failure of jobs and smoke runs.
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
