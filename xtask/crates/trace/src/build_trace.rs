//! The trace of a build: its processes with their packages, its critical path, and the sums.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::critical::{CriticalPath, TimedUnits, UnitTimes};
use crate::kind::{KindSeconds, WorkKind};
use crate::process::TracedProcess;
use crate::sampler::{SampledBuild, SampledProcess};
use crate::spans::{WorkMoment, WorkSpan, moments, shares, work_spans};
use crate::unit::{TraceUnit, UnitClue};

/// The trace of one cargo call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BuildTrace {
    /// The wall time of the call, in seconds.
    pub seconds: f64,
    /// The processes in the order in which they were seen. A parent comes before its children.
    pub processes: Vec<TracedProcess>,
    /// The critical path; none if Cargo gave no unit graph, or nothing was compiled.
    pub path: Option<CriticalPath>,
    /// The seconds in which processes of each kind worked, without the time in which they waited for their children. Work
    /// side by side counts for each process.
    pub work: KindSeconds,
    /// The wall time, divided evenly between the processes that work at the same time.
    pub shares: KindSeconds,
    /// The same for each target of the call. Work for the host is divided evenly between the targets that need it.
    pub targets: BTreeMap<String, f64>,
    /// The CPU time of each kind of work, in seconds.
    pub cpu: KindSeconds,
    /// The CPU time of the whole call, in seconds, as the system accounts for it.
    pub cpu_s: f64,
    /// The part of it that belongs to processes which no sample saw, in seconds. It is in the kind of the process that
    /// started them.
    pub unseen_cpu_s: f64,
    /// The seconds in which at least this many processes worked: the first number is for one process.
    pub parallel_s: Vec<f64>,
    /// The CPU time of the sampler, in seconds. It is not in `cpu_s`.
    pub sampler_cpu_s: f64,
}

impl BuildTrace {
    /// Returns the spans of work and the moments between their ends.
    pub(crate) fn moments(&self) -> (Vec<WorkSpan>, Vec<WorkMoment>) {
        let spans = work_spans(&self.processes);
        let moments = moments(&spans, self.seconds);
        (spans, moments)
    }

    /// Returns the mean number of processes that worked at the same time.
    pub fn parallelism(&self) -> f64 {
        self.parallel_s.iter().sum::<f64>() / self.seconds.max(1e-9)
    }
}

impl SampledBuild {
    /// Makes the trace of a build that took this many seconds. `units` are those of Cargo's graph; without them, there is no
    /// critical path. The files of the build must still be there.
    pub fn trace(&self, seconds: f64, units: &[TraceUnit]) -> BuildTrace {
        assemble(self, seconds, units)
    }
}

fn assemble(sampled: &SampledBuild, seconds: f64, units: &[TraceUnit]) -> BuildTrace {
    let processes = processes(sampled, seconds, units);
    let mut trace = BuildTrace { seconds, processes, cpu_s: sampled.cpu_s, ..BuildTrace::default() };
    let (spans, moments) = trace.moments();
    trace.shares = shares(&moments, &spans);
    for span in &spans {
        trace.work.add(span.kind, span.to - span.from);
    }
    for (index, process) in trace.processes.iter().enumerate() {
        let unseen = sampled.accounts.unseen_s(index + 1);
        trace.cpu.add(process.kind, process.cpu_s + unseen);
        trace.unseen_cpu_s += unseen;
    }
    let most = moments.iter().map(|moment| moment.spans.len()).max().unwrap_or(0);
    let least = |count: usize| moments.iter().filter(move |moment| moment.spans.len() >= count);
    trace.parallel_s =
        (1..=most).map(|count| least(count).map(|moment| moment.to - moment.from).sum()).collect();
    trace.targets = targets(&trace.processes, &spans, &moments, units);
    trace.path = path(&trace, &spans, sampled, units);
    trace.sampler_cpu_s = sampled.sampler_s;
    trace
}

/// Gives each process its unit, and what follows from it. The first sampled process is this program, which is left out.
fn processes(sampled: &SampledBuild, seconds: f64, units: &[TraceUnit]) -> Vec<TracedProcess> {
    let mut all: Vec<TracedProcess> = Vec::new();
    for (index, process) in sampled.processes.iter().enumerate().skip(1) {
        let SampledProcess { parent, start, end, peak_bytes, label, kind, clue, .. } = process;
        let parent = parent.and_then(|parent| parent.checked_sub(1));
        let above = parent.map(|parent| &all[parent]);
        let inherited = above.filter(|above| above.unit.is_some());
        let unit = inherited.map_or_else(|| clue.as_ref()?.find(units), |above| above.unit);
        let (named, bound) = (unit.map(|unit| &units[unit]), above.map_or(seconds, |above| above.end_s));
        let package = named
            .map(|unit| unit.package.clone())
            .or_else(|| clue.as_ref()?.package().map(str::to_owned))
            .or_else(|| above.map(|above| above.package.clone()));
        let start_s = start.clamp(above.map_or(0.0, |above| above.start_s), bound);
        all.push(TracedProcess {
            parent,
            start_s,
            end_s: end.unwrap_or(seconds).clamp(start_s, bound),
            cpu_s: sampled.accounts.own_s(index),
            peak_bytes: *peak_bytes,
            kind: kind.unwrap_or_else(|| above.map_or(WorkKind::Cargo, |above| above.kind)),
            label: label.clone(),
            package: package.unwrap_or_default(),
            target: named
                .map_or_else(|| above.and_then(|above| above.target.clone()), |unit| unit.platform.clone()),
            unit,
        });
    }
    all
}

