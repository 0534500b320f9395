//! Measures the images of a layout on disk.

use std::path::Path;

use super::layer::{Contents, contents};
use super::{FileSize, ImageSize, LayerSize, PlatformSize, total};
use xtask_files::Memo;
use xtask_files::error::{Error, Result};
use xtask_oci::document::{Descriptor, ImageConfig, Index, Manifest};
use xtask_oci::{Blobs, Digest, Layout};

/// An image of a layout that has to be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredImage {
    /// The name of the image in the layout.
    pub name: String,
    /// The budget of the image, in bytes; none if it has no limit.
    pub budget: Option<u64>,
}

impl MeasuredImage {
    /// Makes the request to measure an image of targets.toml.
    pub fn of(image: &xtask_config::Image) -> Self {
        Self { name: image.name.clone(), budget: image.budget }
    }
}

/// Measures images of a layout. Images that are not in the layout are left out. `work` is a folder for
/// unpacked layers, which are removed afterwards. `memo` remembers their contents. The caller holds the lock
/// of the layout.
///
/// # Errors
/// The layout cannot be read, or a blob of an image is missing or does not have its digest.
pub fn measure(
    subjects: &[MeasuredImage],
    layout: &Layout,
    work: &Path,
    memo: &Memo,
) -> Result<Vec<ImageSize>> {
    let blobs = layout.blobs();
    let mut images = Vec::new();
    for subject in subjects {
        let Some(digest) = layout.find(&subject.name)? else { continue };
        let platforms = || -> Result<Vec<PlatformSize>> {
            let index: Index = document(&blobs, &digest)?;
            index.manifests.iter().map(|manifest| platform(manifest, &blobs, work, memo)).collect()
        };
        let platforms = platforms().map_err(|error| {
            error.found(format!("it is of image {}", subject.name)).help("pack it again: cargo xtask image")
        })?;
        images.push(ImageSize {
            name: subject.name.clone(),
            index_digest: digest.to_string(),
            budget: subject.budget,
            platforms,
        });
    }
    Ok(images)
}

fn platform(descriptor: &Descriptor, blobs: &Blobs, work: &Path, memo: &Memo) -> Result<PlatformSize> {
    let manifest: Manifest = document(blobs, &descriptor.digest)?;
    let config: ImageConfig = document(blobs, &manifest.config.digest)?;
    // Their contents may be remembered, but their existence is checked each time.
    if let Some(layer) = manifest.layers.iter().find(|layer| !blobs.is_intact(layer, memo)) {
        return Err(not_whole(blobs, &layer.digest));
    }
    let contents = manifest.layers.iter().map(|layer| contents(layer, blobs, work, memo));
    let contents: Vec<Contents> = contents.collect::<Result<_>>()?;
    let mut history = config.history.iter().filter(|entry| !entry.empty_layer);
    let layers: Vec<LayerSize> = manifest
        .layers
        .iter()
        .zip(&contents)
        .map(|(layer, held)| LayerSize {
            digest: layer.digest.to_string(),
            compression: held.compression.clone(),
            stored: layer.size,
            unpacked: held.unpacked,
            entries: held.entries,
            created_by: history.next().and_then(|entry| entry.created_by.clone()).unwrap_or_default(),
        })
        .collect();
    let platform = descriptor.platform.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let label = |name: &str| config.config.labels.get(name).cloned();
    Ok(PlatformSize {
        platform,
        built: label("xtask.target").zip(label("xtask.mode")),
        pull: descriptor.size.saturating_add(manifest.content_size()),
        unpacked: total(layers.iter().map(|layer| layer.unpacked)),
        layers,
        files: files(&contents),
        program: None,
    })
}

/// Returns every file of every layer, the largest first.
fn files(layers: &[Contents]) -> Vec<FileSize> {
    let mut files = Vec::new();
    for (layer, held) in layers.iter().enumerate() {
        for (path, size) in &held.paths {
            let Some(size) = *size else { continue };
            let hidden = layers[layer + 1..].iter().any(|above| above.hides(path));
            files.push(FileSize { path: path.clone(), size, layer, hidden });
        }
    }
    files.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)).then(a.layer.cmp(&b.layer)));
    files
}

/// Reads a document and checks its digest.
fn document<T: serde::de::DeserializeOwned>(blobs: &Blobs, digest: &Digest) -> Result<T> {
    let bytes = blobs.read(digest).ok().filter(|bytes| Digest::of(bytes) == *digest);
    let bytes = bytes.ok_or_else(|| not_whole(blobs, digest))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::failed(format!("the document {} cannot be read", digest.as_str())).found(e.to_string())
    })
}

/// Returns the error for a blob that does not have its digest.
fn not_whole(blobs: &Blobs, digest: &Digest) -> Error {
    let path = blobs.path(digest);
    let found = match std::fs::symlink_metadata(&path) {
        Ok(meta) if meta.is_file() => "it exists, but its content does not match its name".to_owned(),
        Ok(_) => "it is not a regular file".to_owned(),
        Err(e) => e.to_string(),
    };
    Error::failed(format!("the layout lacks {}", path.display())).found(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(paths: &[(&str, Option<u64>)], removes: &[&str], clears: &[&str]) -> Contents {
        let strings = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect();
        Contents {
            compression: "gzip".into(),
            unpacked: 0,
            entries: 0,
            paths: paths.iter().map(|(p, s)| ((*p).to_owned(), *s)).collect(),
            removes: strings(removes),
            clears: strings(clears),
        }
    }

    #[test]
    fn files_that_nobody_sees_are_counted_and_said() {
        let low = layer(
            &[
                ("a", Some(1)),
                ("b", Some(2)),
                ("d", None),
                ("d/x", Some(3)),
                ("dd", Some(4)),
                ("e/f/g", Some(5)),
                ("h/i", Some(6)),
            ],
            &[],
            &[],
        );
        let high = layer(&[("a", Some(7)), ("h", Some(8)), ("e/f/new", Some(9))], &["d"], &["e"]);
        let told: Vec<_> =
            files(&[low, high]).into_iter().map(|f| (f.path, f.size, f.layer, f.hidden)).collect();
        let expected = [
            ("e/f/new", 9, 1, false),
            ("h", 8, 1, false),
            ("a", 7, 1, false),
            ("h/i", 6, 0, true),
            ("e/f/g", 5, 0, true),
            ("dd", 4, 0, false),
            ("d/x", 3, 0, true),
            ("b", 2, 0, false),
            ("a", 1, 0, true),
        ];
        assert_eq!(told, expected.map(|(p, s, l, h)| (p.to_owned(), s, l, h)));
    }
}
