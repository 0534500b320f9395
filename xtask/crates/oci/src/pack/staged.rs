//! Images that are packed and have no name yet. Whoever packed them proves them, refuses those that fail, and commits the
//! rest; one that is never committed (an error, a kill) leaves what was there before as it was.

use std::path::Path;

use super::PackedImage;
use crate::document::Descriptor;
use crate::image_tar::StagedTar;
use crate::{Layer, Layout, garbage, intact};
use xtask_files::error::{Error, Result};
use xtask_files::{FileLock, Memo};

/// The kind under which the memo knows the layers of the layout.
pub(super) const LAYERS: &str = "layers";

/// Staged images. Holds the lock of the output folder for writing, so that nobody removes blobs that no name leads to
/// yet; readers wait. Dropping it removes the tars and leaves the blobs, until another packing finds that nothing needs
/// them.
#[derive(Debug)]
pub struct StagedImages {
    layout: Layout,
    memo: Memo,
    images: Vec<PackedImage>,
    /// Their indexes and tars, in the same order; no tar any more where it was refused.
    parts: Vec<(Descriptor, Option<StagedTar>)>,
    lock: Option<FileLock>,
}

impl StagedImages {
    pub(super) fn none(layout: Layout, memo: Memo) -> Self {
        Self { layout, memo, images: Vec::new(), parts: Vec::new(), lock: None }
    }

    pub(super) fn under(lock: FileLock, layout: Layout, memo: Memo) -> Self {
        Self { lock: Some(lock), ..Self::none(layout, memo) }
    }

    pub(super) fn add(&mut self, image: PackedImage, index: Descriptor, tar: StagedTar) {
        self.images.push(image);
        self.parts.push((index, Some(tar)));
    }

    /// The images that are not refused, in their order. [`PackedImage::tar`] is where each tar lies for now.
    pub fn images(&self) -> Vec<PackedImage> {
        let all = self.images.iter().zip(&self.parts);
        all.filter(|(_, (_, tar))| tar.is_some()).map(|(image, _)| image.clone()).collect()
    }

    /// Keeps an image from being committed; its tar goes to `aside`. An image of that name from an earlier run stays
    /// where it is, unless it is this very one: what was found of this one holds for it too.
    ///
    /// # Errors
    /// There is no such image, or the tar cannot be moved.
    pub fn refuse(&mut self, name: &str, aside: &Path) -> Result<()> {
        let at = self.images.iter().position(|image| image.name == name);
        let tar = at.and_then(|at| self.parts.get_mut(at)).and_then(|(_, tar)| tar.take());
        tar.ok_or_else(|| Error::failed(format!("no image {name:?} is staged")))?.put_aside(aside)
    }

    /// Puts the tars of the images in their places, then points the names in the layout at them, and removes what nothing
    /// needs any more. Blobs of images that were refused stay until the next packing, which may be of the same image.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn commit(mut self) -> Result<Vec<PackedImage>> {
        if self.images.is_empty() {
            return Ok(Vec::new());
        }
        let (mut committed, mut named, mut gone, mut staged) = (vec![], vec![], vec![], vec![]);
        for (image, (index, tar)) in std::mem::take(&mut self.images).into_iter().zip(self.parts.drain(..)) {
            staged.push(index.clone());
            match tar {
                Some(tar) => {
                    let place = tar.put(&self.memo)?;
                    named.push((image.name.clone(), index));
                    committed.push(PackedImage { tar: place, ..image });
                }
                None if self.layout.find(&image.name)?.as_ref() == Some(&index.digest) => {
                    gone.push(image.name)
                }
                None => {}
            }
        }
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        let named: Vec<_> = named.iter().map(|(name, index)| (name.as_str(), index.clone())).collect();
        if !named.is_empty() || !gone.is_empty() {
            let all: Vec<&str> = named.iter().map(|(name, _)| *name).chain(gone).collect();
            self.layout.rename(&all, &named)?;
        }
        if garbage::collect(&self.layout, &staged) {
            intact::forget_gone(&self.memo);
            let blobs = self.layout.blobs();
            self.memo.retain(LAYERS, |layer: &Layer| blobs.has(&layer.descriptor));
        }
        drop(self.lock);
        Ok(committed)
    }
}
