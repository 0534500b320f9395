//! From verified programs to what ships: images, archives and checksums. Says what each image is made of; the bytes
//! are [`crate::oci`]'s and [`crate::archive`]'s.

use std::path::{Path, PathBuf};

use crate::archive::{self, Archive, ArchiveSpec};
use crate::config::{Base, Config, Image};
use crate::error::{Error, Result};
use crate::oci::document::Runtime;
use crate::oci::scratch::CERTIFICATES;
use crate::oci::{self, ImageSpec, LayerSource, LayerSpec, PackedImage, PlatformSpec, Scratch};
use crate::triple::Triple;
use crate::ui::Ui;
use crate::verify::Verified;
use crate::workspace::Package;

mod accounts;
mod labels;
pub mod run;

pub use labels::Labels;

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

/// What shells and programs search where nothing else is said; the same as in the distroless images.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmade {
    /// Its name.
    pub name: String,
    /// Which platforms it would lack, and why.
    pub reason: String,
}

/// Packs every image of targets.toml whose targets, limited to `asked`, were all verified.
///
/// # Errors
/// Where packing fails.
pub fn images(
    config: &Config,
    asked: &[Triple],
    verified: &[Verified],
    origin: &Origin,
    dist: &Path,
    cache: &Path,
    ui: &Ui,
) -> Result<(Vec<PackedImage>, Vec<Unmade>)> {
    let (mut specs, mut unmade) = (Vec::new(), Vec::new());
    for image in &config.images {
        let targets: Vec<&Triple> =
            image.targets.iter().filter(|t| asked.is_empty() || asked.contains(t)).collect();
        if targets.is_empty() {
            continue;
        }
        match spec(image, &targets, config, verified, origin)? {
            Ok(spec) => specs.push(spec),
            Err(reason) => unmade.push(Unmade { name: image.name.clone(), reason }),
        }
    }
    for image in specs.iter().filter(|i| i.platforms.iter().any(|p| p.runtime.user.starts_with("0:"))) {
        ui.warn(format!(
            "image {} runs its program as root; `user` of its [[image]] says otherwise",
            image.name
        ));
    }
    for image in &unmade {
        ui.warn(format!("image {} is not made: {}", image.name, image.reason));
    }
    if specs.is_empty() {
        return Ok((Vec::new(), unmade));
    }
    let task = ui.task("Packing", specs.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", "));
    let packed = oci::pack(&specs, dist, cache)?;
    drop(task);
    for image in &packed {
        let platforms: Vec<String> = image.manifests.iter().map(|m| m.platform.to_string()).collect();
        ui.step("Packed", format!("{} for {} → {}", image.name, platforms.join(", "), image.index_digest));
    }
    Ok((packed, unmade))
}

/// What an image is made of, or which platforms it would lack.
fn spec(
    image: &Image,
    targets: &[&Triple],
    config: &Config,
    verified: &[Verified],
    origin: &Origin,
) -> Result<Result<ImageSpec, String>> {
    let mut platforms = Vec::new();
    let mut lacking = Vec::new();
    for target in targets {
        let job = verified.iter().find(|v| v.job().target.triple == **target);
        match job {
            Some(v) if v.ok() => platforms.push(platform(image, config, v, origin)?),
            Some(_) => lacking.push(format!("{target} failed")),
            None => lacking.push(format!("{target} was not built")),
        }
    }
    if !lacking.is_empty() {
        return Ok(Err(lacking.join(", ")));
    }
    Ok(Ok(ImageSpec {
        name: image.name.clone(),
        version: origin.package.version.to_string(),
        platforms,
        annotations: labels::annotations(config, origin)
            .into_iter()
            .chain(image.run.annotations.clone())
            .collect(),
        created: origin.created,
    }))
}

fn platform(image: &Image, config: &Config, verified: &Verified, origin: &Origin) -> Result<PlatformSpec> {
    let job = verified.job();
    let (Some(artifact), Some(platform)) = (&verified.artifact, &job.platform) else {
        return Err(Error::failed(format!("{} has no program or no platform", job.title())));
    };
    let Base::Scratch = image.base;
    let mut rootfs = oci::scratch_rootfs(&Scratch {
        bin: &config.app.bin,
        program: &artifact.path,
        time_zones: image.tzdata,
    })?;
    let base = Runtime {
        env: vec![format!("PATH={PATH}"), format!("SSL_CERT_FILE=/{CERTIFICATES}")],
        ..Runtime::default()
    };
    let of_image = |e: Error| e.found(format!("in image {} for {platform}", image.name));
    let labels = labels::labels(config, origin, job);
    let runtime = run::runtime(&image.run, &config.app.bin, &base, labels, &rootfs).map_err(of_image)?;
    for (path, node) in run::folders(&runtime, &rootfs).map_err(of_image)? {
        rootfs.put(&path, node)?;
    }
    let layer = LayerSpec { rootfs, created_by: format!("xtask: scratch with /{}", config.app.bin) };
    Ok(PlatformSpec { platform: platform.clone(), layers: vec![LayerSource::Tree(layer)], runtime })
}

/// Writes `<dist>/docker/rootfs.tar`: everything of a scratch image but the program, for those who build images with
/// Docker. A tar alone carries modes and owners through every builder, checkout and umask.
///
/// # Errors
/// Where it cannot be written.
pub fn rootfs_tar(dist: &Path) -> Result<PathBuf> {
    let path = dist.join("docker").join("rootfs.tar");
    let failed = |e: std::io::Error| Error::io("cannot write", &path, &e);
    let mut tar = oci::tar::Writer::new(Vec::new());
    oci::layer::write_tree(&mut tar, &oci::scratch::base_rootfs(false)?, 0)?;
    let bytes = tar.finish().map_err(failed)?;
    if std::fs::read(&path).is_ok_and(|old| old == bytes) {
        return Ok(path);
    }
    crate::files::write(&path, &bytes)?;
    Ok(path)
}

/// Writes an archive for every verified job and SHA256SUMS over all of them.
///
/// # Errors
/// Where an archive cannot be written.
pub fn archives(
    config: &Config,
    verified: &[Verified],
    origin: &Origin,
    dist: &Path,
    cache: &Path,
    ui: &Ui,
) -> Result<Vec<Archive>> {
    let mut files: Vec<PathBuf> = archive::companions(&origin.package.dir)?;
    for license in &origin.package.license_files {
        if !files.iter().any(|f| f.file_name() == license.file_name()) {
            files.push(license.clone());
        }
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
        ui.step("Archived", format!("{name} ({})", crate::files::human_size(archive.size)));
    }
    Ok(archives)
}

fn cores() -> std::num::NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(std::num::NonZeroUsize::MIN)
}
