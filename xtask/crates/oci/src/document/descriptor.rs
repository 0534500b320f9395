//! Content descriptor (image-spec, `descriptor.md`): how one document points at another, or at a blob.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::nullable;
use crate::Digest;
use xtask_triple::Platform;

/// Points at content by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The number of its bytes.
    pub size: u64,
    /// What an index says about the platform of a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformJson>,
    /// Free facts.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A platform in a descriptor (image-spec, `image-index.md`). Another than [`Platform`], which knows only what this
/// program builds: other people's indexes name more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlatformJson {
    /// The processor, in Go's spelling.
    pub architecture: String,
    /// The operating system, in Go's spelling.
    pub os: String,
    /// The kind of processor: `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Descriptor {
    /// Of these bytes, without platform and annotations.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// Of a blob that is known by digest and size.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.to_owned(), digest, size, platform: None, annotations: BTreeMap::new() }
    }

    /// The same for this platform.
    #[must_use]
    pub fn for_platform(mut self, platform: &Platform) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// The same with one more annotation.
    #[must_use]
    pub fn annotated(mut self, key: &str, value: impl Into<String>) -> Self {
        self.annotations.insert(key.to_owned(), value.into());
        self
    }
}

impl From<&Platform> for PlatformJson {
    fn from(platform: &Platform) -> Self {
        Self {
            architecture: platform.architecture.to_owned(),
            os: platform.os.to_owned(),
            variant: platform.variant.map(str::to_owned),
        }
    }
}

/// A layer that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The compressed blob.
    pub descriptor: Descriptor,
    /// The digest of the tar.
    pub diff_id: Digest,
}
