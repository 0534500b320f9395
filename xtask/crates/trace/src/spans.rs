//! When which kind of work is done. A process works while none of its children runs: then it waits for them.

use crate::kind::{KindSeconds, WorkKind};
use crate::process::TracedProcess;

/// A time in which a process works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WorkSpan {
    /// The index of the process.
    pub(crate) process: usize,
    pub(crate) kind: WorkKind,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// Returns the times in which processes work, in the order of the processes.
pub(crate) fn work_spans(processes: &[TracedProcess]) -> Vec<WorkSpan> {
    let mut children: Vec<Vec<(f64, f64)>> = vec![Vec::new(); processes.len()];
    for process in processes {
        if let Some(parent) = process.parent {
            children[parent].push((process.start_s, process.end_s));
        }
    }
    let mut spans = Vec::new();
    for (index, process) in processes.iter().enumerate() {
        let mut busy = std::mem::take(&mut children[index]);
        busy.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut at = process.start_s;
        for (from, to) in busy.into_iter().chain([(process.end_s, process.end_s)]) {
            let from = from.min(process.end_s);
            if from > at {
                spans.push(WorkSpan { process: index, kind: process.kind, from: at, to: from });
            }
            at = at.max(to);
        }
    }
    spans
}

/// A part of the build in which the same processes work.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WorkMoment {
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// The indexes of the spans. Cargo is left out: it waits, or it works beside the others.
    pub(crate) spans: Vec<usize>,
}

/// Divides `seconds` into parts in which the same processes work.
pub(crate) fn moments(spans: &[WorkSpan], seconds: f64) -> Vec<WorkMoment> {
    let working = |(_, span): &(usize, &WorkSpan)| span.kind != WorkKind::Cargo;
    let mut events: Vec<(f64, bool, usize)> = Vec::new();
    for (index, span) in spans.iter().enumerate().filter(working) {
        events.push((span.from.min(seconds), true, index));
        events.push((span.to.min(seconds), false, index));
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut active: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    let mut at = 0.0;
    for (time, starts, index) in events.into_iter().chain([(seconds, false, usize::MAX)]) {
        if time > at {
            found.push(WorkMoment { from: at, to: time, spans: active.clone() });
            at = time;
        }
        match starts {
            true => active.push(index),
            false => active.retain(|other| *other != index),
        }
    }
    found
}

/// Divides the time of each moment evenly between the processes that work in it. The parts add up to the duration of the
/// build. Where nothing works, the time is Cargo's.
pub(crate) fn shares(moments: &[WorkMoment], spans: &[WorkSpan]) -> KindSeconds {
    let mut shares = KindSeconds::default();
    for moment in moments {
        let length = moment.to - moment.from;
        if moment.spans.is_empty() {
            shares.add(WorkKind::Cargo, length);
        }
        for span in &moment.spans {
            shares.add(spans[*span].kind, length / moment.spans.len() as f64);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(kind: WorkKind, parent: Option<usize>, start_s: f64, end_s: f64) -> TracedProcess {
        TracedProcess { kind, parent, start_s, end_s, ..TracedProcess::default() }
    }

    /// Cargo, a build script that waits for two compilers at once, and a rustc beside it.
    fn build() -> Vec<TracedProcess> {
        vec![
            process(WorkKind::Cargo, None, 0.0, 10.0),
            process(WorkKind::Script, Some(0), 1.0, 7.0),
            process(WorkKind::C, Some(1), 2.0, 5.0),
            process(WorkKind::C, Some(1), 3.0, 6.0),
            process(WorkKind::Rust, Some(0), 2.0, 8.0),
        ]
    }

    #[test]
    fn a_process_works_while_no_child_runs() {
        let spans = work_spans(&build());
        let of = |index: usize| -> Vec<(f64, f64)> {
            spans.iter().filter(|s| s.process == index).map(|s| (s.from, s.to)).collect()
        };
        assert_eq!(of(1), [(1.0, 2.0), (6.0, 7.0)]);
        assert_eq!(of(2), [(2.0, 5.0)]);
        assert_eq!(of(0), [(0.0, 1.0), (8.0, 10.0)]);
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        let spans = work_spans(&build());
        let moments = moments(&spans, 10.0);
        let shares = shares(&moments, &spans);
        assert!((shares.sum() - 10.0).abs() < 1e-9, "{shares:?}");
        // From 3 to 5, two compilers and one rustc work.
        assert!((shares.c_s - (0.5 + 4.0 / 3.0 + 0.5)).abs() < 1e-9, "{shares:?}");
        assert!((shares.cargo_s - 3.0).abs() < 1e-9, "{shares:?}");
        assert_eq!(moments.iter().map(|m| m.spans.len()).max(), Some(3));
    }
}
