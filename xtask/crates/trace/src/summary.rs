//! The summary of a trace for a terminal and for Markdown: kinds of work on and off the critical path, the longest
//! processes, and the steps of the path.

use crate::advice::advice;
use crate::build_trace::BuildTrace;
use crate::chart::{TraceCase, title};
use crate::critical::PathStep;
use crate::kind::WorkKind;
use crate::process::TracedProcess;
use xtask_files::{human_seconds, human_size};
use xtask_process::table::{Align, Cell, Table};

/// A process with those of the same kind that it started: a driver with its compiler and assembler.
#[derive(Debug, Clone, Copy)]
struct WholeTask<'a> {
    first: &'a TracedProcess,
    cpu_s: f64,
    peak_bytes: u64,
}

impl WholeTask<'_> {
    fn took(&self) -> f64 {
        self.first.end_s - self.first.start_s
    }
}

/// Returns the compilers and linkers of a build, the longest first.
fn tasks(trace: &BuildTrace) -> Vec<WholeTask<'_>> {
    let mut tasks: Vec<WholeTask> = Vec::new();
    let mut task_of: Vec<usize> = Vec::new();
    for process in &trace.processes {
        let same = |parent: &usize| trace.processes[*parent].kind == process.kind;
        let task = process.parent.filter(same).map_or(tasks.len(), |parent| task_of[parent]);
        task_of.push(task);
        if task == tasks.len() {
            tasks.push(WholeTask { first: process, cpu_s: 0.0, peak_bytes: 0 });
        }
        tasks[task].cpu_s += process.cpu_s;
        tasks[task].peak_bytes = tasks[task].peak_bytes.max(process.peak_bytes);
    }
    tasks.retain(|task| !matches!(task.first.kind, WorkKind::Cargo | WorkKind::Script));
    tasks.sort_by(|a, b| b.took().total_cmp(&a.took()));
    tasks
}

/// Returns the table of the compilers and linkers that took longest.
pub fn longest_table(trace: &BuildTrace, most: usize) -> Table {
    use Align::{Left, Right};
    let columns = [("process", Left), ("package", Left), ("took", Right), ("CPU", Right), ("memory", Right)];
    let mut table = Table::new(&columns);
    for task in tasks(trace).into_iter().take(most) {
        let TracedProcess { label, package, kind, .. } = task.first;
        let label = if *kind == WorkKind::Link { format!("link: {label}") } else { label.clone() };
        table.row([
            Cell::from(label),
            package.as_str().into(),
            human_seconds(task.took()).into(),
            human_seconds(task.cpu_s).into(),
            human_size(task.peak_bytes).into(),
        ]);
    }
    table
}

/// Returns the table of the longest steps of the critical path, in the order in which they happened.
pub fn path_table(trace: &BuildTrace, most: usize) -> Table {
    use Align::{Left, Right};
    let mut table =
        Table::new(&[("critical path", Left), ("from", Right), ("took", Right), ("C in it", Right)]);
    let steps: &[PathStep] = trace.path.as_ref().map_or(&[], |path| &path.steps);
    let took = |step: &PathStep| step.to_s - step.from_s;
    let mut lengths: Vec<f64> = steps.iter().map(took).collect();
    lengths.sort_by(|a, b| b.total_cmp(a));
    let least = lengths.get(most.saturating_sub(1)).copied().unwrap_or(0.0);
    for step in steps.iter().filter(|step| took(step) >= least).take(most) {
        let c = step.seconds.c_s;
        table.row([
            Cell::from(title(step)),
            human_seconds(step.from_s).into(),
            human_seconds(took(step)).into(),
            if c > 0.0 { human_seconds(c) } else { String::new() }.into(),
        ]);
    }
    table
}

/// Returns the table of several builds: for each kind of work, the seconds on the critical path, and after a plus sign those
/// beside it.
pub fn builds_table(cases: &[TraceCase]) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("critical path + beside it", Left),
        ("C", Right),
        ("Rust", Right),
        ("link", Right),
        ("scripts", Right),
        ("waiting", Right),
        ("Cargo", Right),
        ("total", Right),
    ];
    let mut table = Table::new(&columns);
    for TraceCase { name, trace } in cases {
        let path = trace.path.clone().unwrap_or_default();
        let both = |kind: WorkKind| {
            let on = path.on_path.of(kind);
            let beside = (trace.work.of(kind) - on).max(0.0);
            let beside = if beside < 0.05 { String::new() } else { format!(" + {}", human_seconds(beside)) };
            Cell::from(format!("{}{beside}", human_seconds(on)))
        };
        let kinds = [WorkKind::C, WorkKind::Rust, WorkKind::Link, WorkKind::Script].map(both);
        let rest = [path.waiting_s, path.on_path.cargo_s, trace.seconds].map(human_seconds).map(Cell::from);
        table.row(std::iter::once(Cell::from(*name)).chain(kinds).chain(rest));
    }
    table
}

/// Returns the summary of several builds for a terminal, with the details of the one with the most C on its critical path.
pub fn summary(cases: &[TraceCase], color: bool) -> String {
    let mut text = builds_table(cases).terminal(color);
    let c = |case: &&TraceCase| case.trace.path.as_ref().map_or(0.0, |path| path.on_path.c_s);
    let Some(TraceCase { name, trace }) = cases.iter().max_by(|a, b| c(a).total_cmp(&c(b))) else {
        return text;
    };
    text += &format!("\n{name}\n");
    for table in [longest_table(trace, 5), path_table(trace, 6)].iter().filter(|table| !table.is_empty()) {
        text += &format!("{}\n", table.terminal(color));
    }
    text += &format!(
        "{:.1} processes work at the same time, {} CPU\n",
        trace.parallelism(),
        human_seconds(trace.cpu_s)
    );
    advice(trace).iter().for_each(|sentence| text += &format!("note: {sentence}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_and_its_compiler_are_one_task() {
        let process = |kind, parent, label: &str, end_s, cpu_s, peak_bytes| TracedProcess {
            kind,
            parent,
            label: label.into(),
            end_s,
            cpu_s,
            peak_bytes,
            ..TracedProcess::default()
        };
        let processes = vec![
            process(WorkKind::Cargo, None, "cargo", 9.0, 0.1, 1),
            process(WorkKind::Script, Some(0), "build script of x", 8.0, 0.1, 2),
            process(WorkKind::C, Some(1), "C: x.c", 4.0, 0.5, 5_000_000),
            process(WorkKind::C, Some(2), "cc1", 4.0, 3.0, 70_000_000),
            process(WorkKind::Rust, Some(0), "rustc: x", 6.0, 5.0, 80_000_000),
            process(WorkKind::Link, Some(4), "cc", 2.0, 0.2, 3_000_000),
        ];
        let trace = BuildTrace { seconds: 9.0, processes, ..BuildTrace::default() };
        let table = longest_table(&trace, 9).terminal(false);
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(
            rows[1..],
            [
                vec!["rustc: x", "6.00 s", "5.00 s", "80.0 MB"],
                vec!["C: x.c", "4.00 s", "3.50 s", "70.0 MB"],
                vec!["link: cc", "2.00 s", "200 ms", "3.0 MB"],
            ]
        );
    }
}
