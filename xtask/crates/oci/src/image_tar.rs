//! Writes `images/<image>.tar`: a file that is an OCI layout and, because of its `manifest.json`, also the
//! input of `docker load` from version 1.10 on. `manifest.json` (Docker's image-save format, 1.2) names
//! configuration and layers by their blobs.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::document::{Descriptor, Index, Manifest, annotation, to_bytes};
use super::layout::MARKER;
use super::tar::{EntryKind, EntryWriter, TarEntry, TarWriter};
use super::{Blobs, Digest};
use xtask_files::error::{Error, Result};
use xtask_files::{Memo, StagedFile};

/// The content of a tar.
#[derive(Debug, Clone)]
pub(super) struct ImageTarInput {
    /// The name `name:version` with which `docker load` tags it.
    pub(super) reference: String,
    /// The tag of the image without its name: the reference name in the tar's `index.json`.
    pub(super) tag: String,
    /// The descriptor of the image's index, which lists the manifests.
    pub(super) index: Descriptor,
    /// Its manifests in their order, each with its tags for Docker.
    pub(super) manifests: Vec<(Descriptor, Manifest, Vec<String>)>,
    /// The modification time of all entries, in seconds since 1970.
    pub(super) created: u64,
}

/// An entry of `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// A complete tar, and the place to which it will be moved.
#[derive(Debug)]
pub(super) struct StagedTar {
    /// The tar under its temporary name. None if the file in its place is already the same tar.
    staged: Option<StagedFile>,
    target: PathBuf,
    key: Digest,
}

/// Writes the tar beside its place, unless the file there is known to be the same tar.
pub(super) fn stage(parts: &ImageTarInput, target: &Path, blobs: &Blobs, memo: &Memo) -> Result<StagedTar> {
    let small = [
        ("index.json", to_bytes(&layout_index(parts))?),
        ("manifest.json", to_bytes(&docker_images(parts))?),
        ("oci-layout", MARKER.to_vec()),
    ];
    // The documents name all blobs by digest. So the documents and the time determine every byte of the tar.
    let key = format!("tar 1; {}; {:?}", parts.created, small);
    let mut tar = StagedTar { staged: None, target: target.to_owned(), key: Digest::of(key.as_bytes()) };
    if memo.output("images", target).is_some_and(|known: Digest| known == tar.key) {
        return Ok(tar);
    }
    let mut staged = StagedFile::beside(target)?;
    let file = staged.file().map_err(|e| Error::io("cannot write", target, &e))?;
    write_entries(file, parts, blobs, &small).map_err(|e| Error::io("cannot write", target, &e))?;
    tar.staged = Some(staged);
    Ok(tar)
}

impl StagedTar {
    /// Returns the path of the tar until it is moved to its place.
    pub(super) fn path(&self) -> &Path {
        self.staged.as_ref().map_or(&self.target, StagedFile::path)
    }

    /// Moves the tar to its place, replacing an older file, and returns that path.
    pub(super) fn put(self, memo: &Memo) -> Result<PathBuf> {
        if let Some(staged) = self.staged {
            staged.put(&self.target)?;
            memo.remember_output("images", &self.target, self.key);
        }
        Ok(self.target)
    }

    /// Moves the tar to another place. A different file in the tar's own place is kept.
    pub(super) fn put_aside(self, aside: &Path) -> Result<()> {
        let failed = |e: io::Error| Error::io("cannot move to", aside, &e);
        xtask_files::folder(aside.parent().unwrap_or(Path::new(".")))?;
        match self.staged {
            Some(staged) => staged.put(aside),
            None => std::fs::rename(&self.target, aside).map_err(failed),
        }
    }
}

fn write_entries(
    out: impl Write,
    parts: &ImageTarInput,
    blobs: &Blobs,
    small: &[(&'static str, Vec<u8>)],
) -> io::Result<()> {
    let mut tar = TarWriter::new(out);
    let entry =
        |path: &'static str, kind, mode| TarEntry { path, kind, mode, uid: 0, gid: 0, mtime: parts.created };
    tar.entry(&entry("blobs", EntryKind::Dir, 0o755))?;
    tar.entry(&entry("blobs/sha256", EntryKind::Dir, 0o755))?;
    for (digest, size) in all_blobs(parts) {
        let path = blob_path(&digest);
        tar.entry(&TarEntry { path: &path, ..entry("", EntryKind::File(size), 0o644) })?;
        tar.copy(&mut std::fs::File::open(blobs.path(&digest))?)?;
    }
    for (path, bytes) in small {
        tar.entry(&entry(path, EntryKind::File(bytes.len() as u64), 0o644))?;
        tar.data(bytes)?;
    }
    tar.finish().map(drop)
}

/// Returns every blob once, in the order of the digests.
fn all_blobs(parts: &ImageTarInput) -> BTreeSet<(Digest, u64)> {
    let mut all = BTreeSet::from([(parts.index.digest.clone(), parts.index.size)]);
    for (descriptor, manifest, _) in &parts.manifests {
        let content = std::iter::once(&manifest.config).chain(&manifest.layers);
        all.extend(content.chain([descriptor]).map(|blob| (blob.digest.clone(), blob.size)));
    }
    all
}

/// Returns the `index.json` of the tar. Its annotations tell tools that import layouts the name of the image.
/// The specification's key has the tag. containerd's key has the full reference, with Docker's default
/// registry and folder as `docker load` would use them.
fn layout_index(parts: &ImageTarInput) -> Index {
    let image = parts
        .index
        .clone()
        .annotated(annotation::REF_NAME, &parts.tag)
        .annotated(annotation::CONTAINERD_NAME, format!("docker.io/library/{}", parts.reference));
    Index::new(vec![image], Default::default())
}

fn docker_images(parts: &ImageTarInput) -> Vec<DockerImage> {
    let image = |(_, manifest, tags): &(Descriptor, Manifest, Vec<String>)| DockerImage {
        config: blob_path(&manifest.config.digest),
        repo_tags: tags.clone(),
        layers: manifest.layers.iter().map(|layer| blob_path(&layer.digest)).collect(),
    };
    parts.manifests.iter().map(image).collect()
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
