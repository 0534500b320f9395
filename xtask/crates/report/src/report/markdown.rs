//! Writes report.md, a report in Markdown.

use super::tables::{images_table, jobs_table, notes};
use super::types::Report;
use crate::timing::{self, Timings};
use xtask_files::escape::{markdown as escape, plain};

/// Returns the text of report.md: headings, tables in GitHub's dialect, and the notes as a list.
pub fn markdown(report: &Report, timings: Option<&Timings>) -> String {
    let mut text = format!("# {} {}\n", escape(&report.app), escape(&report.version));
    let jobs = jobs_table(&report.jobs);
    if !jobs.is_empty() {
        text += &format!("\n## Jobs\n\n{}", jobs.markdown());
    }
    let notes = notes(report);
    if !notes.is_empty() {
        text += "\n## Notes\n\n";
        for (kind, about, words) in notes {
            text += &format!("- **{kind}**: {}: {}\n", escape(&about), item(&words));
        }
    }
    let images = images_table(report, true);
    if !images.is_empty() {
        text += &format!("\n## Images\n\n{}", images.markdown());
    }
    if let Some(timings) = timings.filter(|t| !t.cases.is_empty()) {
        text += &format!(
            "\n## Times\n\n{}\n{}",
            escape(&timings.host.to_string()) + "\n",
            timing::markdown(timings)
        );
    }
    text
}

/// Returns a text of several lines as one list item, with hard breaks between the lines.
fn item(words: &str) -> String {
    plain(words).lines().map(|l| escape(l.trim_end())).collect::<Vec<_>>().join("<br>")
}
