//! The matrix as JSON: for any scheduler, and in the form that GitHub's `fromJson` takes as a matrix.

use serde_json::{Value, json};
use xtask_triple::Triple;

use super::{PlannedShard, ReleaseMatrix};

/// The version of the neutral document.
const SCHEMA: u32 = 1;

/// Returns the document for any scheduler.
pub fn neutral(matrix: &ReleaseMatrix) -> String {
    let shards: Vec<Value> = matrix.shards.iter().map(shard).collect();
    xtask_report::json::pretty(&json!({
        "schema": SCHEMA,
        "app": matrix.app,
        "version": matrix.version,
        "machines": matrix.machines,
        "seconds": rounded(matrix.seconds()),
        "shards": shards,
    }))
}

/// Returns the matrix of a workflow on GitHub, in one line, so that a step can write it to its outputs.
pub fn github(matrix: &ReleaseMatrix) -> String {
    let entry = |shard: &PlannedShard| {
        json!({
            "id": shard.id(),
            "runner": shard.runner.github(),
            "targets": list(&shard.targets).join(" "),
            "setup": shard.setup().join(" "),
            "emulated": !shard.emulated.is_empty(),
            "seconds": rounded(shard.seconds),
        })
    };
    let entries: Vec<Value> = matrix.shards.iter().map(entry).collect();
    json!({"include": entries}).to_string()
}

fn shard(shard: &PlannedShard) -> Value {
    let id = shard.id();
    json!({
        "id": id,
        "targets": list(&shard.targets),
        "images": shard.images,
        "runner": {"os": "linux", "arch": shard.runner.name()},
        "emulated": list(&shard.emulated),
        "setup": shard.setup(),
        "command": ["cargo", "xtask", "ci", "shard", id],
        "seconds": rounded(shard.seconds),
    })
}

fn list(targets: &[Triple]) -> Vec<&str> {
    targets.iter().map(Triple::as_str).collect()
}

/// An estimate does not have more digits than tenths of a second.
fn rounded(seconds: Option<f64>) -> Option<f64> {
    seconds.map(|seconds| (seconds * 10.0).round() / 10.0)
}
