//! `app bench`: what it costs to cross from Rust into C, by each way that was compiled in.
//!
//! A *sample* is the time of many calls in a row, without what reading the clock costs, divided by their number. The
//! subjects of a case take turns, sample by sample, so that what the machine does besides hits all of them alike. Shown are
//! the median of the samples and the median of their distances from it (MAD), which a few slow samples do not move.

mod chart;
mod measure;
mod statistics;
mod subjects;
mod table;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use crate::failure::CommandFailure;
use crate::json;
use crate::options::Options;
use measure::MeasurePlan;
use statistics::Summary;

/// The usage of the command.
pub(crate) const USAGE: &str = "\
Usage: app bench [OPTIONS]

Measures calls of Rust that are not inlined, of linked C, and of the other compiled backends: nanoseconds per call or item.
Figures of a build without optimisation say nothing; `cargo build --release` makes one with it.

Options:
  --json      Print one JSON object
  --svg FILE  Write a chart, too
  --quick     A few short samples: to see that it works
";

/// One case with one subject.
#[derive(Debug, Clone, PartialEq)]
struct Figure {
    /// The name of the case, which says what is called.
    case: &'static str,
    /// By which way: `rust`, `c`, …
    subject: &'static str,
    /// Nanoseconds per call, or per item where a call has many.
    nanoseconds: Summary,
}

/// The report of a whole run.
#[derive(Debug, Clone, PartialEq)]
struct BenchReport {
    /// Whether the program was built with optimisation.
    optimised: bool,
    /// Nanoseconds for reading the clock twice, which were subtracted from each sample.
    clock: Summary,
    /// In the order in which they were measured: subjects within cases.
    figures: Vec<Figure>,
}

/// Runs `app bench` with these arguments and prints the report to `out`.
pub(crate) fn run(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), CommandFailure> {
    let usage = |message: String| CommandFailure::usage(message, USAGE);
    let options =
        Options::read(args, &[("--json", false), ("--svg", true), ("--quick", false)]).map_err(usage)?;
    if let Some(operand) = options.operands.first() {
        return Err(usage(format!("`bench` does not take the argument {operand:?}")));
    }
    let plan = if options.flag("--quick") { MeasurePlan::QUICK } else { MeasurePlan::FULL };
    let report = measure::all(subjects::all()?, plan);
    if let Some(path) = options.value("--svg").map(PathBuf::from) {
        std::fs::write(&path, chart::svg(&report))
            .map_err(|error| CommandFailure::failed(format!("cannot write {}: {error}", path.display())))?;
    }
    let text = if options.flag("--json") { report.json() } else { table::text(&report) };
    Ok(out.write_all(text.as_bytes())?)
}

impl BenchReport {
    /// The cases in order, each with its figures.
    fn cases(&self) -> impl Iterator<Item = &[Figure]> {
        self.figures.chunk_by(|a, b| a.case == b.case)
    }

    /// One JSON object on one line. Keys may be added, not renamed.
    fn json(&self) -> String {
        let summary = |object: &mut json::JsonObject, summary: &Summary| {
            object.decimal("median_ns", summary.median);
            object.decimal("mad_ns", summary.mad);
            object.decimal("min_ns", summary.min);
            object.decimal("max_ns", summary.max);
            object.number("samples", i64::try_from(summary.samples).unwrap_or(i64::MAX));
        };
        let mut clock = json::JsonObject::new();
        summary(&mut clock, &self.clock);
        let figures = self.figures.iter().map(|figure| {
            let mut object = json::JsonObject::new();
            object.string("case", figure.case);
            object.string("subject", figure.subject);
            summary(&mut object, &figure.nanoseconds);
            object.end()
        });
        let mut object = json::JsonObject::new();
        object.number("schema", 1);
        object.raw("optimised", if self.optimised { "true" } else { "false" });
        object.raw("clock", &clock.end());
        object.raw("figures", &format!("[{}]", figures.collect::<Vec<_>>().join(",")));
        object.end() + "\n"
    }
}
