//! From verified programs to what ships: images, archives and checksums. Says what each image is made of; the bytes
//! are [`xtask_oci`]'s and [`crate::archive`]'s.

use std::collections::BTreeSet;
use std::path::Path;

use crate::archive::{self, Archive, ArchiveSpec};
use crate::place::{Ground, Placed};
use crate::verify::Verified;
use xtask_config::workspace::Package;
use xtask_config::{Compression, Config};
use xtask_files::error::{Error, Result};
use xtask_oci::{Codec, ImageSpec, Packer, StagedImages};
use xtask_process::ui::Ui;
use xtask_triple::Platform;

pub mod accounts;
pub mod docker;
mod labels;
mod platform;
pub mod run;
mod texts;

pub use docker::rootfs_tar;
pub use labels::Labels;
pub(crate) use platform::brings_zones;
pub use texts::texts;

/// What is known of the program beside its bytes, for labels and file names.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// The package that the program belongs to.
    pub package: &'a Package,
    /// The commit of the checkout it was built from, where there is one.
    pub revision: Option<String>,
    /// The time that everything carries, in seconds since 1970: `SOURCE_DATE_EPOCH`, else 0.
    pub created: u64,
}

/// Images that are packed, to be proven and committed.
#[derive(Debug)]
pub struct Staged {
    /// What they are made of.
    pub specs: Vec<ImageSpec>,
    /// The images, in the same order.
    pub images: StagedImages,
}

/// Packs the images whose programs have their places. They ship when they are committed.
///
/// # Errors
/// Where packing fails.
pub fn images(
    config: &Config,
    placed: &[Placed],
    verified: &[Verified],
    origin: &Origin,
    dist: &Path,
    cache: &Path,
    ui: &Ui,
) -> Result<Staged> {
    let mut specs = Vec::new();
    for place in placed {
        let (spec, warned) = spec(place, config, verified, origin)?;
        for line in warned {
            ui.warn(line);
        }
        specs.push(spec);
    }
    let roots =
        |image: &&ImageSpec| image.platforms.iter().any(|p| p.runtime.user.split(':').next() == Some("0"));
    for image in specs.iter().filter(roots) {
        ui.warn(format!(
            "image {} runs its program as root; `user` of its [[image]] says otherwise",
            image.name
        ));
    }
    for place in placed.iter().filter(|place| !place.left_out.is_empty()) {
        ui.warn(lacking(place));
    }
    let shown: Vec<&str> = specs.iter().map(|s| s.name.as_str()).collect();
    let task = (!specs.is_empty()).then(|| ui.task("Packing", shown.join(", ")));
    let images = Packer { dist, cache, threads: cores() }.stage_in_turn(&specs, || ui.waits_for_images())?;
    drop(task);
    for image in images.images() {
        let platforms: Vec<String> = image.manifests.iter().map(|m| m.platform.to_string()).collect();
        ui.step("Packed", format!("{} for {} → {}", image.name, platforms.join(", "), image.index_digest));
    }
    Ok(Staged { specs, images })
}

/// What keeps an image for some of its platforms from being taken for the whole one, whose name it has.
fn lacking(placed: &Placed) -> String {
    let list = |platforms: &mut dyn Iterator<Item = Platform>| {
        platforms.map(|platform| platform.to_string()).collect::<Vec<_>>().join(" and ")
    };
    let made = list(&mut placed.grounds.iter().filter_map(|ground| ground.target.platform()));
    let left_out = list(&mut placed.left_out.iter().cloned());
    format!("image {} is made for {made} alone, since --target leaves out {left_out}", placed.image.name)
}

/// What an image is made of, and what is to be warned of, once for all platforms.
fn spec(
    placed: &Placed,
    config: &Config,
    verified: &[Verified],
    origin: &Origin,
) -> Result<(ImageSpec, BTreeSet<String>)> {
    let image = &placed.image;
    let platform = |ground: &Ground| {
        let job = verified.iter().find(|v| v.job().target.triple == ground.target);
        let job = job.ok_or_else(|| Error::failed(format!("{} was not built", ground.target)))?;
        platform::platform(image, ground, config, job, origin)
    };
    let platforms = placed.grounds.iter().map(platform).collect::<Result<Vec<_>>>()?;
    let (platforms, warned): (Vec<_>, Vec<_>) = platforms.into_iter().unzip();
    let spec = ImageSpec {
        name: image.name.clone(),
        version: origin.package.version.to_string(),
        platforms,
        annotations: labels::annotations(config, origin)
            .into_iter()
            .chain(image.run.annotations.clone())
            .collect(),
        codec: match image.compression {
            Compression::Gzip => Codec::Gzip,
            Compression::Zstd => Codec::Zstd,
        },
        created: origin.created,
    };
    Ok((spec, warned.into_iter().flatten().collect()))
}

/// Writes an archive for every verified job and SHA256SUMS over all of them. `top` is the folder of the project: see
/// [`texts()`].
///
/// # Errors
/// Where an archive cannot be written.
pub fn archives(
    config: &Config,
    verified: &[Verified],
    origin: &Origin,
    top: &Path,
    (dist, cache): (&Path, &Path),
    ui: &Ui,
) -> Result<Vec<Archive>> {
    let (files, left_out) = texts(origin.package, top)?;
    for line in left_out {
        ui.warn(line);
    }
    let specs: Vec<ArchiveSpec> = verified
        .iter()
        .filter(|v| v.ok())
        .filter_map(|v| v.artifact.as_ref().map(|a| (v.job(), a)))
        .map(|(job, artifact)| ArchiveSpec {
            bin: config.app.bin.clone(),
            version: origin.package.version.to_string(),
            triple: job.target.triple.clone(),
            program: artifact.path.clone(),
            files: files.clone(),
            created: origin.created,
        })
        .collect();
    let archives = archive::write(&specs, dist, cache, cores())?;
    for archive in &archives {
        let name = archive.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ui.step("Archived", format!("{name} ({})", xtask_files::human_size(archive.size)));
    }
    Ok(archives)
}

fn cores() -> std::num::NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(std::num::NonZeroUsize::MIN)
}
