//! The critical path: the chain of units for which the build waited, from its end back to its start.
//!
//! The last unit of the build could not start before its last dependency was ready, and this one not before its own, and
//! so on. So the path is read from Cargo's graph and the measured times, and every second of the build belongs to one step
//! of it. A shorter step on the path makes the build shorter, until another chain is longer. Work beside the path delays
//! the build only if the path waits for a free core.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::kind::{KindSeconds, WorkKind};
use crate::spans::WorkSpan;
use crate::unit::TraceUnit;

/// The measured times of a unit, in seconds after the start of the build.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct UnitTimes {
    pub(crate) start: f64,
    pub(crate) end: f64,
    /// When the interface of its crate was written, if it is a library.
    pub(crate) interface: Option<f64>,
}

/// The critical path of a build.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CriticalPath {
    /// The steps, in the order in which they happened.
    pub steps: Vec<PathStep>,
    /// The seconds on the path for each kind of work. Cargo's are those before the first unit and after the last one.
    pub on_path: KindSeconds,
    /// The seconds in which a unit of the path could have started and did not: for want of a free core, or because Cargo
    /// was busy.
    pub waiting_s: f64,
    /// The duration of the longest chain of units, in seconds. With any number of cores, the build takes at least this
    /// long, if each unit takes as long as it did here.
    pub chain_s: f64,
    /// The same if C took no time.
    pub chain_without_c_s: f64,
}

/// One step of a critical path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathStep {
    /// The package of the unit; empty for Cargo itself.
    pub package: String,
    /// The crate or the build script.
    pub name: String,
    /// What happens in this step.
    pub work: StepWork,
    /// The start of the step, in seconds after that of the build.
    pub from_s: f64,
    /// Its end, where the next step could begin.
    pub to_s: f64,
    /// The seconds of each kind of work in this step.
    pub seconds: KindSeconds,
}

/// What happens in a step of a critical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepWork {
    /// A crate is compiled.
    Compile,
    /// A build script runs.
    Run,
    /// The unit could start, and waits.
    Wait,
    /// Cargo works before the first unit or after the last one.
    Cargo,
}

/// The units of a build with their times. A unit without times had nothing to do, or was too short to be seen.
pub(crate) struct TimedUnits<'a> {
    pub(crate) units: &'a [TraceUnit],
    pub(crate) times: &'a [Option<UnitTimes>],
    /// The work of each unit's processes.
    pub(crate) spans: &'a [Vec<WorkSpan>],
}

