//! Finds where a flag of rustc is set, so that a message that says "remove it" can name the place.

use super::invocation::CargoContext;
use crate::plan::Job;

/// Returns the place that sets a flag with this text, as a phrase, or none if it is not found.
pub fn flag_origin(text: &str, job: &Job, site: &CargoContext) -> Option<String> {
    if job.target.rustflags.iter().any(|flag| flag.contains(text)) {
        return Some(format!("`rustflags` of {} in targets.toml", job.target.triple));
    }
    if let Some(flag) = job.user.flags.all().find(|flag| flag.text.contains(text)) {
        return Some(flag.origin.clone());
    }
    // The profiles of the manifest may hold flags too.
    let manifest = std::fs::read_to_string(&site.manifest).is_ok_and(|words| words.contains(text));
    manifest.then(|| site.manifest.display().to_string())
}
