//! Writes a layer: a tree as a compressed tar, in one pass over the files. The steps are: read, hash
//! (diff_id), compress on other threads, hash (digest), write.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::digest::{Digest, Hashed};
use super::document::Layer;
use super::pool::ThreadPool;
use super::tar::{EntryKind, EntryWriter, TarEntry, TarWriter};
use super::{Blobs, Codec, Content, FileKind, Node, RootFs};
use xtask_files::Stat;
use xtask_files::error::{Error, Result};

/// The specification of a layer: its tree, and its line in the image's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSpec {
    /// The tree of files that the layer packs.
    pub rootfs: RootFs,
    /// The text about the layer in the image's history.
    pub created_by: String,
}

/// A layer that exists on disk: from a registry's base, or from a base that was assembled before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLayer {
    /// The layer's descriptor (compressed blob) and the digest of its uncompressed tar.
    pub layer: Layer,
    /// The path of the compressed blob, outside of the layout. Its bytes were checked against the digest when
    /// it was stored.
    pub blob: PathBuf,
    /// The text about the layer in the image's history.
    pub created_by: String,
}

/// The origin of a layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerSource {
    /// The layer is packed from a tree of files.
    Tree(LayerSpec),
    /// The layer exists on disk and is used unchanged.
    Stored(StoredLayer),
}

impl LayerSource {
    /// Returns the text about the layer in the image's history.
    pub fn created_by(&self) -> &str {
        match self {
            LayerSource::Tree(spec) => &spec.created_by,
            LayerSource::Stored(stored) => &stored.created_by,
        }
    }
}

/// How many bytes of a file are read at a time.
const PIECE: usize = 128 << 10;

/// Writes the layer of a tree. All times in it are `created`, in seconds since 1970.
pub(super) fn build(
    tree: &RootFs,
    created: u64,
    codec: Codec,
    pool: &ThreadPool,
    blobs: &Blobs,
) -> Result<Layer> {
    let blob = blobs.stage()?;
    let stream = codec.stream(pool, blob).map_err(|e| cannot_write(&e))?;
    let mut tar = TarWriter::new(Hashed::new(stream));
    let root = TarEntry { path: "", kind: EntryKind::Dir, mode: 0o755, uid: 0, gid: 0, mtime: created };
    tar.entry(&root).map_err(|e| cannot_write(&e))?;
    write_tree(&mut tar, tree, created)?;
    let (stream, diff_id, _) = tar.finish().map_err(|e| cannot_write(&e))?.finish();
    let blob = stream.finish().map_err(|e| cannot_write(&e))?;
    Ok(Layer { descriptor: blobs.commit(codec.media_type(), blob)?, diff_id })
}

/// Writes all entries of a tree into an archive.
///
/// # Errors
/// A file of the tree cannot be read, or the archive cannot be written.
pub fn write_tree(tar: &mut impl EntryWriter, tree: &RootFs, mtime: u64) -> Result<()> {
    for (path, node) in tree.iter() {
        let entry = |kind| TarEntry { path, kind, mode: node.mode, uid: node.uid, gid: node.gid, mtime };
        match &node.kind {
            FileKind::Dir => tar.entry(&entry(EntryKind::Dir)).map_err(|e| cannot_write(&e))?,
            FileKind::Symlink(target) => {
                tar.entry(&entry(EntryKind::Symlink(target))).map_err(|e| cannot_write(&e))?
            }
            FileKind::File(Content::Bytes(bytes)) => tar
                .entry(&entry(EntryKind::File(bytes.len() as u64)))
                .and_then(|()| tar.data(bytes))
                .map_err(|e| cannot_write(&e))?,
            FileKind::File(Content::Part { file, offset, size }) => {
                tar.entry(&entry(EntryKind::File(*size))).map_err(|e| cannot_write(&e))?;
                let failed = |e: io::Error| Error::io("cannot read", file, &e);
                let mut source = File::open(file).map_err(failed)?;
                source.seek(SeekFrom::Start(*offset)).map_err(failed)?;
                tar.copy(&mut source).map_err(failed)?;
            }
            FileKind::File(Content::Disk(source)) => {
                let mut file = File::open(source).map_err(|e| Error::io("cannot read", source, &e))?;
                let before = Stat::of_file(&file).map_err(|e| Error::io("cannot read", source, &e))?;
                tar.entry(&entry(EntryKind::File(before.size))).map_err(|e| cannot_write(&e))?;
                write_file(tar, &mut file, source)?;
                if Stat::of_file(&file).ok() != Some(before) {
                    return Err(changed(source));
                }
            }
        }
    }
    Ok(())
}

fn write_file(tar: &mut impl EntryWriter, file: &mut File, source: &Path) -> Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                tar.data(&piece[..read]).map_err(|e| cannot_write(&e).found(source.display().to_string()))?
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io("cannot read", source, &e)),
        }
    }
}

/// Returns a hash of everything that determines the bytes of a layer: layers with equal fingerprints are
/// equal. Files on disk are represented by their [`Stat`]. The stats are returned too, so that the caller can
/// recognise a file that has just changed.
///
/// # Errors
/// The stat of a file cannot be read.
pub fn fingerprint(tree: &RootFs, created: u64, codec: Codec) -> Result<(Digest, Vec<Stat>)> {
    let mut text = format!("{}; tar 1; {created}\n", codec.encoder());
    let mut stats = Vec::new();
    for (path, Node { kind, mode, uid, gid }) in tree.iter() {
        let kind: Cow<'_, str> = match kind {
            FileKind::Dir => "dir".into(),
            FileKind::Symlink(target) => format!("link {target:?}").into(),
            FileKind::File(Content::Bytes(bytes)) => format!("bytes {}", Digest::of(bytes)).into(),
            FileKind::File(Content::Disk(source)) => {
                let stat = Stat::of(source).map_err(|e| Error::io("cannot read", source, &e))?;
                stats.push(stat);
                format!("file {source:?} {stat:?}").into()
            }
            FileKind::File(Content::Part { file, offset, size }) => {
                let stat = Stat::of(file).map_err(|e| Error::io("cannot read", file, &e))?;
                stats.push(stat);
                format!("part {file:?} {stat:?} {offset} {size}").into()
            }
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{path:?} {mode:o} {uid} {gid} {kind}");
    }
    Ok((Digest::of(text.as_bytes()), stats))
}

fn cannot_write(error: &io::Error) -> Error {
    Error::failed(format!("cannot pack: {error}"))
}

fn changed(source: &Path) -> Error {
    Error::failed(format!("{} changed while it was being packed", source.display()))
        .help("run the command again when nothing else writes to that file")
}
