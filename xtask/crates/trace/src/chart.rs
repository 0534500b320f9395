//! Traces in the format of Chrome's trace viewer, which Perfetto and other viewers open: an object with `traceEvents`.
//! Complete events (`X`) have a start and a duration in microseconds, counters (`C`) have values, and metadata (`M`) names
//! processes and threads. Here a process is a build, and a thread is a lane in which one thing happens at a time.

use serde_json::{Value, json};

use crate::build_trace::BuildTrace;
use crate::critical::{PathStep, StepWork};
use crate::kind::WorkKind;

/// A build in a trace file.
#[derive(Debug, Clone, Copy)]
pub struct TraceCase<'a> {
    /// The name of the build: its mode, its target and its case.
    pub name: &'a str,
    /// The trace of the build.
    pub trace: &'a BuildTrace,
}

/// The lane of the critical path. The lanes of the processes follow.
const PATH: usize = 1;

/// Returns the trace file of several builds, one below the other, each beginning at time 0.
pub fn chrome(cases: &[TraceCase]) -> Value {
    let mut events = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        add(at + 1, case, &mut events);
    }
    let about = |case: &TraceCase| {
        let BuildTrace { path, work, shares, targets, cpu, .. } = case.trace;
        let BuildTrace { seconds, cpu_s, unseen_cpu_s, sampler_cpu_s, parallel_s, .. } = case.trace;
        json!({ "name": case.name, "seconds": seconds, "cpu_s": cpu_s, "unseen_cpu_s": unseen_cpu_s,
            "sampler_cpu_s": sampler_cpu_s, "parallel_s": parallel_s, "work": work, "shares": shares,
            "targets": targets, "cpu": cpu, "path": path })
    };
    let cases: Vec<Value> = cases.iter().map(about).collect();
    json!({ "displayTimeUnit": "ms", "traceEvents": events, "otherData": { "schema": 1, "cases": cases } })
}

/// Adds the events of one build.
fn add(id: usize, case: &TraceCase, events: &mut Vec<Value>) {
    let trace = case.trace;
    let mut meta = |name: &str, lane: usize, args: Value| {
        events.push(json!({ "ph": "M", "name": name, "pid": id, "tid": lane, "args": args }));
    };
    meta("process_name", 0, json!({ "name": case.name }));
    meta("process_sort_index", 0, json!({ "sort_index": id }));
    let lanes = lanes(trace);
    if trace.path.is_some() {
        meta("thread_name", PATH, json!({ "name": "critical path" }));
    }
    for lane in 0..lanes.iter().max().map_or(0, |most| most + 1) {
        let name = if lane == 0 { "cargo".to_owned() } else { format!("lane {lane}") };
        meta("thread_name", PATH + 1 + lane, json!({ "name": name }));
    }
    for (process, lane) in trace.processes.iter().zip(&lanes) {
        let mut args = json!({ "cpu_s": round(process.cpu_s), "peak_bytes": process.peak_bytes });
        if !process.package.is_empty() {
            args["package"] = process.package.as_str().into();
        }
        if let Some(target) = &process.target {
            args["target"] = target.as_str().into();
        }
        let at = (process.start_s, process.end_s);
        events.push(complete(id, PATH + 1 + lane, (&process.label, process.kind.word()), at, args));
    }
    for step in trace.path.iter().flat_map(|path| &path.steps) {
        let args = json!({ "package": step.package, "seconds": step.seconds });
        events.push(complete(id, PATH, (&title(step), word(step.work)), (step.from_s, step.to_s), args));
    }
    let (spans, moments) = trace.moments();
    for moment in &moments {
        let count = |kind: WorkKind| moment.spans.iter().filter(|span| spans[**span].kind == kind).count();
        let of = |kind: WorkKind| (kind.word().to_owned(), Value::from(count(kind)));
        let kinds = [WorkKind::C, WorkKind::Rust, WorkKind::Link, WorkKind::Script];
        let args: serde_json::Map<String, Value> = kinds.into_iter().map(of).collect();
        events.push(json!({ "ph": "C", "name": "working", "pid": id, "tid": 0, "ts": micros(moment.from),
            "args": args }));
    }
}

fn complete(id: usize, lane: usize, (name, cat): (&str, &str), (from, to): (f64, f64), args: Value) -> Value {
    json!({ "ph": "X", "name": name, "cat": cat, "pid": id, "tid": lane, "ts": micros(from),
        "dur": micros(to) - micros(from), "args": args })
}

/// Returns what a step of a critical path is, for people.
pub(crate) fn title(step: &PathStep) -> String {
    match step.work {
        StepWork::Cargo => "cargo".to_owned(),
        StepWork::Run => format!("build script of {}", step.package),
        StepWork::Compile if step.name.starts_with("build-script-") => {
            format!("rustc: build script of {}", step.package)
        }
        StepWork::Compile => format!("rustc: {}", step.name),
        StepWork::Wait if step.name.starts_with("build-script-") => {
            format!("waiting: build script of {}", step.package)
        }
        StepWork::Wait => format!("waiting: {}", step.name),
    }
}

fn word(work: StepWork) -> &'static str {
    match work {
        StepWork::Cargo => "Cargo",
        StepWork::Run => "scripts",
        StepWork::Compile => "Rust",
        StepWork::Wait => "waiting",
    }
}

/// Returns a lane for each process, such that the processes of a lane follow each other or lie inside of each other. A
/// process is in the lane of the one that started it, if no other child is there at that time.
fn lanes(trace: &BuildTrace) -> Vec<usize> {
    let mut order: Vec<usize> = (0..trace.processes.len()).collect();
    order.sort_by(|a, b| trace.processes[*a].start_s.total_cmp(&trace.processes[*b].start_s).then(a.cmp(b)));
    let mut lanes = vec![0; trace.processes.len()];
    // The processes that run in each lane, the innermost last.
    let mut open: Vec<Vec<usize>> = vec![Vec::new()];
    for index in order {
        let process = &trace.processes[index];
        for lane in &mut open {
            while lane.last().is_some_and(|last| trace.processes[*last].end_s <= process.start_s) {
                lane.pop();
            }
        }
        // Cargo has the first lane for itself.
        let own = process.parent.filter(|parent| {
            trace.processes[*parent].kind != WorkKind::Cargo && open[lanes[*parent]].last() == Some(parent)
        });
        let free = || open.iter().enumerate().skip(1).find(|(_, lane)| lane.is_empty()).map(|(at, _)| at);
        let lane = match (own, process.kind) {
            (Some(parent), _) => lanes[parent],
            (None, WorkKind::Cargo) if process.parent.is_none() && open[0].is_empty() => 0,
            _ => free().unwrap_or(open.len()),
        };
        if lane == open.len() {
            open.push(Vec::new());
        }
        open[lane].push(index);
        lanes[index] = lane;
    }
    lanes
}

/// Returns whole microseconds.
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

fn round(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests;
