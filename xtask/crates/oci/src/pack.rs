//! Packs images: makes the layout and the tars from the specifications of images. Layers are built in
//! parallel on all cores. A layer is built once, even if several platforms and images share it. Packed images
//! are staged first. The caller tests them, and only then do they get their names.

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

/// An image with all its platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSpec {
    /// Its name: the repository part of a reference (`app`), the entry in the layout and the tar's file name.
    pub name: String,
    /// Its version. A `+` becomes `-` in tags, which cannot contain `+`.
    pub version: String,
    /// Its platforms, at least one, in the order of the index. Docker tags the first one `name:version`.
    pub platforms: Vec<PlatformSpec>,
    /// The annotations of the index and of every manifest.
    pub annotations: BTreeMap<String, String>,
    /// The compression of its layers in the layout. The layers in the tar use gzip.
    pub codec: Codec,
    /// The time of everything in it, in seconds since 1970 (`SOURCE_DATE_EPOCH`, or 0).
    pub created: u64,
}

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSpec {
    /// The platform for which the programs of the image are built.
    pub platform: Platform,
    /// The layers, lowest first, at least one.
    pub layers: Vec<LayerSource>,
    /// The settings with which an engine runs the image: user, environment, entry point and others.
    pub runtime: Runtime,
}

/// An image that was packed, with its digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedImage {
    /// The name of the image, which is its entry in the layout.
    pub name: String,
    /// The digest of its index in the layout. The published image has this digest.
    pub index_digest: Digest,
    /// The compression of its layers in the layout.
    pub codec: Codec,
    /// The digest of the index in the tar. It differs from the layout's if not all layers there use gzip. The
    /// digests of the configurations, and so the image IDs, are the same.
    pub tar_index_digest: Digest,
    /// Its manifests, in the order of the platforms.
    pub manifests: Vec<PackedManifest>,
    /// The tar for `docker load`: `images/<image>.tar`, or another file of that folder while it is staged.
    pub tar: PathBuf,
}

/// One platform of a packed image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedManifest {
    /// The platform that the manifest is for.
    pub platform: Platform,
    /// The digest of the image manifest in the layout.
    pub digest: Digest,
    /// The number of bytes that a pull for this platform fetches: manifest, configuration and compressed
    /// layers.
    pub size: u64,
}

/// The settings of packing: the folders and the number of threads.
#[derive(Debug, Clone, Copy)]
pub struct Packer<'a> {
    /// The output folder, `target/dist`, in which `oci/` and `images/` are written.
    pub dist: &'a Path,
    /// The folder for facts that are remembered between runs.
    pub cache: &'a Path,
    /// The number of threads that compress. The bytes do not depend on it.
    pub threads: NonZeroUsize,
}

impl Packer<'_> {
    /// Packs images into `<dist>/oci` and `<dist>/images`, and returns them in the given order. Layers and
    /// tars whose input files have not changed, judging by their stat, are not made again.
    ///
    /// # Errors
    /// An image has an invalid name, version or list of platforms, or a file cannot be read or written.
    pub fn pack(&self, images: &[ImageSpec]) -> Result<Vec<PackedImage>> {
        self.stage(images)?.commit()
    }

    /// Packs images without naming them. Their blobs are in the layout, and the tars are beside their places.
    /// See [`StagedImages`].
    ///
    /// # Errors
    /// As [`Packer::pack`].
    pub fn stage(&self, images: &[ImageSpec]) -> Result<StagedImages> {
        self.stage_in_turn(images, || {}, &|_, _| {})
    }

    /// Works as [`Packer::stage`]. It calls `waiting` before it waits for another process that uses the
    /// images there. It calls `far` with the number of finished layers and the number of layers to build.
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

/// Returns the record of a packed image whose tar is at `place`.
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

/// Returns the layers of an image, in the order in which [`document`] takes them.
fn wanted(image: &ImageSpec, codec: Codec) -> impl Iterator<Item = LayerRequest<'_>> {
    let layers = image.platforms.iter().flat_map(|platform| &platform.layers);
    layers.map(move |source| LayerRequest { source, created: image.created, codec })
}

/// Stores the documents of images with these layers.
fn documents<'a>(
    images: impl Iterator<Item = &'a ImageSpec>,
    built: Vec<Layer>,
    layout: &Layout,
) -> Result<Vec<ImageTarInput>> {
    let mut built = built.into_iter();
    images.map(|image| document(image, &mut built, layout)).collect()
}

/// Stores the documents of an image. Its layers are taken from the front of `built`.
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

/// Returns whether an image has each platform only once.
fn distinct(platforms: &[PlatformSpec]) -> bool {
    platforms.iter().map(|spec| &spec.platform).collect::<BTreeSet<_>>().len() == platforms.len()
}