/// Divides the wall time between the targets of a call.
fn targets(
    processes: &[TracedProcess],
    spans: &[WorkSpan],
    moments: &[WorkMoment],
    units: &[TraceUnit],
) -> BTreeMap<String, f64> {
    let needed = needed_by(units);
    let all: BTreeSet<&str> = units.iter().filter_map(|unit| unit.platform.as_deref()).collect();
    let mut shares: BTreeMap<String, f64> = all.iter().map(|target| ((*target).to_owned(), 0.0)).collect();
    let mut give = |targets: &BTreeSet<&str>, seconds: f64| {
        let targets = if targets.is_empty() { &all } else { targets };
        for target in targets {
            *shares.entry((*target).to_owned()).or_default() += seconds / targets.len() as f64;
        }
    };
    for moment in moments {
        let length = moment.to - moment.from;
        if moment.spans.is_empty() {
            give(&all, length);
        }
        for span in &moment.spans {
            let unit = processes[spans[*span].process].unit;
            give(unit.map_or(&all, |unit| &needed[unit]), length / moment.spans.len() as f64);
        }
    }
    shares
}

/// Returns the targets for which each unit is needed.
fn needed_by(units: &[TraceUnit]) -> Vec<BTreeSet<&str>> {
    let mut needed: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); units.len()];
    for (index, unit) in units.iter().enumerate() {
        let Some(target) = unit.platform.as_deref() else { continue };
        let mut todo = vec![index];
        while let Some(next) = todo.pop() {
            if needed[next].insert(target) {
                // Units of other targets are needed for their own.
                let is_shared = |need: &&usize| units[**need].platform.as_deref().is_none_or(|t| t == target);
                todo.extend(units[next].needs.iter().filter(is_shared));
            }
        }
    }
    needed
}

/// Finds the critical path from the times of the units.
fn path(
    trace: &BuildTrace,
    spans: &[WorkSpan],
    sampled: &SampledBuild,
    units: &[TraceUnit],
) -> Option<CriticalPath> {
    let mut times: Vec<Option<UnitTimes>> = vec![None; units.len()];
    for (index, process) in trace.processes.iter().enumerate() {
        let is_first = process.parent.is_none_or(|parent| trace.processes[parent].unit.is_none());
        let Some(unit) = process.unit.filter(|_| is_first) else { continue };
        let (start, end) = (process.start_s, process.end_s);
        let clue = sampled.processes[index + 1].clue.as_ref();
        let interface = interface(clue, sampled.clock).filter(|at| (start..=end).contains(at));
        let known = times[unit].get_or_insert(UnitTimes { start, end, interface });
        (known.start, known.end) = (known.start.min(start), known.end.max(end));
    }
    let mut own: Vec<Vec<WorkSpan>> = vec![Vec::new(); units.len()];
    for span in spans {
        if let Some(unit) = trace.processes[span.process].unit {
            own[unit].push(*span);
        }
    }
    TimedUnits { units, times: &times, spans: &own }.path(trace.seconds)
}

/// Returns when the file with the interface of a crate was written, in seconds after the start. Cargo starts libraries that
/// need the crate then.
fn interface(clue: Option<&UnitClue>, start: SystemTime) -> Option<f64> {
    let UnitClue::Compiles { interface: Some(file), .. } = clue? else { return None };
    let written = |file: &Path| std::fs::metadata(file).ok()?.modified().ok();
    Some(written(file)?.duration_since(start).ok()?.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_for_the_host_is_divided_between_the_targets_that_need_it() {
        let unit = |platform: Option<&str>, needs: &[usize]| TraceUnit {
            platform: platform.map(str::to_owned),
            needs: needs.to_vec(),
            ..TraceUnit::default()
        };
        // A macro for both targets, and a build script for one.
        let units = [unit(Some("a"), &[2, 3]), unit(Some("b"), &[2]), unit(None, &[]), unit(None, &[])];
        let process = |unit: usize, start_s: f64, end_s: f64| TracedProcess {
            start_s,
            end_s,
            kind: WorkKind::Rust,
            unit: Some(unit),
            ..TracedProcess::default()
        };
        let processes =
            vec![process(2, 0.0, 4.0), process(3, 4.0, 5.0), process(0, 5.0, 9.0), process(1, 5.0, 9.0)];
        let trace = BuildTrace { seconds: 10.0, processes, ..BuildTrace::default() };
        let (spans, moments) = trace.moments();
        let shares = targets(&trace.processes, &spans, &moments, &units);
        // 4 s and the last second are shared evenly; the 4 s of both at once too.
        assert_eq!(
            shares,
            [("a".to_owned(), 2.0 + 1.0 + 2.0 + 0.5), ("b".to_owned(), 2.0 + 2.0 + 0.5)].into()
        );
    }
}
