//! The bases of images: everything below the program in an image that is not made from scratch.

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

/// A base for one platform: its stored layers, and their unpacked tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// Its name in targets.toml: `distroless:cc`, or a reference.
    pub name: String,
    /// The platform that the image is for.
    pub platform: Platform,
    /// The digest of a registry's manifest for this platform, or of the lock from which a distroless base was
    /// made. It determines every byte of the base.
    pub digest: Digest,
    /// The packages from which it was assembled, lowest first. Empty for a registry's image, whose packages
    /// only its tree shows.
    pub packages: Vec<DebPackage>,
    /// Its layers, lowest first.
    pub layers: Vec<StoredLayer>,
    /// The unpacked layers. Files are [`xtask_oci::Content::Part`]s of tars in the cache.
    pub rootfs: RootFs,
    /// The base's settings for running programs. The settings of an image override them.
    pub runtime: Runtime,
}

/// A registry's image has no list of packages; only its tree shows them.
impl From<PulledImage> for BaseImage {
    fn from(pulled: PulledImage) -> Self {
        let PulledImage { name, platform, digest, layers, rootfs, runtime } = pulled;
        Self { name, platform, digest, packages: Vec::new(), layers, rootfs, runtime }
    }
}