impl TimedUnits<'_> {
    /// Returns the path of a build that took this many seconds; none if no unit has times.
    pub(crate) fn path(&self, seconds: f64) -> Option<CriticalPath> {
        let timed = |index: usize| self.times[index].map(|times| (index, times));
        let last = (0..self.units.len()).filter_map(timed).max_by(|a, b| a.1.end.total_cmp(&b.1.end));
        let (mut unit, times) = last?;
        let mut until = times.end.min(seconds);
        let mut steps = vec![cargo(until, seconds)];
        let mut visited = BTreeSet::new();
        while let Some(times) = self.times[unit].filter(|_| visited.insert(unit)) {
            let start = times.start.min(until);
            steps.push(self.work(unit, start, until));
            let Some((before, ready)) = self.last_need(unit) else {
                until = start;
                break;
            };
            until = ready.min(start);
            steps.push(self.wait(unit, until, start));
            unit = before;
        }
        steps.push(cargo(0.0, until));
        steps.retain(|step| step.to_s > step.from_s);
        steps.reverse();
        let mut path = CriticalPath { steps, ..CriticalPath::default() };
        for step in &path.steps {
            WorkKind::ALL.iter().for_each(|kind| path.on_path.add(*kind, step.seconds.of(*kind)));
            if step.work == StepWork::Wait {
                path.waiting_s += step.to_s - step.from_s;
            }
        }
        (path.chain_s, path.chain_without_c_s) = (self.chain(false), self.chain(true));
        Some(path)
    }

    /// Returns the need of a unit that was ready last, with that time.
    fn last_need(&self, unit: usize) -> Option<(usize, f64)> {
        let ready = |(need, whole): (usize, bool)| {
            let times = self.times[need]?;
            Some((need, if whole { times.end } else { times.interface.unwrap_or(times.end) }))
        };
        self.needs(unit).into_iter().filter_map(ready).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Returns the units that a unit waits for, each with whether it waits for its end. A library waits only for the
    /// interfaces of libraries; a program needs the code of all libraries below it, as Cargo schedules them. Needs without
    /// times are replaced by their own needs.
    fn needs(&self, unit: usize) -> Vec<(usize, bool)> {
        let compiles = |unit: &TraceUnit| unit.library && !unit.runs;
        let own = &self.units[unit];
        let whole = |need: &TraceUnit| !(compiles(own) && compiles(need));
        let mut todo: Vec<(usize, bool)> = own.needs.iter().map(|n| (*n, whole(&self.units[*n]))).collect();
        let mut seen: BTreeSet<(usize, bool)> = BTreeSet::new();
        let mut found = Vec::new();
        while let Some((need, is_whole)) = todo.pop() {
            if !seen.insert((need, is_whole)) {
                continue;
            }
            let needed = &self.units[need];
            match self.times[need] {
                Some(_) => found.push((need, is_whole)),
                None => todo.extend(needed.needs.iter().map(|next| (*next, is_whole))),
            }
            // The code of the libraries below, which the linker gets.
            if !own.runs && !own.library && compiles(needed) {
                let below = needed.needs.iter().filter(|next| compiles(&self.units[**next]));
                todo.extend(below.map(|next| (*next, true)));
            }
        }
        found
    }

    fn step(&self, unit: usize, work: StepWork, from_s: f64, to_s: f64) -> PathStep {
        let TraceUnit { package, name, .. } = &self.units[unit];
        let (package, name) = (package.clone(), name.clone());
        PathStep { package, name, work, from_s, to_s, seconds: KindSeconds::default() }
    }

    fn wait(&self, unit: usize, from: f64, to: f64) -> PathStep {
        self.step(unit, StepWork::Wait, from, to)
    }

    fn work(&self, unit: usize, from: f64, to: f64) -> PathStep {
        let (work, kind) = match self.units[unit].runs {
            true => (StepWork::Run, WorkKind::Script),
            false => (StepWork::Compile, WorkKind::Rust),
        };
        let seconds = divide(&self.spans[unit], kind, from, to);
        PathStep { seconds, ..self.step(unit, work, from, to) }
    }

    /// Returns the duration of the longest chain if every unit starts as soon as its needs are ready. With `no_c`, the
    /// time of C in each unit is left out.
    fn chain(&self, no_c: bool) -> f64 {
        let mut starts: Vec<Option<f64>> = vec![None; self.units.len()];
        let length = |unit: usize, whole: bool| {
            let Some(times) = self.times[unit] else { return 0.0 };
            let end = if whole { times.end } else { times.interface.unwrap_or(times.end) };
            let c = || divide(&self.spans[unit], WorkKind::Rust, times.start, end).c_s;
            (end - times.start - if no_c { c() } else { 0.0 }).max(0.0)
        };
        let mut longest: f64 = 0.0;
        for root in 0..self.units.len() {
            // A unit is finished after its needs: depth first, without recursion.
            let mut stack = vec![root];
            let mut open = BTreeSet::new();
            while let Some(unit) = stack.last().copied() {
                let missing = self.needs(unit).into_iter().map(|(need, _)| need);
                let missing: Vec<usize> =
                    missing.filter(|need| starts[*need].is_none() && !open.contains(need)).collect();
                if starts[unit].is_none() && !missing.is_empty() && open.insert(unit) {
                    stack.extend(missing);
                    continue;
                }
                stack.pop();
                if starts[unit].is_none() {
                    let ready = self
                        .needs(unit)
                        .into_iter()
                        .map(|(need, whole)| starts[need].unwrap_or(0.0) + length(need, whole));
                    let start = ready.fold(0.0, f64::max);
                    starts[unit] = Some(start);
                    longest = longest.max(start + length(unit, true));
                }
            }
        }
        longest
    }
}

fn cargo(from_s: f64, to_s: f64) -> PathStep {
    let mut seconds = KindSeconds::default();
    seconds.add(WorkKind::Cargo, to_s - from_s);
    PathStep { package: String::new(), name: "cargo".into(), work: StepWork::Cargo, from_s, to_s, seconds }
}

/// Divides a time between the kinds of work that the processes of a unit do in it. Where C is compiled, it is C, whatever
/// else works; where a linker runs, it is linking; the rest is `kind`.
fn divide(spans: &[WorkSpan], kind: WorkKind, from: f64, to: f64) -> KindSeconds {
    let covered = |kinds: &[WorkKind]| {
        let inside = spans.iter().filter(|span| kinds.contains(&span.kind));
        let mut parts: Vec<(f64, f64)> = inside.map(|s| (s.from.max(from), s.to.min(to))).collect();
        parts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut sum, mut at) = (0.0, from);
        for (begin, end) in parts {
            sum += (end - begin.max(at)).max(0.0);
            at = at.max(end);
        }
        sum
    };
    let c = covered(&[WorkKind::C]);
    let both = covered(&[WorkKind::C, WorkKind::Link]);
    let mut seconds = KindSeconds { c_s: c, link_s: both - c, ..KindSeconds::default() };
    seconds.add(kind, (to - from - both).max(0.0));
    seconds
}

#[cfg(test)]
mod tests;
