//! Packing: from what an image shall be to the layout and the tars. Layers are built side by side on the cores there
//! are, each of them once, however many platforms and images share it. What is packed is staged first; whoever packed it
//! proves it, and only then does it get its name.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::document::{Descriptor, ImageConfig, Index, Manifest, Runtime, media_type, to_bytes};
use super::image_tar::ImageTarInput;
use xtask_files::{Memo, dist, sweep};

use super::{Codec, Digest, Layer, LayerSource, Layout};
use xtask_files::error::Result;
use xtask_triple::Platform;

mod layers;
mod names;
mod recode;
mod staged;
mod tars;

use layers::{LayerRequest, LayerStore};

pub use names::{tag, tags};
pub use staged::StagedImages;

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
    /// How its layers in the layout are compressed. Those in the tar are gzip.
    pub codec: Codec,
    /// The time of everything in it, seconds since 1970 (`SOURCE_DATE_EPOCH`, else 0).
    pub created: u64,
}

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSpec {
    /// The platform that the programs of the image are built for.
    pub platform: Platform,
    /// The layers, lowest first, at least one.
    pub layers: Vec<LayerSource>,
    /// How an engine runs the image: user, environment, entry point and the like.
    pub runtime: Runtime,
}

/// An image that is packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedImage {
    /// The name of the image, which is its entry in the layout.
    pub name: String,
    /// The digest of its index in the layout: that of the image that is published.
    pub index_digest: Digest,
    /// How its layers in the layout are compressed.
    pub codec: Codec,
    /// The digest of the index in the tar: another one where the layers of the layout are not all gzip. The images
    /// themselves, by the digests of their configurations, are the same.
    pub tar_index_digest: Digest,
    /// Its manifests, in the order of the platforms.
    pub manifests: Vec<PackedManifest>,
    /// The tar that `docker load` takes: `images/<image>.tar`, or another file of that folder while it is staged.
    pub tar: PathBuf,
}

/// One platform of a packed image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedManifest {
    /// The platform that the manifest is for.
    pub platform: Platform,
    /// The digest of the image manifest in the layout.
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

impl Packer<'_> {
    /// Packs images into `<dist>/oci` and `<dist>/images`, and says what became of them in the order given. What is
    /// there already and did not change, by the stat of the files that go in, is not made again.
    ///
    /// # Errors
    /// A name, version or list of platforms that no image can have; a file that cannot be read or written.
    pub fn pack(&self, images: &[ImageSpec]) -> Result<Vec<PackedImage>> {
        self.stage(images)?.commit()
    }

    /// Packs images and names none of them: the layout holds their blobs, the tars lie beside their places. See
    /// [`StagedImages`].
    ///
    /// # Errors
    /// As [`Packer::pack`].
    pub fn stage(&self, images: &[ImageSpec]) -> Result<StagedImages> {
        self.stage_in_turn(images, || {}, &|_, _| {})
    }

    /// As [`Packer::stage`]; calls `waiting` where another process uses the images there, before it waits for that, and
    /// `far` with the number of layers that are built and of those that have to be.
    ///
    /// # Errors
    /// As [`Packer::pack`].
    pub fn stage_in_turn(
        &self,
        images: &[ImageSpec],
        waiting: impl FnOnce(),
        far: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<StagedImages> {
        names::check(images)?;
        let (layout, memo) = (Layout::new(dist::layout(self.dist)), Memo::new(self.cache));
        if images.is_empty() {
            return Ok(StagedImages::none(layout, memo));
        }
        let lock = super::lock(self.dist, waiting)?;
        let folder = dist::tars(self.dist);
        layout.blobs().sweep();
        sweep(&folder);

        let wanted: Vec<_> = images.iter().flat_map(|image| wanted(image, image.codec)).collect();
        let store =
            LayerStore { blobs: &layout.blobs(), memo: &memo, kind: staged::LAYERS, only_gzip: false };
        let built = layers::all(&wanted, self.threads, store, far)?;
        let parts = documents(images.iter(), built, &layout)?;
        let tar_parts = self.tar_parts(images, &parts, &memo, far)?;
        let tars = tars::stage(images, &tar_parts, &folder, &memo)?;

        let mut staged = StagedImages::under(lock, layout, memo);
        for (((image, parts), (tar_parts, _)), tar) in images.iter().zip(parts).zip(&tar_parts).zip(tars) {
            staged.add(packed(image, &parts, tar_parts, tar.path()), parts.index, tar);
        }
        Ok(staged)
    }
}

/// What became of an image, whose tar lies at `place`.
fn packed(image: &ImageSpec, parts: &ImageTarInput, tar: &ImageTarInput, place: &Path) -> PackedImage {
    let manifests = image.platforms.iter().zip(&parts.manifests).map(|(spec, (descriptor, manifest, _))| {
        let size = descriptor.size.saturating_add(manifest.content_size());
        PackedManifest { platform: spec.platform.clone(), digest: descriptor.digest.clone(), size }
    });
    PackedImage {
        name: image.name.clone(),
        index_digest: parts.index.digest.clone(),
        codec: image.codec,
        tar_index_digest: tar.index.digest.clone(),
        manifests: manifests.collect(),
        tar: place.to_owned(),
    }
}

/// The layers of an image, in the order in which [`document`] takes them.
fn wanted(image: &ImageSpec, codec: Codec) -> impl Iterator<Item = LayerRequest<'_>> {
    let layers = image.platforms.iter().flat_map(|platform| &platform.layers);
    layers.map(move |source| LayerRequest { source, created: image.created, codec })
}

/// Stores the documents of images, whose layers are these.
fn documents<'a>(
    images: impl Iterator<Item = &'a ImageSpec>,
    built: Vec<Layer>,
    layout: &Layout,
) -> Result<Vec<ImageTarInput>> {
    let mut built = built.into_iter();
    images.map(|image| document(image, &mut built, layout)).collect()
}

/// Stores the documents of an image, taking its layers from the front of `built`.
fn document(
    image: &ImageSpec,
    built: &mut impl Iterator<Item = Layer>,
    layout: &Layout,
) -> Result<ImageTarInput> {
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
    Ok(ImageTarInput { reference, tag, index, manifests, created: image.created })
}

/// The platforms of an image, each of which it may have once.
fn distinct(platforms: &[PlatformSpec]) -> bool {
    platforms.iter().map(|spec| &spec.platform).collect::<BTreeSet<_>>().len() == platforms.len()
}
