//! Joins the parts of a release: which shards fit together, one report of all, and the specification of each image from the
//! layouts of its platforms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::inputs::ReleaseInputs;
use super::matrix::ReleaseMatrix;
use super::refusal::MergeRefusal;
use super::shard::{ShardFile, ShardFolder};
use xtask_config::{Compression, Config, Image, ImageTarget};
use xtask_files::dist;
use xtask_files::error::{Error, Result};
use xtask_oci::document::{ImageConfig, Index, Manifest};
use xtask_oci::{
    Codec, Digest, ImageSpec, Layer, LayerSource, Layout, PackedImage, PlatformSpec, StoredLayer,
};
use xtask_report::report::{ImageEntry, Report, SkippedEntry, Unmade};
use xtask_triple::{Platform, Triple};

/// The release that shards are joined to.
#[derive(Debug)]
pub struct JoinTarget<'a> {
    /// The content of targets.toml.
    pub config: &'a Config,
    /// The targets of the release, in the order of targets.toml.
    pub targets: &'a [Triple],
    /// The inputs of the checkout in which shards are joined.
    pub checkout: &'a ReleaseInputs,
}

/// A platform of an image, and the shard that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedPlatform {
    /// The platform.
    pub platform: Platform,
    /// The digest of its manifest in the shard, which is that of the joined image.
    pub manifest: Digest,
}

/// An image that is joined from the layouts of shards.
#[derive(Debug)]
pub struct JoinedImage {
    /// What is packed: layers that exist in the layouts.
    pub spec: ImageSpec,
    /// The platforms, in the order of targets.toml.
    pub platforms: Vec<JoinedPlatform>,
}

/// Returns why these shards are not one release. The bytes of files are not checked here.
pub fn refusals(shards: &[ShardFolder], to: &JoinTarget<'_>) -> Vec<MergeRefusal> {
    let mut found = Vec::new();
    if let Some((first, others)) = shards.split_first() {
        let inputs = |shard: &ShardFolder| shard.document.inputs.clone();
        let checkout = inputs(first).differences_to_join(to.checkout).into_iter();
        found.extend(
            checkout.map(|difference| MergeRefusal::OtherCheckout { dir: first.dir.clone(), difference }),
        );
        for other in others {
            let dirs = [first.dir.clone(), other.dir.clone()];
            let differences = inputs(first).differences(&inputs(other)).into_iter();
            found.extend(
                differences.map(|difference| MergeRefusal::Different { dirs: dirs.clone(), difference }),
            );
        }
    }
    found.extend(uncovered(shards, to));
    found.extend(conflicts(shards));
    found
}

/// Returns the targets that are in no shard, in two, or not in the release.
fn uncovered(shards: &[ShardFolder], to: &JoinTarget<'_>) -> Vec<MergeRefusal> {
    let (mut found, mut seen) = (Vec::new(), BTreeMap::<&str, &ShardFolder>::new());
    for shard in shards {
        for target in &shard.document.targets {
            if let Some(other) = seen.insert(target, shard) {
                let dirs = [other.dir.clone(), shard.dir.clone()];
                found.push(MergeRefusal::Doubled { target: target.clone(), dirs });
            }
            if !to.targets.iter().any(|wanted| wanted.as_str() == target) {
                found.push(MergeRefusal::NotAskedFor { dir: shard.dir.clone(), target: target.clone() });
            }
        }
    }
    let whole = ReleaseMatrix::new(to.config, to.targets, "", None, None);
    for target in to.targets.iter().filter(|target| !seen.contains_key(target.as_str())) {
        let shard = whole.shards.iter().find(|shard| shard.targets.contains(target));
        let shard = shard.map_or_else(|| target.to_string(), |shard| shard.id());
        found.push(MergeRefusal::Missing { target: target.to_string(), shard });
    }
    found
}

/// Returns the files that two shards have with different bytes. Files that are joined by their content may differ.
fn conflicts(shards: &[ShardFolder]) -> Vec<MergeRefusal> {
    let mut seen: BTreeMap<&str, (&ShardFolder, &ShardFile)> = BTreeMap::new();
    let mut found = Vec::new();
    for shard in shards {
        for file in shard.document.files.iter().filter(|file| is_copied(&file.path)) {
            match seen.get(file.path.as_str()) {
                Some((other, known)) if known.digest != file.digest => found.push(MergeRefusal::Conflict {
                    file: file.path.clone(),
                    dirs: [other.dir.clone(), shard.dir.clone()],
                }),
                Some(_) => {}
                None => drop(seen.insert(&file.path, (shard, file))),
            }
        }
    }
    found
}

