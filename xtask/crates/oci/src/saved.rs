//! Reads one platform of an `images/<image>.tar` back, as an engine would load it, so that exactly this image
//! can be started.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::decompress::decompress;
use super::document::{ImageConfig, Index, to_bytes};
use super::tar::{EntryKind, EntryWriter, TarEntry, TarWriter};
use super::untar::{self, TarReader, Type};
use super::{Digest, Hashed, Layout, RootFs, unpack};
use xtask_files as files;
use xtask_files::error::{Error, Result};
use xtask_files::{StagedFile, dist};

/// One platform of an image in a tar.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The digest of its configuration, which Docker and podman call the image's ID.
    pub id: Digest,
    /// The configuration of this platform in the tar.
    pub config: ImageConfig,
    tar: PathBuf,
    config_bytes: Vec<u8>,
    /// The stored layers, lowest first: the name in the tar, the offset of the bytes, and their number.
    layers: Vec<(String, u64, u64)>,
}

/// An entry of `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImageEntry {
    config: String,
    #[serde(default)]
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Saved {
    /// Finds the image whose configuration has this digest.
    ///
    /// # Errors
    /// The file is not a tar of images, or does not contain this image.
    pub fn find(tar: &Path, id: &Digest) -> Result<Self> {
        let damaged =
            |why: String| Error::failed(format!("{} is not a tar of images", tar.display())).found(why);
        let io = |e: io::Error| damaged(e.to_string());
        let mut file = File::open(tar).map_err(|e| Error::io("cannot read", tar, &e))?;
        let places = places(&mut file).map_err(io)?;
        let read = |file: &mut File, name: &str| -> Result<Vec<u8>> {
            let (at, size) = *places.get(name).ok_or_else(|| damaged(format!("it has no {name}")))?;
            part(file, at, size).map_err(io)
        };
        let listed: Vec<SavedImageEntry> = serde_json::from_slice(&read(&mut file, "manifest.json")?)
            .map_err(|e| damaged(format!("manifest.json: {e}")))?;
        for entry in listed {
            let config_bytes = read(&mut file, &entry.config)?;
            if Digest::of(&config_bytes) != *id {
                continue;
            }
            let config = serde_json::from_slice(&config_bytes)
                .map_err(|e| damaged(format!("{}: {e}", entry.config)))?;
            let layers = entry.layers.into_iter().map(|name| match places.get(&name) {
                Some((at, size)) => Ok((name, *at, *size)),
                None => Err(damaged(format!("it has no {name}"))),
            });
            let layers = layers.collect::<Result<_>>()?;
            return Ok(Self { id: id.clone(), config, tar: tar.to_owned(), config_bytes, layers });
        }
        Err(damaged(format!("it has no image {}", id.as_str())))
    }

    /// Writes a tar for `docker load` and `podman load` with only this platform, under these names.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, names: &[String], target: &Path) -> Result<()> {
        let mut staged = StagedFile::beside(target)?;
        let file = staged.file().map_err(|e| Error::io("cannot write", target, &e))?;
        self.entries(names, file).map_err(|e| Error::io("cannot write", target, &e))?;
        staged.put(target)
    }

    fn entries(&self, names: &[String], out: impl Write) -> io::Result<()> {
        let mut tar = TarWriter::new(out);
        let mut source = File::open(&self.tar)?;
        let head = |path, size| TarEntry {
            path,
            kind: EntryKind::File(size),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
        };
        let config = format!("{}.json", self.id.hex());
        let listed = SavedImageEntry {
            config: config.clone(),
            repo_tags: names.to_vec(),
            layers: self.layers.iter().map(|(name, ..)| name.clone()).collect(),
        };
        let listed = to_bytes(&[listed]).map_err(|e| io::Error::other(e.to_string()))?;
        tar.entry(&head("manifest.json", listed.len() as u64))?;
        tar.data(&listed)?;
        tar.entry(&head(&config, self.config_bytes.len() as u64))?;
        tar.data(&self.config_bytes)?;
        let mut written = Vec::new();
        for (name, at, size) in &self.layers {
            // Two layers with equal bytes are one blob.
            if !written.contains(&name) {
                tar.entry(&head(name, *size))?;
                source.seek(SeekFrom::Start(*at))?;
                tar.copy(&mut source)?;
                written.push(name);
            }
        }
        tar.finish().map(drop)
    }

    /// Returns the tree of its unpacked layers. The uncompressed tars are written to `folder`, and the files
    /// of the tree refer to them.
    ///
    /// # Errors
    /// A layer is damaged, differs from the configuration, or has entries that are not allowed (see
    /// [`unpack::apply`]).
    pub fn tree(&self, folder: &Path) -> Result<RootFs> {
        let mut tree = RootFs::new();
        let diffs = &self.config.rootfs.diff_ids;
        if diffs.len() != self.layers.len() {
            let counts = format!("{} layers, and {} digests of layers", self.layers.len(), diffs.len());
            return Err(Error::failed(format!("the documents of image {} do not match", self.id.as_str()))
                .found(counts));
        }
        for (at, (layer, diff)) in self.layers.iter().zip(diffs).enumerate() {
            let place = folder.join(format!("{at}.tar"));
            let found = self
                .unpacked(layer, &place)
                .map_err(|e| Error::io("cannot unpack a layer to", &place, &e))?;
            if found != *diff {
                return Err(Error::failed(format!(
                    "{} of {} has the wrong content",
                    layer.0,
                    self.tar.display()
                ))
                .found(format!("unpacked it has {}, not {}", found.as_str(), diff.as_str())));
            }
            unpack::apply(&place, &mut tree)?;
        }
        Ok(tree)
    }

    fn unpacked(&self, (_, at, size): &(String, u64, u64), place: &Path) -> io::Result<Digest> {
        let mut source = File::open(&self.tar)?;
        source.seek(SeekFrom::Start(*at))?;
        let mut out = Hashed::new(File::create(place)?);
        decompress(source.take(*size), &mut out, |_| Ok(()))?;
        Ok(out.finish().1)
    }
}

