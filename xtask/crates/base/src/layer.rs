//! Stores a base's tree as a layer on disk. It is made once, for all images of all workspaces.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use xtask_files::error::{Error, Result};
use xtask_files::{Memo, Stat, clock};
use xtask_oci::document::{Descriptor, media_type};
use xtask_oci::gzip::{Gzip, ThreadPool};
use xtask_oci::tar::{EntryKind, EntryWriter, TarEntry, TarWriter};
use xtask_oci::{Digest, Hashed, Layer, RootFs, StoredLayer, layer, unpack};

const TAR: &str = "layer.tar";
const PACKED: &str = "layer.tar.gz";
const FACTS: &str = "layer.json";

/// Reads the files that [`write`] left in a folder. Returns none if they are not complete.
///
/// Files that have not changed since their digests were checked are accepted. All others are read and
/// checked: the cache may come from another machine, and disks lose data.
///
/// # Errors
/// The tar cannot be unpacked.
pub(super) fn read(dir: &Path, created_by: &str) -> Result<Option<(StoredLayer, RootFs)>> {
    let Some(layer) = facts(dir) else { return Ok(None) };
    let (blob, tar) = (dir.join(PACKED), dir.join(TAR));
    if !whole(dir, &layer) {
        return Ok(None);
    }
    let mut rootfs = RootFs::new();
    if unpack::apply(&tar, &mut rootfs).is_err() {
        return Ok(None);
    }
    Ok(Some((StoredLayer { layer, blob, created_by: created_by.to_owned() }, rootfs)))
}

/// Returns whether a folder has all files of [`write`], judging only by names and sizes.
pub(super) fn lies(dir: &Path) -> bool {
    let Some(layer) = facts(dir) else { return false };
    let blob = std::fs::metadata(dir.join(PACKED)).is_ok_and(|blob| blob.len() == layer.descriptor.size);
    blob && dir.join(TAR).is_file()
}

fn facts(dir: &Path) -> Option<Layer> {
    std::fs::read(dir.join(FACTS)).ok().and_then(|json| serde_json::from_slice(&json).ok())
}

/// Returns whether tar and blob have the digests of the layer.
fn whole(dir: &Path, layer: &Layer) -> bool {
    let files = [(TAR, &layer.diff_id), (PACKED, &layer.descriptor.digest)].map(|(n, d)| (dir.join(n), d));
    let stats: io::Result<Vec<Stat>> = files.iter().map(|(file, _)| Stat::of(file)).collect();
    let Ok(stats) = stats else { return false };
    let memo = Memo::new(dir);
    let seen = (layer.clone(), stats);
    if memo.get("seen", "layer").as_ref() == Some(&seen) {
        return true;
    }
    let is = |file: &Path, digest: &Digest| {
        File::open(file).and_then(Digest::of_reader).is_ok_and(|found| found == *digest)
    };
    if !files.iter().all(|(file, digest)| is(file, digest)) {
        return false;
    }
    // Two writes within one tick of the file system's clock cannot be distinguished.
    if clock(dir).is_ok_and(|now| seen.1.iter().all(|stat| stat.older_than(&now))) {
        memo.put("seen", "layer", &seen);
    }
    true
}

/// Writes a tree's layer into an empty folder. All times are 0: a base does not depend on the image that uses
/// it.
///
/// # Errors
/// A file of the tree cannot be read, or the folder cannot be written to.
pub(super) fn write(tree: &RootFs, dir: &Path) -> Result<()> {
    let failed = |e: io::Error| Error::io("cannot write the layer in", dir, &e);
    let create = |name: &str| File::create_new(dir.join(name)).map(BufWriter::new).map_err(failed);
    let threads = xtask_files::threads::cores();
    let pool = ThreadPool::new(threads).map_err(failed)?;
    let packed = Gzip::new(&pool, Hashed::new(create(PACKED)?)).map_err(failed)?;
    let mut tar = TarWriter::new(Hashed::new(Tee { plain: create(TAR)?, packed }));
    let root = TarEntry { path: "", kind: EntryKind::Dir, mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    tar.entry(&root).map_err(failed)?;
    layer::write_tree(&mut tar, tree, 0)?;
    let (tee, diff_id, _) = tar.finish().map_err(failed)?.finish();
    let Tee { mut plain, packed } = tee;
    plain.flush().map_err(failed)?;
    let (mut packed, digest, size) = packed.finish().map_err(failed)?.finish();
    packed.flush().map_err(failed)?;
    let descriptor = Descriptor::new(media_type::LAYER_GZIP, digest, size);
    let facts = serde_json::to_vec(&Layer { descriptor, diff_id });
    let facts = facts.map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
    std::fs::write(dir.join(FACTS), facts).map_err(failed)
}

/// A writer that writes to both.
struct Tee<A, B> {
    plain: A,
    packed: B,
}

impl<A: Write, B: Write> Write for Tee<A, B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.plain.write_all(bytes)?;
        self.packed.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.plain.flush()?;
        self.packed.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_oci::Node;

    #[test]
    fn what_was_changed_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let mut tree = RootFs::new();
        tree.put("etc/passwd", Node::bytes(0o644, b"root:x:0:0".as_slice())).unwrap();
        write(&tree, dir.path()).unwrap();
        let there = || read(dir.path(), "test").unwrap().is_some();
        assert!(!lies(&dir.path().join("nowhere")) && lies(dir.path()));
        assert!(there() && there());
        for name in [TAR, PACKED, FACTS] {
            let file = dir.path().join(name);
            let whole = std::fs::read(&file).unwrap();
            let mut other = whole.clone();
            // The file has as many bytes, one of them changed.
            other[whole.len() / 2] ^= 1;
            for damaged in [&other[..], &whole[..whole.len() / 2]] {
                std::fs::write(&file, damaged).unwrap();
                assert!(!there(), "{name}");
            }
            std::fs::write(&file, whole).unwrap();
            assert!(there(), "{name}");
        }
    }
}
