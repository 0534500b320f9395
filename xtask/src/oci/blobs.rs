//! The blobs of a layout: files named by their digest under `blobs/sha256/` (image-spec, `image-layout.md`).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::digest::{Digest, Hashed};
use super::document::Descriptor;
use super::stage::{self, Staged};
use crate::error::{Error, Result};

/// A folder of blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    /// The blobs of the layout in this folder.
    pub fn of_layout(layout: &Path) -> Self {
        Self { dir: layout.join("blobs").join("sha256") }
    }

    /// The folder that holds them.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of a blob, whether it is there or not.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(digest.hex())
    }

    /// Whether a blob is there with the right size. Its bytes are not read.
    pub fn has(&self, blob: &Descriptor) -> bool {
        fs::metadata(self.path(&blob.digest)).is_ok_and(|meta| meta.is_file() && meta.len() == blob.size)
    }

    /// Opens a blob.
    ///
    /// # Errors
    /// It is not there or cannot be read.
    pub fn open(&self, digest: &Digest) -> Result<File> {
        let path = self.path(digest);
        File::open(&path).map_err(|e| Error::io("cannot read", &path, &e))
    }

    /// Reads a small blob whole.
    ///
    /// # Errors
    /// It is not there or cannot be read.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.path(digest);
        fs::read(&path).map_err(|e| Error::io("cannot read", &path, &e))
    }

    /// Stores a document and says how to point at it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        stage::write(&self.path(&descriptor.digest), bytes)?;
        Ok(descriptor)
    }

    /// Brings in a blob from a file outside, unless it is there; says whether it did. A copy, not a link: what one of two
    /// names of a file suffers, the other suffers too.
    ///
    /// # Errors
    /// The file cannot be read or has another size, or the blob cannot be written.
    pub fn bring(&self, blob: &Descriptor, from: &Path) -> Result<bool> {
        if self.has(blob) {
            return Ok(false);
        }
        let mut source = File::open(from).map_err(|e| Error::io("cannot read", from, &e))?;
        let mut staged = Staged::new(&self.dir)?;
        let copied = staged.file().and_then(|out| io::copy(&mut source, out));
        let copied = copied.map_err(|e| Error::io("cannot copy", from, &e))?;
        if copied != blob.size {
            return Err(Error::failed(format!("{} has {copied} bytes, not {}", from.display(), blob.size))
                .help("it was changed or cut off: remove it, and it is fetched or made again"));
        }
        staged.put(&self.path(&blob.digest))?;
        Ok(true)
    }

    /// Begins a blob whose digest is known only when all of it is written.
    pub(super) fn stage(&self) -> Result<StagedBlob> {
        Ok(StagedBlob(Hashed::new(Staged::new(&self.dir)?)))
    }

    /// Puts a staged blob in its place.
    pub(super) fn commit(&self, media_type: &str, blob: StagedBlob) -> Result<Descriptor> {
        let (staged, digest, size) = blob.0.finish();
        staged.put(&self.path(&digest))?;
        Ok(Descriptor::new(media_type, digest, size))
    }

    /// Removes the staging files of runs that were killed; the caller holds the lock.
    pub(super) fn sweep(&self) {
        stage::sweep(&self.dir);
    }

    /// Removes the blobs that are not in `keep`, and no file whose name is no digest.
    pub(super) fn retain(&self, keep: &BTreeSet<Digest>) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let digest = entry.file_name().to_str().and_then(|hex| Digest::parse(&format!("sha256:{hex}")));
            if digest.is_some_and(|digest| !keep.contains(&digest)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A blob that is being written.
pub(super) struct StagedBlob(Hashed<Staged>);

impl Write for StagedBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
