//! Decides whether a blob still has the bytes of its digest, without reading it each time. A blob that was
//! written or read here once is recognised by its stat. Any other blob is hashed.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::document::Descriptor;
use xtask_files::{Memo, Stat, clock};

use super::{Blobs, Digest};

/// The kind under which the memo stores blobs.
const KIND: &str = "blobs";

/// The remembered fact that this file has the bytes of its digest.
#[derive(Serialize, Deserialize)]
struct IntactBlob {
    path: PathBuf,
    stat: Stat,
}

impl Blobs {
    /// Returns whether a blob exists with the bytes of its digest. An unknown file, for example in a copied
    /// layout, is read. So is a file that has changed since it was remembered.
    pub fn is_intact(&self, blob: &Descriptor, memo: &Memo) -> bool {
        let path = self.path(&blob.digest);
        let Ok(stat) = Stat::of_output(&path) else { return false };
        if stat.size != blob.size {
            return false;
        }
        if memo.get(KIND, &key(&path)).is_some_and(|known: IntactBlob| known.stat == stat) {
            return true;
        }
        let intact = File::open(&path).and_then(Digest::of_reader).is_ok_and(|found| found == blob.digest);
        // A change while the file is read, or within the same tick of the file system's clock, is noticed the
        // next time.
        let settled =
            || clock(path.parent().unwrap_or(Path::new("."))).is_ok_and(|now| stat.older_than(&now));
        if intact && Stat::of_output(&path).is_ok_and(|now| now == stat) && settled() {
            memo.put(KIND, &key(&path), &IntactBlob { path, stat });
        }
        intact
    }

    /// Remembers a blob that was just written and hashed while it was written.
    pub(super) fn remember(&self, digest: &Digest, memo: &Memo) {
        let path = self.path(digest);
        if let Ok(stat) = Stat::of_output(&path) {
            memo.put(KIND, &key(&path), &IntactBlob { path, stat });
        }
    }
}

/// Forgets the blobs of any layout that no longer exist.
pub(super) fn forget_gone(memo: &Memo) {
    memo.retain(KIND, |known: &IntactBlob| known.path.is_file());
}

fn key(path: &Path) -> String {
    Digest::of(path.as_os_str().as_encoded_bytes()).hex().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::media_type;

    /// Waits until a write gets another time than the last one.
    fn tick() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    /// The target of a link may vanish or change without a change in this folder.
    #[cfg(unix)]
    #[test]
    fn a_link_is_no_blob() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, memo) = (Blobs::of_layout(&dir.path().join("oci")), Memo::new(dir.path().join("memo")));
        let blob = blobs.put(media_type::LAYER_GZIP, b"bytes").unwrap();
        let (path, elsewhere) = (blobs.path(&blob.digest), dir.path().join("elsewhere"));
        std::fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(!blobs.has(&blob) && !blobs.is_intact(&blob, &memo));
        blobs.bring(&blob, &elsewhere, &memo).unwrap();
        assert!(std::fs::symlink_metadata(&path).unwrap().is_file() && blobs.is_intact(&blob, &memo));
    }

    #[test]
    fn other_bytes_of_the_same_size_are_noticed_and_a_copy_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, memo) = (Blobs::of_layout(&dir.path().join("oci")), Memo::new(dir.path().join("memo")));
        let facts = || std::fs::read_dir(dir.path().join("memo/blobs")).map_or(0, Iterator::count);
        let blob = blobs.put(media_type::LAYER_GZIP, b"bytes").unwrap();
        let path = blobs.path(&blob.digest);
        // Until the next tick the file may still change without another time, so it is read each time.
        tick();
        assert!(blobs.is_intact(&blob, &memo) && facts() == 1, "it was read, and is known");
        // The blob is not read here: the remembered fact is enough as long as the stat is the same.
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        tick();
        std::fs::write(&path, "bytez").unwrap();
        assert!(blobs.has(&blob) && !blobs.is_intact(&blob, &memo));
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        assert!(!blobs.is_intact(&blob, &memo), "its time was set back");
        std::fs::write(&path, "bytes").unwrap();
        assert!(blobs.is_intact(&blob, &memo));

        let copy = Blobs::of_layout(&dir.path().join("copy"));
        std::fs::create_dir_all(copy.path(&blob.digest).parent().unwrap()).unwrap();
        std::fs::copy(&path, copy.path(&blob.digest)).unwrap();
        tick();
        assert!(copy.is_intact(&blob, &memo) && facts() == 2);
        std::fs::remove_file(&path).unwrap();
        assert!(!blobs.is_intact(&blob, &memo));
        forget_gone(&memo);
        assert_eq!(facts(), 1);
    }
}
