//! Recognises a registry's documents by their own content, and finds the one for a platform. Pure.

use serde::Deserialize;

use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;
use xtask_oci::Digest;
use xtask_oci::document::media_type::{self, docker};
use xtask_oci::document::{Descriptor, Index, Manifest, PlatformJson};
use xtask_triple::Platform;

/// The maximum number of layers of a base: one less than in Docker (125, moby's `maxLayerDepth`), because the
/// program is added on top.
const LAYERS_MAX: usize = 124;

/// The document at a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchedDocument {
    /// An index, which lists a manifest for each platform.
    Index(Index),
    /// An image for one platform.
    Manifest(Manifest),
}

/// The fields by which the kind of a document is recognised.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestShape {
    schema_version: u32,
    media_type: Option<String>,
    artifact_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
    config: Option<serde::de::IgnoredAny>,
}

/// Parses a document. Its own content decides and not the server's headers, so that a digest always has the
/// same meaning. A document that could be both kinds is rejected.
///
/// # Errors
/// It is neither an index nor an image, or its kind is not supported.
pub fn read(bytes: &[u8]) -> Result<FetchedDocument> {
    let bad = |why: String| Error::failed("it is not an image").found(why);
    let unreadable = |e: serde_json::Error| bad(format!("it cannot be parsed: {}", plain(&e.to_string())));
    let shape: ManifestShape = serde_json::from_slice(bytes).map_err(unreadable)?;
    if shape.schema_version == 1 {
        return Err(bad(
            "it is a manifest of Docker's schema 1, which was replaced in 2016 and names no digests".into(),
        )
        .help("pull and push it with a newer Docker, or build it again"));
    }
    let (listing, imaging) = (shape.manifests.is_some(), shape.layers.is_some() || shape.config.is_some());
    let index = match shape.media_type.as_deref() {
        Some(media_type::INDEX | docker::LIST) => true,
        Some(media_type::MANIFEST | docker::MANIFEST) => false,
        Some(other) => return Err(bad(format!("its media type is {:?}", plain(other)))),
        None => listing,
    };
    if listing && imaging {
        return Err(bad("it has manifests like an index and layers like an image".into()));
    }
    if index {
        return serde_json::from_slice(bytes).map(FetchedDocument::Index).map_err(unreadable);
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(unreadable)?;
    let kind = &manifest.config.media_type;
    if !matches!(kind.as_str(), media_type::CONFIG | docker::CONFIG) {
        let artifact = shape.artifact_type.as_deref().unwrap_or(kind);
        return Err(bad(format!("it is an artifact of the type {:?}", plain(artifact))));
    }
    if manifest.layers.len() > LAYERS_MAX {
        return Err(bad(format!(
            "it has {} layers, and more than {LAYERS_MAX} cannot be used",
            manifest.layers.len()
        )));
    }
    manifest.layers.iter().try_for_each(layer)?;
    Ok(FetchedDocument::Manifest(manifest))
}

/// Checks that a layer can be used.
fn layer(layer: &Descriptor) -> Result<()> {
    let kind = layer.media_type.as_str();
    let no = |why: &str| {
        Error::failed(format!("its layer {} {why}", layer.digest)).found(format!("{:?}", plain(kind)))
    };
    match kind {
        media_type::LAYER | media_type::LAYER_GZIP | media_type::LAYER_ZSTD => Ok(()),
        docker::LAYER | docker::LAYER_GZIP | docker::LAYER_ZSTD => Ok(()),
        _ if kind.contains("+encrypted") => Err(no("is encrypted")),
        _ if kind.contains("foreign") || kind.contains("nondistributable") => {
            Err(no("may be distributed only by its maker").help("use a base without such layers"))
        }
        _ => Err(no("is of a kind that is not supported")),
    }
}

/// Normalises a platform of other tools: `aarch64` is `arm64`, which without a variant is v8, as arm is v7
/// (containerd's `platforms.Normalize`).
fn normal(os: &str, architecture: &str, variant: Option<&str>) -> (String, String, Option<String>) {
    let (os, arch) = (os.to_ascii_lowercase(), architecture.to_ascii_lowercase());
    let variant = variant.map(str::to_ascii_lowercase).filter(|variant| !variant.is_empty());
    let numbered = |variant: String| if variant.starts_with('v') { variant } else { format!("v{variant}") };
    let (arch, variant) = match (arch.as_str(), variant.map(numbered)) {
        ("arm64" | "aarch64", variant) => ("arm64", variant.or_else(|| Some("v8".into()))),
        ("arm", variant) => ("arm", variant.or_else(|| Some("v7".into()))),
        ("armhf", _) => ("arm", Some("v7".into())),
        ("armel", _) => ("arm", Some("v6".into())),
        ("amd64" | "x86_64" | "x86-64", variant) => ("amd64", variant.filter(|variant| variant != "v1")),
        ("386" | "i386", _) => ("386", None),
        (other, variant) => (other, variant),
    };
    (os, arch.to_owned(), variant)
}

/// Returns whether a platform is the wanted one. Another variant is another platform: a program for v7 may
/// need more than a base for v6 guarantees, and a base for v7 more than a program for v6.
pub fn is(wanted: &Platform, os: &str, architecture: &str, variant: Option<&str>) -> bool {
    normal(os, architecture, variant) == normal(wanted.os, wanted.architecture, wanted.variant)
}

/// Returns the manifests of an index for a platform. If no manifest names the platform, those without a
/// platform are returned, and their configuration decides.
///
/// # Errors
/// There is none. The error names the available platforms.
pub fn pick<'a>(index: &'a Index, wanted: &Platform) -> Result<Vec<&'a Descriptor>> {
    let fits = |p: &PlatformJson| is(wanted, &p.os, &p.architecture, p.variant.as_deref());
    let images = || {
        let kinds = [media_type::MANIFEST, docker::MANIFEST];
        index.manifests.iter().filter(move |m| kinds.contains(&m.media_type.as_str()))
    };
    let found: Vec<_> = images().filter(|m| m.platform.as_ref().is_some_and(fits)).take(1).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let silent: Vec<_> = images().filter(|m| m.platform.is_none()).collect();
    if !silent.is_empty() {
        return Ok(silent);
    }
    Err(lacks(wanted, images().filter_map(|m| m.platform.as_ref())))
}

/// Returns the error for a base that lacks a platform.
pub fn lacks<'a>(wanted: &Platform, has: impl Iterator<Item = &'a PlatformJson>) -> Error {
    let mut all: Vec<String> = has
        // Signatures and attestations of an image are in the index as `unknown/unknown`.
        .filter(|p| p.os != "unknown")
        .map(|platform| plain(&platform.to_string()))
        .collect();
    all.sort();
    all.dedup();
    let error = Error::failed(format!("it is not made for {wanted}"));
    if all.is_empty() {
        error.found("it has no image at all")
    } else {
        error.found(format!("it is made for {}", all.join(", ")))
    }
}

/// Returns a base's layer with OCI's media type; the bytes are the same.
pub fn relabelled(layer: &Descriptor, media_type: &str) -> Descriptor {
    Descriptor::new(media_type, Digest::clone(&layer.digest), layer.size)
}

#[cfg(test)]
mod tests;
