//! What the program said of its jobs.

use serde_json::Value;

/// The entry of `jobs` for a target.
#[track_caller]
pub(crate) fn job<'v>(document: &'v Value, target: &str) -> &'v Value {
    let jobs = document["jobs"].as_array().unwrap_or_else(|| panic!("no jobs in {document:#}"));
    jobs.iter().find(|j| j["target"] == target).unwrap_or_else(|| panic!("no {target} in {document:#}"))
}
