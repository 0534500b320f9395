//! Makes images, archives and checksums from verified programs. This module decides the content of each
//! image; [`xtask_oci`] and [`crate::archive`] write the bytes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::archive::{self, Archive, ArchiveSpec};
use crate::plan::Job;
use crate::record::{
    ImageOf, IndexDigests, ListedProgram, PackedPlatform, PlacedImage, PlacedProgram, ProgramOrigin,
    StagedIndex,
};
use xtask_config::{Compression, Config};
use xtask_files::error::Result;
use xtask_files::threads::cores;
use xtask_oci::{Codec, ImageSpec, PackedImage, Packer, StagedImages};
use xtask_process::ui::{Ui, far};
use xtask_triple::Platform;

pub mod docker;
mod labels;
mod platform;
mod texts;
mod zone;

pub use docker::rootfs_tar;
pub use texts::texts;

/// Packed images that have not been started or committed yet.
#[derive(Debug)]
pub struct PackedImages {
    /// The packed images, each with its platforms.
    pub images: Vec<ImageOf<PackedPlatform>>,
    /// The tars and indexes of these images. They get their names when this is committed.
    pub names: StagedImages,
}

/// A function that finds the file with the licence texts of the packages in the program of a job. It returns
/// none if the packages are not known.
pub type TextsOf<'a> = dyn FnMut(&Job) -> Result<Option<PathBuf>> + 'a;

/// Packs images. They get their names when they are committed.
///
/// # Errors
/// A setting of targets.toml does not fit the content of an image, or a file cannot be read or written.
pub fn pack(
    images: Vec<ImageOf<PlacedProgram>>,
    config: &Config,
    origin: &ProgramOrigin,
    texts_of: &mut TextsOf<'_>,
    (dist, cache): (&Path, &Path),
    ui: &Ui,
) -> Result<PackedImages> {
    let (mut drafts, mut specs) = (Vec::new(), Vec::new());
    for image in images {
        let (draft, spec) = ImageDraft::of(image, config, origin, texts_of, ui)?;
        drafts.push(draft);
        specs.push(spec);
    }
    let roots =
        |image: &&ImageSpec| image.platforms.iter().any(|p| p.runtime.user.split(':').next() == Some("0"));
    for image in specs.iter().filter(roots) {
        ui.warn(format!(
            "image {} runs its program as root; set `user` of its [[image]] to change that",
            image.name
        ));
    }
    let shown: Vec<&str> = specs.iter().map(|s| s.name.as_str()).collect();
    let task = (!specs.is_empty()).then(|| ui.task("Packing", shown.join(", ")));
    let layers = |done: usize, of: usize| {
        task.iter().for_each(|task| task.far(far(done as u64, Some(of as u64), "layer")));
    };
    let packer = Packer { dist, cache, threads: cores() };
    let names = packer.stage_in_turn(&specs, || ui.waits_for_images(), &layers)?;
    drop(task);
    // The packer returns images in the order of its input.
    let images: Vec<_> =
        drafts.into_iter().zip(names.images()).map(|(draft, packed)| draft.packed(packed)).collect();
    for image in &images {
        let platforms = list(image.platforms.iter().map(|p| &p.manifest.platform), ", ");
        let digest = &image.whole.digests.layout;
        ui.step("Packed", format!("{} for {platforms} → {digest}", image.name()));
    }
    Ok(PackedImages { images, names })
}

/// An image that is ready to be packed.
struct ImageDraft {
    placed: PlacedImage,
    platforms: Vec<platform::PlatformDraft>,
}