/// Whether a file of a shard becomes a file of the release as it is. Documents and layouts are joined by their content.
pub fn is_copied(path: &str) -> bool {
    path.contains('/') && !path.starts_with("oci/")
}

/// Returns the specification of every image of the release, from the layouts of the shards.
///
/// # Errors
/// A document of a layout cannot be read, or a shard has no part of an image that should be there.
pub fn images(
    shards: &[ShardFolder],
    reports: &[Report],
    to: &JoinTarget<'_>,
    version: &str,
) -> Result<Vec<JoinedImage>> {
    let mut images = Vec::new();
    for image in &to.config.images {
        let wanted: Vec<&ImageTarget> =
            image.targets.iter().filter(|target| to.targets.contains(&target.triple)).collect();
        if wanted.is_empty() {
            continue;
        }
        agreed(image, shards, reports).map_err(|refusal| MergeRefusal::error(&[refusal]))?;
        let mut joined: Option<JoinedImage> = None;
        for target in wanted {
            let part = part(image, target, shards)?;
            let image = joined.get_or_insert_with(|| JoinedImage {
                spec: ImageSpec {
                    name: image.name.clone(),
                    version: version.to_owned(),
                    platforms: Vec::new(),
                    annotations: part.annotations,
                    codec: match image.compression {
                        Compression::Gzip => Codec::Gzip,
                        Compression::Zstd => Codec::Zstd,
                    },
                    created: part.created,
                },
                platforms: Vec::new(),
            });
            image.spec.platforms.push(part.spec);
            image.platforms.push(part.joined);
        }
        images.extend(joined);
    }
    Ok(images)
}

/// One platform of an image in the layout of a shard.
struct ImagePart {
    spec: PlatformSpec,
    annotations: BTreeMap<String, String>,
    created: u64,
    joined: JoinedPlatform,
}

fn part(image: &Image, target: &ImageTarget, shards: &[ShardFolder]) -> Result<ImagePart> {
    let lacks = |dir: PathBuf| {
        let why = format!("{} has no part of it for {}", dir.display(), target.platform);
        MergeRefusal::error(&[MergeRefusal::Image { image: image.name.clone(), why }])
    };
    let has = |shard: &&ShardFolder| shard.document.targets.iter().any(|name| name == target.triple.as_str());
    let shard = shards.iter().find(has).ok_or_else(|| lacks(PathBuf::new()))?;
    let layout = Layout::new(dist::layout(&shard.dir));
    let index = layout.find(&image.name)?.ok_or_else(|| lacks(shard.dir.clone()))?;
    let index: Index = document(&layout, &index)?;
    let is_of = |descriptor: &&xtask_oci::document::Descriptor| {
        descriptor
            .platform
            .as_ref()
            .is_some_and(|platform| platform.to_string() == target.platform.to_string())
    };
    let descriptor = index.manifests.iter().find(is_of).ok_or_else(|| lacks(shard.dir.clone()))?;
    let manifest: Manifest = document(&layout, &descriptor.digest)?;
    let config: ImageConfig = document(&layout, &manifest.config.digest)?;
    let history = config.history.iter().filter(|step| !step.empty_layer);
    let texts = history.map(|step| step.created_by.clone().unwrap_or_default());
    let layers = manifest.layers.iter().zip(&config.rootfs.diff_ids).zip(texts);
    let stored =
        |((descriptor, diff_id), created_by): ((&xtask_oci::document::Descriptor, &Digest), String)| {
            let layer = Layer { descriptor: descriptor.clone(), diff_id: diff_id.clone() };
            LayerSource::Stored(StoredLayer {
                layer,
                blob: layout.blobs().path(&descriptor.digest),
                created_by,
            })
        };
    Ok(ImagePart {
        spec: PlatformSpec {
            platform: target.platform.clone(),
            layers: layers.map(stored).collect(),
            runtime: config.config,
        },
        annotations: index.annotations,
        created: shard.document.inputs.created(),
        joined: JoinedPlatform { platform: target.platform.clone(), manifest: descriptor.digest.clone() },
    })
}

fn document<T: serde::de::DeserializeOwned>(layout: &Layout, digest: &Digest) -> Result<T> {
    let bytes = layout.blobs().read(digest)?;
    let wrong = |why: String| {
        Error::failed(format!("{} is no document of an image", layout.blobs().path(digest).display()))
            .found(why)
    };
    if Digest::of(&bytes) != *digest {
        return Err(wrong("it does not have its digest".to_owned()));
    }
    serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))
}

