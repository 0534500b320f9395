//! Where a flag of rustc comes from, for messages: whoever reads "remove it" must know where it stands.

use super::invocation::CargoContext;
use crate::plan::Job;
use xtask_config::workspace;

/// Who sets a flag that holds this text, as a phrase; none where nobody is found. What wins in Cargo is asked first.
pub fn flag_origin(text: &str, job: &Job, site: &CargoContext) -> Option<String> {
    if job.target.rustflags.iter().any(|flag| flag.contains(text)) {
        return Some(format!("`rustflags` of {} in targets.toml", job.target.triple));
    }
    let own = format!("CARGO_TARGET_{}_RUSTFLAGS", job.target.triple.shouted());
    let variables = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", &own, "CARGO_BUILD_RUSTFLAGS"];
    let says = |name: &&str| site.host.var(name).is_some_and(|value| value.contains(text));
    if let Some(name) = variables.into_iter().find(says) {
        return Some(format!("the variable {name}"));
    }
    // Cargo's configuration, and the profiles of the manifest, which may hold flags too.
    let mut files =
        workspace::configuration(site.start, site.cargo_home.clone()).chain([site.manifest.clone()]);
    let file = files.find(|file| std::fs::read_to_string(file).is_ok_and(|words| words.contains(text)))?;
    Some(file.display().to_string())
}