impl ImageDraft {
    /// Returns the content of an image. A warning that applies to several platforms is printed once.
    fn of(
        image: ImageOf<PlacedProgram>,
        config: &Config,
        origin: &ProgramOrigin,
        texts_of: &mut TextsOf<'_>,
        ui: &Ui,
    ) -> Result<(Self, ImageSpec)> {
        let ImageOf { placed, whole: (), platforms } = image;
        let (mut drafts, mut specs, mut warned) = (Vec::new(), Vec::new(), BTreeSet::new());
        for program in platforms {
            let texts = texts_of(program.program.job())?;
            let made = platform::Makings { config, origin, texts: texts.as_deref() };
            let (draft, spec) = platform::platform(&placed.config, program, &made, &mut warned)?;
            drafts.push(draft);
            specs.push(spec);
        }
        for line in warned {
            ui.warn(line);
        }
        let annotations = labels::annotations(config, origin).into_iter();
        let spec = ImageSpec {
            name: placed.config.name.clone(),
            version: origin.package.version.to_string(),
            platforms: specs,
            annotations: annotations.chain(placed.config.run.annotations.clone()).collect(),
            codec: match placed.config.compression {
                Compression::Gzip => Codec::Gzip,
                Compression::Zstd => Codec::Zstd,
            },
            created: origin.created,
        };
        Ok((Self { placed, platforms: drafts }, spec))
    }

    /// Turns the draft into the record of the packed image.
    fn packed(self, packed: PackedImage) -> ImageOf<PackedPlatform> {
        let PackedImage { index_digest, codec, tar_index_digest, manifests, tar, .. } = packed;
        let digests = IndexDigests { layout: index_digest, codec, tar: tar_index_digest };
        let platforms = self.platforms.into_iter().zip(manifests);
        ImageOf {
            placed: self.placed,
            whole: StagedIndex { digests, tar },
            platforms: platforms.map(|(draft, manifest)| draft.packed(manifest)).collect(),
        }
    }
}

/// Returns the warning that an image contains only some of its platforms, although it has the name of the
/// whole image, or none if it contains all.
pub fn lacking(image: &ImageOf<PlacedProgram>) -> Option<String> {
    let made = list(image.platforms.iter().map(|program| &program.platform), " and ");
    let left_out = &image.placed.left_out;
    let gone = list(left_out.iter(), " and ");
    let name = image.name();
    (!left_out.is_empty()).then(|| format!("image {name} contains only {made}: --target leaves out {gone}"))
}

fn list<'p>(platforms: impl Iterator<Item = &'p Platform>, between: &str) -> String {
    platforms.map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// A program that was put into an archive.
#[derive(Debug)]
pub struct ArchivedProgram<'p> {
    /// The program with its bill of materials.
    pub listed: &'p ListedProgram,
    /// The archive that contains the program.
    pub archive: Archive,
}

/// Writes an archive for every program, and SHA256SUMS over all of them. `top` is the folder of the project:
/// see [`texts()`].
///
/// # Errors
/// An archive cannot be written.
pub fn archives<'p>(
    programs: Vec<&'p ListedProgram>,
    config: &Config,
    origin: &ProgramOrigin,
    (top, texts_of): (&Path, &mut TextsOf<'_>),
    (dist, cache): (&Path, &Path),
    ui: &Ui,
) -> Result<Vec<ArchivedProgram<'p>>> {
    let (files, left_out) = texts(origin.package, top)?;
    for line in left_out {
        ui.warn(line);
    }
    let mut spec = |ListedProgram { program, .. }: &ListedProgram| {
        let files = files.iter().cloned().chain(texts_of(program.job())?).collect();
        Ok(ArchiveSpec {
            bin: config.app.bin.clone(),
            version: origin.package.version.to_string(),
            triple: program.job().target.triple.clone(),
            program: program.stored.artifact.path.clone(),
            files,
            created: origin.created,
        })
    };
    let specs = programs.iter().map(|listed| spec(listed)).collect::<Result<Vec<ArchiveSpec>>>()?;
    let written = archive::write(&specs, dist, cache, cores())?;
    for archive in &written {
        let name = archive.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ui.step("Archived", format!("{name} ({})", xtask_files::human_size(archive.size)));
    }
    // The archives are in the order of the input.
    let archived = programs.into_iter().zip(written);
    Ok(archived.map(|(listed, archive)| ArchivedProgram { listed, archive }).collect())
}
