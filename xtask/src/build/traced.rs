//! The trace of a cargo call: its processes are assigned to the units of Cargo's graph.

use super::CargoCall;
use crate::cargo::builder::Builder;
use crate::cargo::cohort::Cohort;
use crate::cargo::units::{self, Unit, UnitGraph};
use crate::package_id::name_and_version;
use xtask_trace::{BuildTrace, TraceUnit};

/// Returns the trace of a call that built a cohort; none on systems that do not show processes. Without Cargo's unit graph,
/// it has no critical path. The files of the build must still be there.
pub fn trace(call: &CargoCall, cohort: &Cohort, builder: &Builder) -> Option<BuildTrace> {
    let sampled = call.sampled.as_ref()?;
    let graph = match cohort.jobs[..] {
        [job] => units::of_job(job, builder).ok().flatten().map(|kept| kept.graph),
        // Cargo is asked: the graph of several targets is not stored.
        _ => units::graph(cohort, builder).ok().flatten(),
    };
    Some(sampled.trace(call.seconds, &graph.map(|graph| trace_units(&graph)).unwrap_or_default()))
}

fn trace_units(graph: &UnitGraph) -> Vec<TraceUnit> {
    graph.units.iter().map(trace_unit).collect()
}

fn trace_unit(unit: &Unit) -> TraceUnit {
    let (package, version) = name_and_version(&unit.pkg_id);
    TraceUnit {
        package: package.to_owned(),
        version: version.to_owned(),
        name: unit.target.name.clone(),
        source: unit.target.src_path.clone(),
        runs: unit.mode == "run-custom-build",
        // Cargo's rule: a unit of any other kind needs the code of the libraries below it.
        library: unit.target.kind.iter().all(|kind| matches!(kind.as_str(), "lib" | "rlib")),
        platform: unit.platform.clone(),
        features: unit.features.iter().cloned().collect(),
        needs: unit.dependencies.iter().map(|edge| edge.index).collect(),
    }
}
