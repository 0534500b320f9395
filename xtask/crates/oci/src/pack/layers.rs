//! Makes all layers of a run. Known layers are not built, equal layers are built once, and the others are
//! built in parallel.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::recode::recode;
use crate::document::media_type;
use crate::layer::{self, fingerprint};
use crate::pool::ThreadPool;
use xtask_files::error::{Error, Result};
use xtask_files::threads::side_by_side;
use xtask_files::{Memo, clock};

use crate::{Blobs, Codec, Digest, Layer, LayerSource, RootFs, StoredLayer};

/// A request for a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerRequest<'a> {
    /// The tree from which the layer is made, or the layer on disk.
    pub(super) source: &'a LayerSource,
    /// The modification time of the layer's entries, in seconds since 1970.
    pub(super) created: u64,
    /// Its compression, if it is made here.
    pub(super) codec: Codec,
}

/// The place where layers are stored, with the facts that earlier runs remembered about them.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerStore<'a> {
    /// The blobs of the layout in which the layers are stored.
    pub(super) blobs: &'a Blobs,
    /// The facts that earlier runs remembered.
    pub(super) memo: &'a Memo,
    /// The kind under which the memo stores these layers.
    pub(super) kind: &'static str,
    /// Whether layers on disk that do not use gzip are compressed again. If not, they are used unchanged.
    pub(super) only_gzip: bool,
}

/// A function that is called with the number of finished layers and the number of layers to build.
pub(super) type Far<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// A layer that must be built.
struct LayerTask<'a> {
    key: Digest,
    work: LayerWork<'a>,
    /// Whether its files are older than the present tick of the clock, so that a later change would be
    /// visible.
    settled: bool,
}

/// The work that makes a layer: pack a tree, or compress a stored layer again.
enum LayerWork<'a> {
    Tree(&'a RootFs, u64, Codec),
    Recode(&'a StoredLayer),
}

/// Returns the requested layers in their order, after all of them are in the store.
pub(super) fn all(
    wanted: &[LayerRequest<'_>],
    threads: NonZeroUsize,
    store: LayerStore<'_>,
    far: Far<'_>,
) -> Result<Vec<Layer>> {
    let mut known: BTreeMap<Digest, Layer> = BTreeMap::new();
    let mut tasks: BTreeMap<Digest, LayerTask<'_>> = BTreeMap::new();
    let mut keys = Vec::new();
    // The clock is read before any file. A file that is not older may still change within the same tick.
    let now = clock(store.blobs.dir())?;
    for layer in wanted {
        let (work, key, settled) = match layer.source {
            LayerSource::Stored(stored) if !store.only_gzip || is_gzip(stored) => {
                store.blobs.bring(&stored.layer.descriptor, &stored.blob, store.memo)?;
                let key = stored.layer.descriptor.digest.clone();
                known.insert(key.clone(), stored.layer.clone());
                keys.push(key);
                continue;
            }
            LayerSource::Stored(stored) => {
                let text = format!("{}; {}", Codec::Gzip.encoder(), stored.layer.descriptor.digest);
                (LayerWork::Recode(stored), Digest::of(text.as_bytes()), true)
            }
            LayerSource::Tree(spec) => {
                let (key, stats) = fingerprint(&spec.rootfs, layer.created, layer.codec)?;
                let settled = stats.iter().all(|stat| stat.older_than(&now));
                (LayerWork::Tree(&spec.rootfs, layer.created, layer.codec), key, settled)
            }
        };
        keys.push(key.clone());
        if known.contains_key(&key) || tasks.contains_key(&key) {
            continue;
        }
        let intact = |layer: &Layer| store.blobs.is_intact(&layer.descriptor, store.memo);
        match store.memo.get(store.kind, key.hex()).filter(intact) {
            Some(layer) => drop(known.insert(key, layer)),
            None => drop(tasks.insert(key.clone(), LayerTask { key, work, settled })),
        }
    }
    let tasks: Vec<LayerTask<'_>> = tasks.into_values().collect();
    known.extend(run(&tasks, threads, store, far)?);
    let layer = |key| known.get(key).cloned().ok_or_else(|| Error::failed("a layer was not built"));
    keys.iter().map(layer).collect()
}

/// Returns whether a layer on disk is compressed with gzip.
pub(super) fn is_gzip(stored: &StoredLayer) -> bool {
    let kind = stored.layer.descriptor.media_type.as_str();
    kind == media_type::LAYER_GZIP || kind == media_type::docker::LAYER_GZIP
}

fn run(
    tasks: &[LayerTask<'_>],
    threads: NonZeroUsize,
    store: LayerStore<'_>,
    far: Far<'_>,
) -> Result<Vec<(Digest, Layer)>> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let pool = ThreadPool::new(threads).map_err(|e| Error::failed(format!("cannot start a thread: {e}")))?;
    let built = AtomicUsize::new(0);
    far(0, tasks.len());
    // A thread that has read a layer takes the next one. All of them share the compressing threads.
    let read = |task: &LayerTask<'_>| {
        let layer = one(task, &pool, store)?;
        far(built.fetch_add(1, Ordering::Relaxed) + 1, tasks.len());
        Ok((task.key.clone(), layer))
    };
    side_by_side(tasks.iter().collect(), threads.get(), read).into_iter().collect()
}

fn one(task: &LayerTask<'_>, pool: &ThreadPool, store: LayerStore<'_>) -> Result<Layer> {
    let layer = match &task.work {
        LayerWork::Tree(tree, created, codec) => layer::build(tree, *created, *codec, pool, store.blobs)?,
        LayerWork::Recode(stored) => recode(stored, pool, store.blobs)?,
    };
    store.blobs.remember(&layer.descriptor.digest, store.memo);
    if task.settled {
        store.memo.put(store.kind, task.key.hex(), &layer);
    }
    Ok(layer)
}
