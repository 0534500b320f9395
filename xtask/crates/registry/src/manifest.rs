//! What a registry's documents are, told by their own words, and the one for a platform. Pure.

use serde::Deserialize;

use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;
use xtask_oci::Digest;
use xtask_oci::document::media_type::{self, docker};
use xtask_oci::document::{Descriptor, Index, Manifest, PlatformJson};
use xtask_triple::Platform;

/// The most layers of a base: one less than Docker takes (125, moby's `maxLayerDepth`), since the program comes on top.
const LAYERS_MAX: usize = 124;

/// What stands at a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchedDocument {
    /// An index, which lists a manifest for each platform.
    Index(Index),
    /// An image for one platform.
    Manifest(Manifest),
}

/// As much as tells what it is.
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

/// Reads a document. Its own words count, not those of the server, so that one digest always means one thing; a document
/// that could be both kinds is none.
///
/// # Errors
/// It is neither an index nor an image, or of a kind that is not supported.
pub fn read(bytes: &[u8]) -> Result<FetchedDocument> {
    let bad = |why: String| Error::failed("it is not an image").found(why);
    let unreadable =
        |e: serde_json::Error| bad(format!("it cannot be understood: {}", plain(&e.to_string())));
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

/// Whether a layer can be taken along.
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

/// Other people's names for a platform as one: `aarch64` is `arm64`, which without a variant is v8, as arm is v7
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

/// Whether a platform is the wanted one. Another variant is another platform: what is built for v7 may need more than a
/// base for v6 promises, and a base for v7 more than a program for v6.
pub fn is(wanted: &Platform, os: &str, architecture: &str, variant: Option<&str>) -> bool {
    normal(os, architecture, variant) == normal(wanted.os, wanted.architecture, wanted.variant)
}

/// The manifests of an index for a platform: those that say so; where none does, those that say nothing, whose
/// configuration will.
///
/// # Errors
/// There is none; the message names the platforms that there are.
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

/// The error of a base that a platform is missing from.
pub fn lacks<'a>(wanted: &Platform, has: impl Iterator<Item = &'a PlatformJson>) -> Error {
    let mut all: Vec<String> = has
        // What signs and describes an image stands beside it as `unknown/unknown`.
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

/// A base's layer under the name that OCI has for it; the bytes are the same.
pub fn relabelled(layer: &Descriptor, media_type: &str) -> Descriptor {
    Descriptor::new(media_type, Digest::clone(&layer.digest), layer.size)
}

#[cfg(test)]
mod tests;
