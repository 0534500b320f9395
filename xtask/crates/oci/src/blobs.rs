//! The blobs of a layout: files named by their digest under `blobs/sha256/` (image-spec, `image-layout.md`).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::digest::{Digest, Hashed};
use super::document::Descriptor;
use xtask_files::error::{Error, Result};
use xtask_files::{Memo, StagedFile, sweep, write_changed};

/// A folder of blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    /// Returns the blobs of the layout in this folder.
    pub fn of_layout(layout: &Path) -> Self {
        Self { dir: layout.join("blobs").join("sha256") }
    }

    /// Returns the folder that contains the blobs.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the path of a blob's file, whether the file exists or not.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(digest.hex())
    }

    /// Returns whether a blob exists with the right size. A link does not count. The bytes are not read.
    pub fn has(&self, blob: &Descriptor) -> bool {
        fs::symlink_metadata(self.path(&blob.digest))
            .is_ok_and(|meta| meta.is_file() && meta.len() == blob.size)
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// It does not exist or cannot be read.
    pub fn open(&self, digest: &Digest) -> Result<File> {
        let path = self.path(digest);
        File::open(&path).map_err(|e| Error::io("cannot read", &path, &e))
    }

    /// Reads a small blob into memory.
    ///
    /// # Errors
    /// It does not exist or cannot be read.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.path(digest);
        fs::read(&path).map_err(|e| Error::io("cannot read", &path, &e))
    }

    /// Stores a document and returns its descriptor.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        write_changed(&self.path(&descriptor.digest), bytes)?;
        Ok(descriptor)
    }

    /// Copies a blob from a file outside of the layout, unless the blob exists. It is a copy and not a link,
    /// so that damage to one file does not damage the other.
    ///
    /// # Errors
    /// The file cannot be read or has other bytes, or the blob cannot be written.
    pub(super) fn bring(&self, blob: &Descriptor, from: &Path, memo: &Memo) -> Result<()> {
        if self.is_intact(blob, memo) {
            return Ok(());
        }
        let mut source = File::open(from).map_err(|e| Error::io("cannot read", from, &e))?;
        let mut copy = Hashed::new(StagedFile::new(&self.dir)?);
        io::copy(&mut source, &mut copy).map_err(|e| Error::io("cannot copy", from, &e))?;
        let (staged, digest, size) = copy.finish();
        if (&digest, size) != (&blob.digest, blob.size) {
            return Err(Error::failed(format!("{} has the wrong content", from.display()))
                .found(format!("it has {size} bytes and {digest}, not {} and {}", blob.size, blob.digest))
                .help("it was changed or cut off: remove it, and the next run fetches or makes it again"));
        }
        staged.put(&self.path(&blob.digest))?;
        self.remember(&blob.digest, memo);
        Ok(())
    }

    /// Begins a blob whose digest is not known until all of it is written.
    pub(super) fn stage(&self) -> Result<StagedBlob> {
        Ok(StagedBlob(Hashed::new(StagedFile::new(&self.dir)?)))
    }

    /// Moves a staged blob to its place.
    pub(super) fn commit(&self, media_type: &str, blob: StagedBlob) -> Result<Descriptor> {
        let (staged, digest, size) = blob.0.finish();
        staged.put(&self.path(&digest))?;
        Ok(Descriptor::new(media_type, digest, size))
    }

    /// Removes the staging files of killed runs. The caller holds the lock.
    pub(super) fn sweep(&self) {
        sweep(&self.dir);
    }

    /// Removes the blobs that are not in `keep`, and returns whether there were any. Files whose names are
    /// not digests are kept.
    pub(super) fn retain(&self, keep: &BTreeSet<Digest>) -> bool {
        let mut removed = false;
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let digest = entry.file_name().to_str().and_then(|hex| Digest::parse(&format!("sha256:{hex}")));
            if digest.is_some_and(|digest| !keep.contains(&digest)) {
                removed |= fs::remove_file(entry.path()).is_ok();
            }
        }
        removed
    }
}

/// A blob that is being written.
pub(super) struct StagedBlob(Hashed<StagedFile>);

impl Write for StagedBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::media_type;

    #[test]
    fn a_file_of_other_bytes_is_not_brought_in() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, memo) = (Blobs::of_layout(&dir.path().join("oci")), Memo::new(dir.path().join("memo")));
        let blob = Descriptor::of(media_type::LAYER_GZIP, b"bytes");
        let file = dir.path().join("file");
        for damaged in [&b"bytez"[..], b"byte"] {
            fs::write(&file, damaged).unwrap();
            let error = blobs.bring(&blob, &file, &memo).unwrap_err().to_string();
            assert!(error.contains("has the wrong content"), "{error}");
            assert_eq!(fs::read_dir(blobs.dir()).unwrap().count(), 0);
        }
        fs::write(&file, b"bytes").unwrap();
        blobs.bring(&blob, &file, &memo).unwrap();
        fs::remove_file(&file).unwrap();
        blobs.bring(&blob, &file, &memo).expect("it is there");
    }
}
