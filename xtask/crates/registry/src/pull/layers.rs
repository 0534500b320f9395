//! Fetches the layers of a base in parallel, unpacks them, and checks them against the configuration.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Pull;
use crate::manifest::relabelled;
use crate::store::StoreFolder;
use xtask_files::error::{Error, Result};
use xtask_files::threads::side_by_side;
use xtask_files::{counted, human_size};
use xtask_oci::decompress::{CompressionFormat, decompress};
use xtask_oci::document::{Descriptor, ImageConfig, Manifest};
use xtask_oci::{Digest, Hashed, Layer, StoredLayer};

/// The number of layers that are fetched in parallel, as in Docker.
const AT_A_TIME: usize = 3;
/// The maximum size of all blobs of a base together, in bytes.
const FETCHED_MAX: u64 = 20 << 30;
/// The maximum size of a layer's tar, in bytes.
const TAR_MAX: u64 = 20 << 30;
/// The size of a tar in bytes up to which its compression ratio is not checked.
const TAR_SMALL: u64 = 1 << 30;
/// The maximum ratio of a larger tar to its blob. Programs and texts compress to a third or a tenth. Data
/// that compresses to less than a hundredth is zeros, made to fill a disk.
const RATIO_MAX: u64 = 100;

/// A stored layer, and its tar.
type ReadyLayer = (StoredLayer, PathBuf);

impl Pull<'_> {
    /// Returns all layers of a manifest, lowest first.
    pub(super) fn layers(&self, manifest: &Manifest, config: &ImageConfig) -> Result<Vec<ReadyLayer>> {
        let (blobs, diff_ids) = (&manifest.layers, &config.rootfs.diff_ids);
        if blobs.len() != diff_ids.len() {
            return Err(Error::failed("its manifest and its config do not match").found(format!(
                "{} layers and {} diff_ids",
                blobs.len(),
                diff_ids.len()
            )));
        }
        let total = blobs.iter().fold(0u64, |sum, blob| sum.saturating_add(blob.size));
        if total > FETCHED_MAX {
            return Err(Error::failed(format!("its layers have {}", human_size(total)))
                .found(format!("a base may have {}", human_size(FETCHED_MAX))));
        }
        let mut steps = config.history.iter().filter(|step| !step.empty_layer);
        let by: Vec<String> = blobs
            .iter()
            .map(|_| steps.next().and_then(|step| step.created_by.clone()).unwrap_or_default())
            .collect();

        let absent = blobs.iter().any(|blob| !self.store.path(StoreFolder::Blobs, &blob.digest).exists());
        let task = absent.then(|| {
            let count = counted(blobs.len() as u64, "layer");
            let what = format!("{} ({}, {count})", self.reference, human_size(total));
            let task = self.site.ui.task("Pulling", what);
            task.parts(blobs.len(), "layer");
            task
        });
        let (failed, fetched) = (AtomicBool::new(false), AtomicU64::new(0));
        let read = |(at, (blob, diff_id)): (usize, (&Descriptor, &Digest))| {
            // After a failure, the other threads finish only their present layer.
            if failed.load(Ordering::Relaxed) {
                return None;
            }
            let doing = task.as_ref().map(|task| task.doing(format!("sha256:{:.12}", blob.digest.hex())));
            let made = self.layer(blob, diff_id, &by[at], &|new| {
                let now = fetched.fetch_add(new, Ordering::Relaxed) + new;
                let far = || format!("{} of {}", human_size(now), human_size(total));
                task.iter().for_each(|task| task.far(far()));
            });
            drop(doing);
            failed.fetch_or(made.is_err(), Ordering::Relaxed);
            Some(made)
        };
        let ready = side_by_side(blobs.iter().zip(diff_ids).enumerate().collect(), AT_A_TIME, read);
        // The error takes precedence over layers that were skipped because of it.
        let (errors, layers): (Vec<_>, Vec<_>) = ready.into_iter().flatten().partition(Result::is_err);
        errors.into_iter().chain(layers).collect()
    }

    fn layer(
        &self,
        blob: &Descriptor,
        diff_id: &Digest,
        by: &str,
        fetched: &dyn Fn(u64),
    ) -> Result<ReadyLayer> {
        let before = AtomicU64::new(0);
        let path = self.blob(blob, &|now| fetched(now - before.swap(now, Ordering::Relaxed)))?;
        let tar = match self.store.find(StoreFolder::Tars, diff_id) {
            Some(tar) => tar,
            None => self
                .store
                .make(StoreFolder::Tars, diff_id, |mut out| unpack(&path, blob, diff_id, &mut out))?,
        };
        let mut begin = [0; 4];
        let read = File::open(&path).and_then(|mut file| {
            let read = io::Read::read(&mut file, &mut begin)?;
            Ok(CompressionFormat::of(&begin[..read]))
        });
        let compression = read.map_err(|e| Error::io("cannot read", &path, &e))?;
        let descriptor = relabelled(blob, compression.media_type());
        let layer = Layer { descriptor, diff_id: diff_id.clone() };
        Ok((StoredLayer { layer, blob: path, created_by: by.to_owned() }, tar))
    }
}

/// Writes the tar of a blob and checks it against the configuration's digest.
fn unpack(path: &PathBuf, blob: &Descriptor, diff_id: &Digest, out: &mut dyn io::Write) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io("cannot read", path, &e))?;
    let mut hashed = Hashed::new(out);
    let limit = |size: u64| match limit(size, blob.size) {
        None => Ok(()),
        Some(words) => Err(io::Error::other(words)),
    };
    decompress(file, &mut hashed, limit).map_err(|e| {
        Error::failed(format!("its layer {} cannot be unpacked", blob.digest)).found(e.to_string())
    })?;
    let (_, found, _) = hashed.finish();
    if found == *diff_id {
        return Ok(());
    }
    Err(Error::failed(format!("its layer {} does not match its config", blob.digest))
        .found(format!("the tar in it has the digest {found}, not {diff_id}")))
}

/// Returns an objection to a tar of this size from a blob of that size, if there is one.
fn limit(tar: u64, blob: u64) -> Option<String> {
    if tar > TAR_MAX {
        return Some(format!("it unpacks to more than {}", human_size(TAR_MAX)));
    }
    let much = tar > TAR_SMALL && tar / RATIO_MAX > blob;
    much.then(|| {
        let from = human_size(blob);
        format!(
            "{from} unpack to more than {}, {RATIO_MAX} times as much: it was probably made to fill a disk",
            human_size(tar)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_to_fill_a_disk_is_not_unpacked() {
        assert_eq!(limit(TAR_SMALL, 1), None);
        assert_eq!(limit(5 << 30, 1 << 30), None);
        assert_eq!(limit(TAR_SMALL + RATIO_MAX, TAR_SMALL / RATIO_MAX + 1), None);
        assert!(limit(TAR_SMALL + 1, 1 << 20).unwrap().contains("fill a disk"));
        assert!(limit(TAR_MAX + 1, TAR_MAX).unwrap().contains("more than"));
    }
}
