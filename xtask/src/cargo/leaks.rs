//! The feature-leak guard: within one cargo call, features unify across the targets, so that a dependency which only
//! one target wants could bring C into another. Targets whose unit graph changes in company are built alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::cohort::Cohort;
use super::units::{self, Manifests};
use crate::cargo::builder::Builder;
use crate::plan::Job;
use xtask_files::error::Result;

/// What decides whether two units are the same: package, crate and features.
type UnitSet = BTreeSet<(String, String, Vec<String>)>;

/// The units by the triple that they are for; [`HOST`] for what runs on the host, which Cargo gives no platform.
type UnitsByTriple = BTreeMap<String, UnitSet>;
const HOST: &str = "host";

/// The answer of the feature-leak guard about a cohort, as it is kept on disk.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct GraphAnswer {
    /// The targets to build alone.
    alone: BTreeSet<String>,
    /// How many units the cohort has where it is not split.
    #[serde(default)]
    units: Option<u64>,
    /// What the answer depends on beside the key that it is kept by.
    manifests: Manifests,
}

/// Splits a cohort so that every target gets the units it would get alone. With each part goes how many units it has,
/// where that is known without asking Cargo for it alone. The answer is kept under `target/xtask` until a manifest or the
/// lock file changes.
///
/// # Errors
/// Where Cargo cannot be run or its answer cannot be kept.
pub fn split<'p>(cohort: Cohort<'p>, builder: &Builder) -> Result<Vec<(Cohort<'p>, Option<u64>)>> {
    let counted = |cohort: Cohort<'p>| {
        let units = units::count(&cohort, builder);
        (cohort, units)
    };
    if cohort.jobs.len() < 2 {
        return Ok(vec![counted(cohort)]);
    }
    let file = units::place(&units::key(&cohort, "split", builder), builder);
    let kept: Option<GraphAnswer> = units::recall(&file);
    let (alone, units) = match kept.filter(|kept| kept.manifests.hold()) {
        Some(answer) => (answer.alone, answer.units),
        None => match compare(&cohort, builder)? {
            Some(answer) => {
                units::keep(&file, &answer)?;
                (answer.alone, answer.units)
            }
            // No answer today (no network, say) is not to be remembered as a good one.
            None => (BTreeSet::new(), None),
        },
    };
    if alone.is_empty() {
        return Ok(vec![(cohort, units)]);
    }
    let (single, together): (Vec<&Job>, Vec<&Job>) =
        cohort.jobs.iter().partition(|j| alone.contains(j.target.triple.as_str()));
    for job in &single {
        builder.ui.step(
            "Splitting",
            format!("{}: together with other targets its features would change", job.title()),
        );
    }
    let groups = std::iter::once(together).chain(single.into_iter().map(|j| vec![j]));
    let groups = groups.filter(|g| !g.is_empty()).map(|jobs| Cohort { key: cohort.key.clone(), jobs });
    Ok(groups.map(counted).collect())
}

/// The targets whose units differ between a call of their own and the common one; none where Cargo does not tell.
fn compare(cohort: &Cohort, builder: &Builder) -> Result<Option<GraphAnswer>> {
    let _task = builder.ui.late_task("Asking", "Cargo which features each target has");
    let Some(common) = units::graph(cohort, builder)? else { return Ok(None) };
    let count = common.units.len() as u64;
    let mut answer = GraphAnswer { alone: BTreeSet::new(), units: None, manifests: Manifests::of(&common) };
    let common = by_platform(&common);
    for job in &cohort.jobs {
        let triple = job.target.triple.to_string();
        let Some(own) = units::of_job(job, builder)? else { return Ok(None) };
        if changes(&by_platform(&own.graph), &common, &triple) {
            answer.alone.insert(triple);
        }
        answer.manifests.extend(own.manifests);
    }
    answer.units = answer.alone.is_empty().then_some(count);
    Ok(Some(answer))
}

/// Whether a target's own units, or those that run on the host for it, are others in company. Build scripts and macros
/// are the host's, and write what is compiled for the target.
fn changes(own: &UnitsByTriple, common: &UnitsByTriple, triple: &str) -> bool {
    let empty = UnitSet::new();
    let host = common.get(HOST).unwrap_or(&empty);
    own.get(triple) != common.get(triple) || !own.get(HOST).unwrap_or(&empty).is_subset(host)
}

/// The units of each target, and those of the host.
fn by_platform(graph: &units::UnitGraph) -> UnitsByTriple {
    let mut units = UnitsByTriple::new();
    for unit in graph.units.iter().cloned() {
        let platform = unit.platform.unwrap_or_else(|| HOST.to_owned());
        units.entry(platform).or_default().insert((unit.pkg_id, unit.target.name, unit.features));
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer of `--unit-graph` with these units: platform (`-` for the host), package, features.
    fn answer(list: &[(&str, &str, &[&str])]) -> BTreeMap<String, UnitSet> {
        let unit = |(platform, package, features): &(&str, &str, &[&str])| {
            let platform = (*platform != "-").then_some(platform);
            serde_json::json!({ "pkg_id": package, "platform": platform, "features": features, "mode": "build",
                "target": { "name": package, "kind": ["lib"], "src_path": "/x.rs" }, "dependencies": [] })
        };
        let units_json: Vec<_> = list.iter().map(unit).collect();
        let text = serde_json::json!({ "version": 1, "units": units_json, "roots": [0] }).to_string();
        by_platform(&units::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_feature_that_only_company_brings_is_seen() {
        let own = answer(&[("a", "app", &[]), ("a", "dep", &["std"]), ("-", "cc", &[])]);
        let same =
            answer(&[("a", "app", &[]), ("a", "dep", &["std"]), ("b", "dep", &["c"]), ("-", "cc", &[])]);
        let leaked = answer(&[("a", "app", &[]), ("a", "dep", &["c", "std"]), ("-", "cc", &[])]);
        let more = answer(&[("a", "app", &[]), ("a", "dep", &["std"]), ("a", "ssl", &[]), ("-", "cc", &[])]);
        let host = answer(&[("a", "app", &[]), ("a", "dep", &["std"]), ("-", "cc", &["parallel"])]);
        assert!(!changes(&own, &same, "a"));
        assert!(changes(&own, &leaked, "a"));
        assert!(changes(&own, &more, "a"));
        assert!(changes(&own, &host, "a"), "a build script with other features may write other sources");
    }
}
