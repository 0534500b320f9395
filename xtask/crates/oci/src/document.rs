//! The JSON documents of the OCI image specification 1.1, one per file.
//!
//! They are written as compact JSON. Fields are in the order of the types here, and maps in the order of
//! their keys, so that equal documents have equal bytes.

pub mod annotation;
mod config;
mod descriptor;
mod index;
mod manifest;
pub mod media_type;
mod time;

use config::nullable;
pub use config::{Health, History, ImageConfig, RootFsDiffs, Runtime};
pub use descriptor::{Descriptor, Layer, PlatformJson};
pub use index::Index;
pub use manifest::Manifest;
pub use time::rfc3339;

/// Returns the bytes of a document: compact JSON.
///
/// # Errors
/// These types cause no errors. The result is passed on to avoid a panic.
pub fn to_bytes<T: serde::Serialize>(document: &T) -> xtask_files::error::Result<Vec<u8>> {
    serde_json::to_vec(document)
        .map_err(|e| xtask_files::error::Error::failed(format!("cannot write JSON: {e}")))
}

#[cfg(test)]
mod tests;
