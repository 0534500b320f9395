//! Container images as bytes: no clock, no environment, no process, no network. The same [`RootFs`] and the
//! same `created` give the same digests on any machine.
//!
//! ```text
//! RootFs → tar → gzip or zstd in parallel → blob ┐
//! Runtime ────────────────────────────→ config ──┼→ manifest → index → layout and images/<image>.tar
//! ```

use std::path::Path;

use xtask_files::FileLock;
use xtask_files::error::Result;

mod blobs;
mod codec;
pub mod decompress;
mod deflate;
mod digest;
pub mod document;
mod garbage;
pub mod grammar;
pub mod gunzip;
pub mod gzip;
mod image_tar;
mod intact;
pub mod kernel;
pub mod layer;
mod layout;
pub mod pack;
mod pool;
mod rootfs;
mod saved;
pub mod scratch;
pub mod tar;
pub mod unpack;
pub mod untar;
pub mod zip;
pub mod zlib;
pub mod zstd;

pub use blobs::Blobs;
pub use codec::Codec;
pub use digest::{Digest, Hashed, Hasher};
pub use document::Layer;
pub use layer::{LayerSource, LayerSpec, StoredLayer};
pub use layout::Layout;
pub use pack::{ImageSpec, PackedImage, PackedManifest, Packer, PlatformSpec, StagedImages};
pub use rootfs::{Content, FileKind, Node, Resolved, RootFs};
pub use saved::{Saved, lies_in};
pub use scratch::{ScratchImage, scratch_rootfs};

/// Waits until no other run uses the output folder `dist`, and locks it for writing and removing.
///
/// # Errors
/// The lock file cannot be made or locked.
pub fn lock(dist: &Path, waiting: impl FnOnce()) -> Result<FileLock> {
    FileLock::exclusive(&dist.join(LOCK), waiting)
}

/// Waits until no run writes to the output folder `dist`, so that no blob is removed while it is read.
///
/// # Errors
/// The lock file cannot be made or locked.
pub fn lock_shared(dist: &Path, waiting: impl FnOnce()) -> Result<FileLock> {
    FileLock::shared(&dist.join(LOCK), waiting)
}

/// The lock file of an output folder.
const LOCK: &str = ".oci.lock";
