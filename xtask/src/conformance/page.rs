//! Writes the results as a Markdown table, and the page of the documentation that contains the table.

use xtask_files::human_size;

use super::{ConformanceResult, PROGRAMS};

/// A tool of the machine on which programs were built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolVersion {
    /// The name of the tool.
    pub name: &'static str,
    /// Its version; none if it is not on the machine.
    pub version: Option<String>,
}

impl ToolVersion {
    /// Returns the entry of the list of tools on a page.
    pub(super) fn line(&self) -> String {
        format!("- {}: {}\n", self.name, self.version.as_deref().unwrap_or("not on the machine"))
    }
}

const HEAD: &str = "| program | mode | target | C toolchain | result | C | program | started by | build | date |\n\
                    |---|---|---|---|---|--:|--:|---|--:|---|\n";

/// Returns the results as a table in Markdown, one row for each program, mode and target. `date` is the day,
/// as `2026-01-31`.
pub fn table(results: &[ConformanceResult], date: &str) -> String {
    results.iter().fold(HEAD.to_owned(), |text, result| text + &row(result, date))
}

fn row(result: &ConformanceResult, date: &str) -> String {
    let right = if result.right { "" } else { "**wrong**: " };
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "–".to_owned(), human_size);
    let named = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "–".to_owned());
    format!(
        "| {} | {} | {} | {} | {right}{} | {} | {} | {} | {:.0} s | {date} |\n",
        result.program,
        result.mode,
        result.target,
        named(result.toolchain.clone()),
        result.outcome.lines().next().unwrap_or_default().replace('|', "\\|"),
        size(result.c_bytes),
        size(result.bytes),
        started(result),
        result.seconds
    )
}

fn started(result: &ConformanceResult) -> String {
    match (result.started_by.as_slice(), result.bytes) {
        ([], None) => "–".to_owned(),
        ([], Some(_)) => "not run".to_owned(),
        (runners, _) => runners.join(", "),
    }
}

/// Returns the page with these results. `earlier` is the previous page. Its rows for programs, modes and targets
/// that were not built now are kept.
pub fn conformance_page(
    results: &[ConformanceResult],
    tools: &[ToolVersion],
    date: &str,
    earlier: &str,
) -> String {
    let mut text = "# Conformance

*Which programs that other people published does `cargo xtask` build, and what are the results?*

`cargo xtask conformance --page FILE` writes this page. It builds each program from its crate, with the Cargo.lock that its
author published, in modes whose C is known. A row is right where all of this holds:

- The program is built, passes the gate and starts: for another architecture under QEMU, for Windows in wine, for WASI in
  Node.js.
- Its image on `scratch` is packed and starts (Linux).
- A mode with C: the bill of materials names the packages that bring C.
- A mode without C: the linked program is proven to contain none.
- A mode that only claims to contain no C: the run refuses it and names the package.
- A program that cannot be built for a system: the run says why.

`started by` is `not run` where nothing on the machine starts programs of the system. `C` is the size of the objects of C in the
program, without the C library. `build` is the time of the Cargo call, which builds both targets of Linux, on a machine with
other work: it compares nothing.

"
    .to_owned();
    text += "## Results\n\n";
    text += HEAD;
    for program in PROGRAMS {
        let name = format!("{} {}", program.name, program.version);
        for mode in program.modes {
            for target in mode.groups().into_iter().flat_map(|(targets, _)| targets) {
                let is_now =
                    |r: &&ConformanceResult| r.program == name && r.mode == mode.name && r.target == target;
                let begin = format!("| {name} | {} | {target} |", mode.name);
                let kept =
                    || earlier.lines().find(|line| line.starts_with(&begin)).map(|line| format!("{line}\n"));
                let now = results.iter().find(is_now).map(|result| row(result, date));
                text += &now.or_else(kept).unwrap_or_default();
            }
        }
    }
    text += "\n## Programs\n\n";
    text.extend(
        PROGRAMS.iter().map(|program| format!("- {} {}: {}.\n", program.name, program.version, program.why)),
    );
    text += &format!("\n## Tools\n\nOf the machine of the last run, on {date}:\n\n");
    text.extend(tools.iter().map(ToolVersion::line));
    text
}
