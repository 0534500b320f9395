//! Container images as bytes: no clock, no environment, no process, no network. The same [`RootFs`] and the same
//! `created` give the same digests on any machine.
//!
//! ```text
//! RootFs → tar → gzip or zstd in parallel → blob ┐
//! Runtime ────────────────────────────→ config ──┼→ manifest → index → layout and images/<image>.tar
//! ```

mod blobs;
mod codec;
pub mod decompress;
mod digest;
pub mod document;
mod garbage;
pub mod grammar;
pub mod gunzip;
pub mod gzip;
mod image_tar;
mod intact;
pub mod kernel;
pub(crate) mod layer;
mod layout;
mod lock;
mod memo;
pub mod pack;
mod pool;
mod rootfs;
mod saved;
pub mod scratch;
pub(crate) mod stage;
mod stat;
pub mod tar;
pub mod unpack;
pub mod untar;
pub mod zstd;

pub use blobs::Blobs;
pub use codec::Codec;
pub use digest::{Digest, Hashed, Hasher};
pub use layer::{Layer, LayerSource, LayerSpec, StoredLayer};
pub use layout::Layout;
pub use lock::Lock;
pub use memo::Memo;
pub use pack::{ImageSpec, PackedImage, PackedManifest, Packer, PlatformSpec, StagedImages, pack};
pub use rootfs::{Content, Kind, Node, Resolved, RootFs};
pub use saved::{Saved, lies_in};
pub use scratch::{Scratch, scratch_rootfs};
pub use stat::Stat;
