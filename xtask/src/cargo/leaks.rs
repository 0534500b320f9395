//! The guard against feature leaks. Within one cargo call, features are unified across targets. So a
//! dependency that only one target needs could bring C into another target. A target whose unit graph changes
//! when it is built with others is built alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::cohort::Cohort;
use super::units::{self, Manifests};
use crate::cargo::builder::Builder;
use crate::plan::Job;
use xtask_files::error::Result;

/// The properties by which two units are compared: package, crate and features.
type UnitSet = BTreeSet<(String, String, Vec<String>)>;

/// The units by their triple. [`HOST`] stands for units that run on the host, for which Cargo gives no
/// platform.
type UnitsByTriple = BTreeMap<String, UnitSet>;
const HOST: &str = "host";

/// The result of the guard for a cohort, as it is stored on disk.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct GraphAnswer {
    /// The targets to build alone.
    alone: BTreeSet<String>,
    /// The number of units of the cohort if it is not split.
    #[serde(default)]
    units: Option<u64>,
    /// The manifests on which the result depends, in addition to its key.
    manifests: Manifests,
}

/// Splits a cohort so that every target gets the same units as if it were built alone. Each part is returned
/// with its number of units, if this is known without asking Cargo about that part. The result is stored
/// under `target/xtask` until a manifest or the lock file changes.
///
/// # Errors
/// Cargo cannot be run, or its answer cannot be stored.
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
            // A missing answer, for example without network, must not be stored as a good one.
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

/// Finds the targets whose units differ between a call of their own and the common call. Returns none if
/// Cargo does not tell.
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

/// Returns whether a target's units, or the host units that run for it, change when other targets are built
/// with it. Build scripts and macros are host units, and they write sources that are compiled for the target.
fn changes(own: &UnitsByTriple, common: &UnitsByTriple, triple: &str) -> bool {
    let empty = UnitSet::new();
    let host = common.get(HOST).unwrap_or(&empty);
    own.get(triple) != common.get(triple) || !own.get(HOST).unwrap_or(&empty).is_subset(host)
}

/// Groups the units of a graph by target, and those of the host.
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

    /// Makes an answer of `--unit-graph` with these units: platform (`-` for the host), package, features.
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