/// Checks that all shards put their platforms of an image on the same base.
fn agreed(image: &Image, shards: &[ShardFolder], reports: &[Report]) -> Result<(), MergeRefusal> {
    let entries = shards.iter().zip(reports).filter_map(|(shard, report)| {
        Some((shard, report.images.iter().find(|entry| entry.name == image.name)?))
    });
    let mut first: Option<(&ShardFolder, &ImageEntry)> = None;
    for (shard, entry) in entries {
        let (known, of) = *first.get_or_insert((shard, entry));
        let refreshed = |entry: &ImageEntry| {
            entry.refreshed.clone().unwrap_or_else(|| "those of the repository's lock".to_owned())
        };
        for (what, one, other) in [
            ("base", of.base.clone(), entry.base.clone()),
            ("packages of the base", refreshed(of), refreshed(entry)),
        ] {
            if one != other {
                let (known, dir) = (known.dir.display(), shard.dir.display());
                let why = format!("its {what} differ: {known} has {one}, {dir} has {other}");
                return Err(MergeRefusal::Image { image: image.name.clone(), why });
            }
        }
    }
    Ok(())
}

/// Checks that a packed image has exactly the manifests that the shards made and started.
///
/// # Errors
/// A manifest is another one.
pub fn check_packed(image: &JoinedImage, packed: &PackedImage) -> Result<()> {
    for (platform, manifest) in image.platforms.iter().zip(&packed.manifests) {
        if platform.manifest != manifest.digest {
            return Err(Error::failed(format!(
                "image {} for {} is not the one that its shard made",
                packed.name, platform.platform
            ))
            .found(format!("the shard has {}, joined it is {}", platform.manifest, manifest.digest))
            .help("this is a fault of cargo xtask, or the shard was made by another version of it"));
        }
    }
    Ok(())
}

/// Returns one report of all shards, as one machine would have written it. Facts about machines, such as durations and runners,
/// are those of the machine that made the part.
pub fn report(reports: Vec<Report>, to: &JoinTarget<'_>, packed: &[PackedImage]) -> Report {
    let first = reports.first();
    let (app, version) = first.map_or_else(Default::default, |r| (r.app.clone(), r.version.clone()));
    let place = |target: &str| to.targets.iter().position(|known| known.as_str() == target);
    let (mut jobs, mut parts) = (Vec::new(), BTreeMap::<String, Vec<ImageEntry>>::new());
    let (mut unmade, mut skipped) = (Vec::<Unmade>::new(), Vec::<SkippedEntry>::new());
    for report in reports {
        jobs.extend(report.jobs);
        for image in report.images {
            parts.entry(image.name.clone()).or_default().push(image);
        }
        unmade.extend(report.unmade);
        skipped.extend(report.skipped);
    }
    jobs.sort_by_key(|job| place(&job.target));
    let images: Vec<ImageEntry> =
        packed.iter().filter_map(|image| joined(image, parts.remove(&image.name)?, to.config)).collect();
    let made: BTreeSet<&str> = packed.iter().map(|image| image.name.as_str()).collect();
    let mut named = BTreeSet::new();
    unmade.retain(|image| !made.contains(image.name.as_str()) && named.insert(image.name.clone()));
    skipped.sort_by_key(|skipped| place(&skipped.target));
    Report { schema: 1, app, version, jobs, images, unmade, skipped }
}

/// Joins the entries of an image. The platforms that one shard leaves out are those of the others.
fn joined(packed: &PackedImage, parts: Vec<ImageEntry>, config: &Config) -> Option<ImageEntry> {
    let order = config.images.iter().find(|image| image.name == packed.name)?;
    let place =
        |platform: &str| order.targets.iter().position(|target| target.platform.to_string() == platform);
    let closure = parts.iter().any(|part| part.closure);
    let mut whole = parts.first()?.clone();
    whole.manifests = parts.into_iter().flat_map(|part| part.manifests).collect();
    whole.manifests.sort_by_key(|manifest| place(&manifest.platform));
    let made: BTreeSet<&str> = whole.manifests.iter().map(|manifest| manifest.platform.as_str()).collect();
    let platforms = order.targets.iter().map(|target| target.platform.to_string());
    whole.left_out = platforms.filter(|platform| !made.contains(platform.as_str())).collect();
    whole.closure = closure;
    whole.index_digest = packed.index_digest.to_string();
    whole.tar_index_digest = packed.tar_index_digest.to_string();
    Some(whole)
}