/// Returns the digest of the image with this name in the output folder, from any run. It is that of the
/// layout, or else that of the index in the tar. None if there is neither.
///
/// # Errors
/// The layout or the tar exists but cannot be read.
pub fn lies_in(dist: &Path, name: &str) -> Result<Option<Digest>> {
    if let Some(digest) = Layout::new(dist::layout(dist)).find(name)? {
        return Ok(Some(digest));
    }
    let tar = dist::tar(dist, name);
    let failed = |e: io::Error| Error::io("cannot read", &tar, &e);
    let mut file = match files::open(&tar) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let Some((at, size)) = places(&mut file).map_err(failed)?.remove("index.json") else { return Ok(None) };
    let index: Index = serde_json::from_slice(&part(&mut file, at, size).map_err(failed)?)
        .map_err(|e| Error::failed(format!("index.json of {} cannot be read: {e}", tar.display())))?;
    Ok(index.manifests.into_iter().next().map(|image| image.digest))
}

/// Returns every file of a tar, with the offset and the number of its bytes.
fn places(file: &mut File) -> io::Result<BTreeMap<String, (u64, u64)>> {
    let files = TarReader::new(file)?.filter(|entry| entry.as_ref().map_or(true, |e| e.kind == Type::File));
    files
        .map(|file| {
            let untar::UntarEntry { path, offset, size, .. } = file?;
            Ok((String::from_utf8_lossy(&path).into_owned(), (offset, size)))
        })
        .collect()
}

/// The maximum size of a document in bytes, far above that of any document. Layers are not read in this way.
const DOCUMENT_MAX: u64 = 16 << 20;

fn part(file: &mut File, at: u64, size: u64) -> io::Result<Vec<u8>> {
    if size > DOCUMENT_MAX {
        return Err(io::Error::other(format!("a document of {size} bytes")));
    }
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}
