//! What lies below the program in an image that is not made from scratch.

use xtask_oci::document::Runtime;
use xtask_oci::{Digest, RootFs, StoredLayer};
use xtask_registry::PulledImage;
use xtask_triple::Platform;

pub mod apt;
mod arch;
mod bases;
mod closure;
pub mod contents;
pub mod deb;
pub mod distroless;
mod layer;
pub mod lock;
mod name;
mod packages;
pub mod prune;
mod site;
mod snapshot;
pub mod store;
pub mod tree;
pub mod update;

pub use arch::DebianArch;
pub use bases::{Base, Bases};
pub use closure::closure;
pub use lock::{BaseLock, DebPackage};
pub use name::{Distroless, Flavour};
pub use site::BaseContext;
pub use snapshot::SnapshotArchive;

/// A base for one platform: its layers as they are stored, and the tree that they unpack to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// As targets.toml names it: `distroless:cc`, or a reference.
    pub name: String,
    /// The platform that the image is for.
    pub platform: Platform,
    /// The digest of the manifest that a registry has for this platform, or of the lock that a distroless base was made
    /// from: it decides every byte of the base.
    pub digest: Digest,
    /// The packages that it was assembled from, lowest first; none for one of a registry, whose tree alone tells.
    pub packages: Vec<DebPackage>,
    /// Its layers, lowest first.
    pub layers: Vec<StoredLayer>,
    /// What the layers unpack to. Files are [`xtask_oci::Content::Part`]s of tars in the cache.
    pub rootfs: RootFs,
    /// How it wants programs to be run; what an image says of itself goes over it.
    pub runtime: Runtime,
}

/// The packages that an image of a registry was made from, its tree alone tells.
impl From<PulledImage> for BaseImage {
    fn from(pulled: PulledImage) -> Self {
        let PulledImage { name, platform, digest, layers, rootfs, runtime } = pulled;
        Self { name, platform, digest, packages: Vec::new(), layers, rootfs, runtime }
    }
}
