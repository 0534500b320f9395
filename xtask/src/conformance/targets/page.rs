//! Writes the results for targets as a Markdown table, and the page of the documentation that contains it.

use super::{ModeResult, TargetResult};
use crate::conformance::ToolVersion;
use xtask_report::report::CheckVerdict;
use xtask_triple::Triple;

/// The header of the table.
pub(super) const HEAD: &str = "| target | provider | C | C++ | without C | gate | run | notes | date |\n\
                               |---|---|---|---|---|---|---|---|---|\n";

/// The longest note in characters.
const NOTE_MOST: usize = 240;

/// Returns the results as a table in Markdown. `date` is the day, as `2026-01-31`.
pub fn targets_table(results: &[TargetResult], date: &str) -> String {
    results.iter().fold(HEAD.to_owned(), |text, result| text + &row(result, date))
}

fn row(result: &TargetResult, date: &str) -> String {
    let built = |mode: &str| match result.modes.iter().find(|result| result.mode == mode) {
        Some(ModeResult { built: Some(true), .. }) => "yes",
        Some(ModeResult { built: Some(false), .. }) => "**no**",
        Some(ModeResult { built: None, .. }) | None => "–",
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {date} |\n",
        result.target,
        result.provider.as_deref().unwrap_or("–"),
        built("c"),
        built("cxx"),
        built("pure"),
        gate(&result.modes),
        run(&result.modes),
        notes(result)
    )
}

/// Returns the row of a target that no run has tried so far.
fn untried_row(target: &str, date: &str) -> String {
    row(&TargetResult::untried(&Triple::parse(target), None, "not tried yet"), date)
}

fn gate(modes: &[ModeResult]) -> &'static str {
    let verdicts: Vec<CheckVerdict> = modes.iter().filter_map(|mode| mode.gate).collect();
    match verdicts.as_slice() {
        [] => "–",
        all if all.contains(&CheckVerdict::Fail) => "**fail**",
        _ => "pass",
    }
}

fn run(modes: &[ModeResult]) -> String {
    let passed: Vec<&ModeResult> =
        modes.iter().filter(|mode| mode.gate == Some(CheckVerdict::Pass)).collect();
    if modes.iter().any(|mode| mode.failed_run) {
        return "**failed**".to_owned();
    }
    if passed.is_empty() {
        return "–".to_owned();
    }
    let mut runners: Vec<&str> =
        passed.iter().map(|mode| mode.runner.as_deref().unwrap_or("not run")).collect();
    runners.dedup();
    runners.join(", ")
}

/// Returns the toolchain and the notes of the modes, each once, with the modes that it belongs to.
fn notes(result: &TargetResult) -> String {
    let mut notes: Vec<(Vec<&str>, String)> = Vec::new();
    for mode in &result.modes {
        let Some(note) = mode.note.as_deref().map(one_line) else { continue };
        match notes.iter_mut().find(|(_, known)| *known == note) {
            Some((modes, _)) => modes.push(mode.mode),
            None => notes.push((vec![mode.mode], note)),
        }
    }
    let all = result.modes.len();
    let notes = notes.into_iter().map(|(modes, note)| match modes.len() == all {
        true => note,
        false => format!("{}: {note}", modes.join(", ")),
    });
    let untried = result.untried.as_deref().map(one_line);
    let notes: Vec<String> = result.toolchain.clone().into_iter().chain(untried).chain(notes).collect();
    if notes.is_empty() { "–".to_owned() } else { notes.join("; ") }
}

fn one_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut short: String = line.trim().chars().take(NOTE_MOST).collect();
    if short.len() < line.trim().len() {
        short.push('…');
    }
    short.replace('|', "\\|")
}

/// Returns the page with these results. `earlier` is the previous page. Its rows for targets that were not tried
/// now are kept. `listed` are all targets, in the order of the page.
pub fn targets_page(
    results: &[TargetResult],
    listed: &[&str],
    tools: &[ToolVersion],
    date: &str,
    earlier: &str,
) -> String {
    let mut text = "# Targets

*For which targets does `cargo xtask` build programs, with which C toolchains, and which of them were started?*

`cargo xtask conformance --targets --page FILE` writes this page. It builds a small program for each target with each provider of a
C toolchain: with C, with C++ (exceptions, streams and containers of its library), and without C. Nothing in the table is assumed:

- **C**, **C++**: `yes` if the program was built by the provider's compilers.
- **without C**: `yes` if the program was built behind traps and is proven to contain no C. The provider links it only where
  `rust-lld` or the host's compiler does not.
- **gate**: the verdict on all programs of the row.
- **run**: what started them and saw the right result, or `not run`.
- `–`: not tried; the notes say why. A provider that found no compiler has a row with the names that it looked for.

The date is the day on which a row was tried.

"
    .to_owned();
    text += "## Results\n\n";
    text += HEAD;
    for target in listed {
        let now: String = results.iter().filter(|r| r.target == *target).map(|r| row(r, date)).collect();
        let begin = format!("| {target} |");
        let kept = || earlier.lines().filter(|line| line.starts_with(&begin)).map(|line| format!("{line}\n"));
        let rows = if now.is_empty() { kept().collect() } else { now };
        text += &if rows.is_empty() { untried_row(target, date) } else { rows };
    }
    text += &format!("\n## Tools\n\nOf the machine of the last run, on {date}:\n\n");
    text.extend(tools.iter().map(ToolVersion::line));
    text
}
