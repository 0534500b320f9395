//! All layers of a run: what is known is not built, what is equal is built once, the rest is built side by side.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::oci::gzip::Pool;
use crate::oci::layer::{self, fingerprint};
use crate::oci::{Blobs, Digest, Layer, LayerSource, Memo, RootFs, stage};

/// A tree and the time of its entries.
type Tree<'a> = (&'a RootFs, u64);

/// A layer that has to be built.
struct Task<'a> {
    key: Digest,
    tree: Tree<'a>,
    /// Its files may not change any more without a trace.
    settled: bool,
}

/// The layers of these sources, in their order, all of them in `blobs`; and whether any was built or brought in.
pub(super) fn all(
    sources: &[(&LayerSource, u64)],
    threads: NonZeroUsize,
    blobs: &Blobs,
    memo: &Memo,
) -> Result<(Vec<Layer>, bool)> {
    let mut fresh = false;
    let mut trees = Vec::new();
    for (source, created) in sources {
        match source {
            LayerSource::Tree(spec) => trees.push((&spec.rootfs, *created)),
            LayerSource::Stored(stored) => fresh |= blobs.bring(&stored.layer.descriptor, &stored.blob)?,
        }
    }
    let (built, new) = build(&trees, threads, blobs, memo)?;
    let mut built = built.into_iter();
    let layer = |(source, _): &(&LayerSource, u64)| match source {
        LayerSource::Tree(_) => built.next().ok_or_else(|| Error::failed("a layer was not built")),
        LayerSource::Stored(stored) => Ok(stored.layer.clone()),
    };
    Ok((sources.iter().map(layer).collect::<Result<_>>()?, fresh || new))
}

/// The layers of these trees, in their order, and whether any was built.
fn build(
    trees: &[Tree<'_>],
    threads: NonZeroUsize,
    blobs: &Blobs,
    memo: &Memo,
) -> Result<(Vec<Layer>, bool)> {
    let mut known: BTreeMap<Digest, Layer> = BTreeMap::new();
    let mut tasks: BTreeMap<Digest, Task<'_>> = BTreeMap::new();
    let mut keys = Vec::new();
    // Made before any file is looked at: what is not older than this may still change within the same tick.
    let now = stage::clock(blobs.dir())?;
    for tree in trees {
        let (key, stats) = fingerprint(tree.0, tree.1)?;
        keys.push(key.clone());
        if known.contains_key(&key) || tasks.contains_key(&key) {
            continue;
        }
        match memo.get("layers", key.hex()).filter(|layer: &Layer| blobs.has(&layer.descriptor)) {
            Some(layer) => drop(known.insert(key, layer)),
            None => {
                let settled = stats.iter().all(|stat| stat.older_than(&now));
                tasks.insert(key.clone(), Task { key, tree: *tree, settled });
            }
        }
    }
    let tasks: Vec<Task<'_>> = tasks.into_values().collect();
    known.extend(run(&tasks, threads, blobs, memo)?);
    let layer = |key| known.get(key).cloned().ok_or_else(|| Error::failed("a layer was not built"));
    Ok((keys.iter().map(layer).collect::<Result<_>>()?, !tasks.is_empty()))
}

fn run(
    tasks: &[Task<'_>],
    threads: NonZeroUsize,
    blobs: &Blobs,
    memo: &Memo,
) -> Result<Vec<(Digest, Layer)>> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let pool = Pool::new(threads).map_err(|e| Error::failed(format!("cannot start a thread: {e}")))?;
    let next = AtomicUsize::new(0);
    // One reader takes the next layer when it is done with one; all of them share the compressing threads.
    let reader = || {
        let mut done = Vec::new();
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((task.key.clone(), one(task, &pool, blobs, memo)?));
        }
        Ok(done)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.get().min(tasks.len())).map(|_| scope.spawn(reader)).collect();
        let mut done = reader();
        for other in others {
            let more = other.join().unwrap_or_else(|_| Err(Error::failed("packing a layer ended early")));
            done = done.and_then(|mut done| {
                done.extend(more?);
                Ok(done)
            });
        }
        done
    })
}

fn one(task: &Task<'_>, pool: &Pool, blobs: &Blobs, memo: &Memo) -> Result<Layer> {
    let layer = layer::build(task.tree.0, task.tree.1, pool, blobs)?;
    if task.settled {
        memo.put("layers", task.key.hex(), &layer);
    }
    Ok(layer)
}
