//! Decides the content of the images' tars, and writes them beside their places.

use std::path::Path;

use super::layers::{self, Far, LayerStore};
use super::{ImageSpec, Packer, documents, wanted};
use crate::image_tar::{self, ImageTarInput, StagedTar};
use xtask_files::error::{Error, Result};
use xtask_files::{Memo, dist, threads};

use crate::{Blobs, Codec, Layer, LayerSource, Layout, garbage, intact};

impl Packer<'_> {
    /// Returns the content of the tars. If all layers in the layout use gzip, it is the same as there.
    /// Otherwise it is the same image with other layers. A layout in the cache keeps these layers for the
    /// next run.
    pub(super) fn tar_parts(
        &self,
        images: &[ImageSpec],
        parts: &[ImageTarInput],
        memo: &Memo,
        far: Far<'_>,
    ) -> Result<Vec<(ImageTarInput, Blobs)>> {
        let layout = Layout::new(dist::layout(self.dist));
        let own = Layout::new(self.cache.join("gzip"));
        let (others, plain): (Vec<&ImageSpec>, Vec<&ImageSpec>) =
            images.iter().partition(|image| !is_all_gzip(image));
        let mut recoded = Vec::new();
        if !others.is_empty() {
            own.blobs().sweep();
            let wanted: Vec<_> = others.iter().flat_map(|image| wanted(image, Codec::Gzip)).collect();
            let store = LayerStore { blobs: &own.blobs(), memo, kind: "gzip-layers", only_gzip: true };
            let built = layers::all(&wanted, self.threads, store, far)?;
            recoded = documents(others.iter().copied(), built, &own)?;
            let named: Vec<_> =
                others.iter().zip(&recoded).map(|(i, p)| (i.name.as_str(), p.index.clone())).collect();
            own.name(&named)?;
            if garbage::collect(&own, &[]) {
                intact::forget_gone(memo);
                memo.retain(store.kind, |layer: &Layer| store.blobs.has(&layer.descriptor));
            }
        }
        if own.dir().exists() && !plain.is_empty() {
            own.forget(&plain.iter().map(|image| image.name.as_str()).collect::<Vec<_>>())?;
        }
        let mut recoded = recoded.into_iter();
        let part = |(image, parts): (&ImageSpec, &ImageTarInput)| match is_all_gzip(image) {
            true => Ok((parts.clone(), layout.blobs())),
            false => {
                let parts = recoded.next().ok_or_else(|| Error::failed("an image has no documents"))?;
                Ok((parts, own.blobs()))
            }
        };
        images.iter().zip(parts).map(part).collect()
    }
}

/// Returns whether the layers in the layout can also be used in the tar.
fn is_all_gzip(image: &ImageSpec) -> bool {
    let gzip = |layer: &LayerSource| match layer {
        LayerSource::Tree(_) => image.codec == Codec::Gzip,
        LayerSource::Stored(stored) => layers::is_gzip(stored),
    };
    image.platforms.iter().flat_map(|platform| &platform.layers).all(gzip)
}

/// Writes the tars in parallel, and returns them in the order of the images.
pub(super) fn stage(
    images: &[ImageSpec],
    parts: &[(ImageTarInput, Blobs)],
    dir: &Path,
    memo: &Memo,
) -> Result<Vec<StagedTar>> {
    let write = |(image, (parts, blobs)): (&ImageSpec, &(ImageTarInput, Blobs))| {
        image_tar::stage(parts, &dir.join(format!("{}.tar", image.name)), blobs, memo)
    };
    threads::side_by_side(images.iter().zip(parts).collect(), images.len(), write).into_iter().collect()
}
