//! Packed images that have no name yet. The caller tests them, rejects those that fail, and commits the
//! others. If nothing is committed (an error, a kill), the earlier images are unchanged.

use std::path::Path;

use super::PackedImage;
use crate::document::Descriptor;
use crate::image_tar::StagedTar;
use crate::{Layer, Layout, garbage, intact};
use xtask_files::error::{Error, Result};
use xtask_files::{FileLock, Memo};

/// The kind under which the memo stores the layers of the layout.
pub(super) const LAYERS: &str = "layers";

/// Staged images. They hold the lock of the output folder for writing, so that no other run removes blobs
/// that have no name yet; readers wait. Dropping them removes the tars. The blobs stay until another packing
/// finds that nothing needs them.
#[derive(Debug)]
pub struct StagedImages {
    layout: Layout,
    memo: Memo,
    images: Vec<PackedImage>,
    /// Their indexes and tars, in the same order. A rejected image has no tar.
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

    /// Returns the images that are not rejected, in their order. [`PackedImage::tar`] is the present path of
    /// each tar.
    pub fn images(&self) -> Vec<PackedImage> {
        let all = self.images.iter().zip(&self.parts);
        all.filter(|(_, (_, tar))| tar.is_some()).map(|(image, _)| image.clone()).collect()
    }

    /// Prevents an image from being committed, and moves its tar to `aside`. An image of that name from an
    /// earlier run is kept, unless it is the same image: then the result of the test applies to it too.
    ///
    /// # Errors
    /// There is no such image, or the tar cannot be moved.
    pub fn refuse(&mut self, name: &str, aside: &Path) -> Result<()> {
        let at = self.images.iter().position(|image| image.name == name);
        let tar = at.and_then(|at| self.parts.get_mut(at)).and_then(|(_, tar)| tar.take());
        tar.ok_or_else(|| Error::failed(format!("no image {name:?} is staged")))?.put_aside(aside)
    }

    /// Moves the tars of the images to their places, sets their names in the layout, and removes blobs that
    /// nothing needs any more. Blobs of rejected images stay until the next packing, which may be of the same
    /// image.
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
