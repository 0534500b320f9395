//! Compresses a layer of a base with gzip for the tar, if Docker before version 23 does not support its
//! compression.

use std::fs::File;

use crate::decompress::decompress;
use crate::pool::ThreadPool;
use crate::{Blobs, Codec, Hashed, Layer, StoredLayer};
use xtask_files::error::{Error, Result};

/// Stores the same tar, compressed with gzip. The unpacked content is checked against the layer's digest.
pub(super) fn recode(stored: &StoredLayer, pool: &ThreadPool, blobs: &Blobs) -> Result<Layer> {
    let failed = |e: std::io::Error| Error::io("cannot compress again", &stored.blob, &e);
    let blob = File::open(&stored.blob).map_err(|e| Error::io("cannot read", &stored.blob, &e))?;
    let mut hashed = Hashed::new(Codec::Gzip.stream(pool, blobs.stage()?).map_err(failed)?);
    decompress(blob, &mut hashed, |_| Ok(())).map_err(failed)?;
    let (stream, diff_id, _) = hashed.finish();
    if diff_id != stored.layer.diff_id {
        return Err(Error::failed(format!("{} is not the expected layer", stored.blob.display()))
            .found(format!("unpacked it has {diff_id}, not {}", stored.layer.diff_id)));
    }
    let blob = stream.finish().map_err(failed)?;
    Ok(Layer { descriptor: blobs.commit(Codec::Gzip.media_type(), blob)?, diff_id })
}
