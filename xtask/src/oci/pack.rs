//! Packing: from what an image shall be to the layout and the tars. Layers are built side by side on the cores there
//! are, each of them once, however many platforms and images share it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::document::{Descriptor, ImageConfig, Index, Manifest, Runtime, media_type, to_bytes};
use super::image_tar::{self, Parts};
use super::{Digest, Layer, LayerSource, Layout, Lock, Memo, garbage, stage};
use crate::error::{Error, Result};
use crate::triple::Platform;

mod layers;
mod names;

pub use names::tag;

/// An image for all its platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSpec {
    /// Its name: the repository part of a reference (`app`), the entry in the layout and the tar's file name.
    pub name: String,
    /// Its version; a `+` becomes `-` in tags, which have no `+`.
    pub version: String,
    /// Its platforms, at least one, in the order of the index. Docker tags the first one `name:version`.
    pub platforms: Vec<PlatformSpec>,
    /// Annotations of the index and of every manifest.
    pub annotations: BTreeMap<String, String>,
    /// The time of everything in it, seconds since 1970 (`SOURCE_DATE_EPOCH`, else 0).
    pub created: u64,
}

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSpec {
    /// The platform.
    pub platform: Platform,
    /// The layers, lowest first, at least one.
    pub layers: Vec<LayerSource>,
    /// How to run it.
    pub runtime: Runtime,
}

/// An image that is packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedImage {
    /// Its name.
    pub name: String,
    /// The digest of its index.
    pub index_digest: Digest,
    /// Its manifests, in the order of the platforms.
    pub manifests: Vec<PackedManifest>,
    /// The tar that `docker load` takes.
    pub tar: PathBuf,
}

/// One platform of a packed image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedManifest {
    /// The platform.
    pub platform: Platform,
    /// The digest of the manifest.
    pub digest: Digest,
    /// The bytes that a pull for this platform fetches: manifest, configuration and layers, compressed.
    pub size: u64,
}

/// Where to pack to, and with how many threads.
#[derive(Debug, Clone, Copy)]
pub struct Packer<'a> {
    /// The output folder, `target/dist`: gets `oci/` and `images/`.
    pub dist: &'a Path,
    /// A folder for what is remembered between runs.
    pub cache: &'a Path,
    /// How many threads compress. The bytes do not depend on it.
    pub threads: NonZeroUsize,
}

/// Packs images with as many threads as there are cores. See [`Packer::pack`].
///
/// # Errors
/// As there.
pub fn pack(images: &[ImageSpec], dist: &Path, cache: &Path) -> Result<Vec<PackedImage>> {
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Packer { dist, cache, threads }.pack(images)
}

impl Packer<'_> {
    /// Packs images into `<dist>/oci` and `<dist>/images`, and says what became of them in the order given. What is
    /// there already and did not change, by the stat of the files that go in, is not made again.
    ///
    /// # Errors
    /// A name, version or list of platforms that no image can have; a file that cannot be read or written.
    pub fn pack(&self, images: &[ImageSpec]) -> Result<Vec<PackedImage>> {
        names::check(images)?;
        let _lock = Lock::exclusive(self.dist)?;
        let layout = Layout::new(self.dist.join("oci"));
        let tars = self.dist.join("images");
        let memo = Memo::new(self.cache);
        layout.blobs().sweep();
        stage::sweep(&tars);

        let sources: Vec<_> = images
            .iter()
            .flat_map(|image| {
                image.platforms.iter().flat_map(|p| &p.layers).map(|layer| (layer, image.created))
            })
            .collect();
        let (built, fresh) = layers::all(&sources, self.threads, &layout.blobs(), &memo)?;
        let mut built = built.into_iter();
        let parts = images
            .iter()
            .map(|image| document(image, &mut built, &layout))
            .collect::<Result<Vec<Parts>>>()?;

        let named: Vec<_> =
            images.iter().zip(&parts).map(|(i, p)| (i.name.as_str(), p.index.clone())).collect();
        let packed = images.iter().zip(&parts).map(|(image, parts)| self.packed(image, parts)).collect();
        write_tars(images, &parts, &tars, &layout, &memo)?;
        layout.name(&named)?;
        if fresh {
            garbage::collect(&layout);
            memo.retain("layers", |layer: &Layer| layout.blobs().has(&layer.descriptor));
        }
        Ok(packed)
    }

    fn packed(&self, image: &ImageSpec, parts: &Parts) -> PackedImage {
        let manifests =
            image.platforms.iter().zip(&parts.manifests).map(|(spec, (descriptor, manifest, _))| {
                let size = descriptor.size.saturating_add(manifest.content_size());
                PackedManifest { platform: spec.platform.clone(), digest: descriptor.digest.clone(), size }
            });
        PackedImage {
            name: image.name.clone(),
            index_digest: parts.index.digest.clone(),
            manifests: manifests.collect(),
            tar: self.dist.join("images").join(format!("{}.tar", image.name)),
        }
    }
}

/// Stores the documents of an image, taking its layers from the front of `built`.
fn document(image: &ImageSpec, built: &mut impl Iterator<Item = Layer>, layout: &Layout) -> Result<Parts> {
    let blobs = layout.blobs();
    let mut manifests = Vec::new();
    for (spec, tags) in image.platforms.iter().zip(names::docker_tags(image)) {
        let layers: Vec<Layer> = built.by_ref().take(spec.layers.len()).collect();
        let history: Vec<_> =
            layers.iter().zip(&spec.layers).map(|(layer, source)| (layer, source.created_by())).collect();
        let config = ImageConfig::new(&spec.platform, spec.runtime.clone(), &history, image.created);
        let config = blobs.put(media_type::CONFIG, &to_bytes(&config)?)?;
        let layers: Vec<Descriptor> = layers.into_iter().map(|layer| layer.descriptor).collect();
        let manifest = Manifest::new(config, layers, image.annotations.clone());
        let stored = blobs.put(media_type::MANIFEST, &to_bytes(&manifest)?)?;
        manifests.push((stored.for_platform(&spec.platform), manifest, tags));
    }
    let listed = manifests.iter().map(|(descriptor, ..)| descriptor.clone()).collect();
    let index = blobs.put(media_type::INDEX, &to_bytes(&Index::new(listed, image.annotations.clone()))?)?;
    let tag = tag(&image.version);
    let reference = format!("{}:{tag}", image.name);
    Ok(Parts { reference, tag, index, manifests, created: image.created })
}

fn write_tars(images: &[ImageSpec], parts: &[Parts], dir: &Path, layout: &Layout, memo: &Memo) -> Result<()> {
    let blobs = layout.blobs();
    std::thread::scope(|scope| {
        let writers: Vec<_> = images
            .iter()
            .zip(parts)
            .map(|(image, parts)| {
                let target = dir.join(format!("{}.tar", image.name));
                let (blobs, memo) = (&blobs, memo);
                scope.spawn(move || image_tar::write(parts, &target, blobs, memo))
            })
            .collect();
        // All are waited for, also after the first error.
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        let early = |_| Err(Error::failed("writing a tar ended early"));
        ended.into_iter().try_for_each(|result| result.unwrap_or_else(early))
    })
}

/// The platforms of an image, each of which it may have once.
fn distinct(platforms: &[PlatformSpec]) -> bool {
    platforms.iter().map(|spec| &spec.platform).collect::<BTreeSet<_>>().len() == platforms.len()
}
