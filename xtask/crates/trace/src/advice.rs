//! Sentences about a build, each from figures of its trace.

use crate::build_trace::BuildTrace;
use crate::critical::StepWork;
use crate::kind::WorkKind;
use crate::process::TracedProcess;
use xtask_files::human_seconds;

/// A cost of less than this part of the wall time is not worth a sentence.
const LEAST: f64 = 0.03;

/// Returns what a trace says about the cost of C and about what the build waits for, one sentence each.
pub fn advice(trace: &BuildTrace) -> Vec<String> {
    let Some(path) = &trace.path else { return Vec::new() };
    let matters = |seconds: f64| seconds > trace.seconds * LEAST;
    let mut said = Vec::new();
    let c = trace.work.c_s;
    if matters(c) {
        let on = path.on_path.c_s;
        let mut text =
            format!("C takes {}, {} of it on the critical path", human_seconds(c), human_seconds(on));
        if let Some((task, seconds)) = longest_c(trace).filter(|(_, seconds)| seconds * 2.0 > c) {
            text += &format!("; {} of {} alone takes {}", task.label, task.package, human_seconds(seconds));
        }
        said.push(text);
        let gained = path.chain_s - path.chain_without_c_s;
        let (with, without) = (human_seconds(path.chain_s), human_seconds(path.chain_without_c_s));
        said.push(match matters(gained) {
            true => format!("with any number of cores the build takes at least {with}, and without its C {without}"),
            false => format!("more cores hide the C: with any number of them the build takes at least {with}, and {without} without C"),
        });
    }
    if matters(path.waiting_s) {
        let longest = path.steps.iter().filter(|step| step.work == StepWork::Wait);
        let longest = longest.max_by(|a, b| (a.to_s - a.from_s).total_cmp(&(b.to_s - b.from_s)));
        let longest = longest.map(|step| {
            format!(
                "; longest before {} of {}",
                if step.name.starts_with("build-script") { "the build script" } else { &step.name },
                step.package
            )
        });
        said.push(format!(
            "units of the critical path wait {} for a free core{}",
            human_seconds(path.waiting_s),
            longest.unwrap_or_default()
        ));
    }
    let idle = trace.seconds - trace.parallel_s.get(1).copied().unwrap_or(0.0);
    if idle > trace.seconds / 2.0 {
        said.push(format!(
            "for {} of {} at most one process works: more cores would not help there",
            human_seconds(idle),
            human_seconds(trace.seconds)
        ));
    }
    said
}

/// Returns the C compiler that took longest, with its seconds.
fn longest_c(trace: &BuildTrace) -> Option<(&TracedProcess, f64)> {
    let c = trace.processes.iter().filter(|process| process.kind == WorkKind::C);
    let took = c.map(|process| (process, process.end_s - process.start_s));
    // The driver comes before the compiler that it starts.
    took.fold(None, |longest, next| match longest {
        Some((_, seconds)) if seconds >= next.1 => longest,
        _ => Some(next),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::critical::{CriticalPath, PathStep};
    use crate::kind::KindSeconds;

    fn trace(c: f64, on_path: f64, waiting_s: f64, without: f64) -> BuildTrace {
        let process = TracedProcess {
            kind: WorkKind::C,
            label: "C: sqlite3.c".into(),
            package: "libsqlite3-sys".into(),
            end_s: c * 0.9,
            ..TracedProcess::default()
        };
        let wait = PathStep {
            package: "ring".into(),
            name: "build-script-build".into(),
            work: StepWork::Wait,
            from_s: 1.0,
            to_s: 1.0 + waiting_s,
            seconds: KindSeconds::default(),
        };
        BuildTrace {
            seconds: 100.0,
            processes: vec![process],
            work: KindSeconds { c_s: c, ..KindSeconds::default() },
            parallel_s: vec![99.0, 80.0],
            path: Some(CriticalPath {
                steps: vec![wait],
                on_path: KindSeconds { c_s: on_path, ..KindSeconds::default() },
                waiting_s,
                chain_s: 90.0,
                chain_without_c_s: without,
            }),
            ..BuildTrace::default()
        }
    }

    #[test]
    fn every_sentence_has_its_figures() {
        assert_eq!(
            advice(&trace(60.0, 52.0, 10.0, 40.0)),
            [
                "C takes 1 min 00 s, 52.0 s of it on the critical path; C: sqlite3.c of libsqlite3-sys alone takes 54.0 s",
                "with any number of cores the build takes at least 1 min 30 s, and without its C 40.0 s",
                "units of the critical path wait 10.0 s for a free core; longest before the build script of ring",
            ]
        );
        let hidden = advice(&trace(60.0, 0.0, 0.0, 89.0));
        assert!(hidden[1].starts_with("more cores hide the C"), "{hidden:?}");
    }

    #[test]
    fn what_costs_next_to_nothing_is_not_said() {
        assert_eq!(advice(&trace(1.0, 1.0, 1.0, 90.0)), [""; 0]);
        assert_eq!(advice(&BuildTrace::default()), [""; 0]);
        let serial = BuildTrace { parallel_s: vec![99.0, 10.0], ..trace(0.0, 0.0, 0.0, 90.0) };
        assert_eq!(
            advice(&serial),
            ["for 1 min 30 s of 1 min 40 s at most one process works: more cores would not help there"]
        );
    }
}
