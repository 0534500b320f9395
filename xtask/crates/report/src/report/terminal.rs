//! Writes a report for a terminal.

use super::tables::{images_table, jobs_table, notes};
use super::types::Report;
use crate::timing::{self, Timings};
use xtask_files::escape::plain;

/// Returns the tables of jobs and images, the notes, and the timings if there are any. `color` adds escape
/// sequences.
pub fn terminal(report: &Report, timings: Option<&Timings>, color: bool) -> String {
    let mut parts = Vec::new();
    let jobs = jobs_table(&report.jobs);
    if !jobs.is_empty() {
        parts.push(jobs.terminal(color));
    }
    let notes: String =
        notes(report).iter().map(|(kind, about, words)| note(kind, about, words, color)).collect();
    if !notes.is_empty() {
        parts.push(notes);
    }
    let images = images_table(report, false);
    if !images.is_empty() {
        parts.push(images.terminal(color));
    }
    if let Some(timings) = timings.filter(|t| !t.cases.is_empty()) {
        parts.push(timing::terminal(timings, color));
    }
    parts.join("\n")
}

/// Returns a note in one line. Its full text was printed on stderr before, and is in the other reports.
fn note(kind: &str, about: &str, words: &str, color: bool) -> String {
    let code = if kind == "failed" { "1;31" } else { "1;33" };
    let label = if color { format!("\x1b[{code}m{kind}\x1b[0m") } else { kind.to_owned() };
    let words = plain(words);
    // The text is `instead of native: no-c-toolchain: gnu: missing: …`. It is cut after the code.
    let words = match kind {
        "fallback" => words.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": "),
        _ => words,
    };
    format!("{label}: {about}: {}\n", words.lines().next().unwrap_or_default().trim_end())
}
