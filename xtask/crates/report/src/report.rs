//! The report of a release: report.json for scripts, report.md and report.html for people, tables for the
//! terminal.

mod html;
mod markdown;
mod tables;
mod terminal;
mod types;

use std::path::Path;

use crate::timing::Timings;
use xtask_files as files;
use xtask_files::error::Result;

pub use html::html;
pub use markdown::markdown;
pub use tables::{images_table, jobs_table};
pub use terminal::terminal;
pub use types::{
    ArtifactEntry, CheckVerdict, ContentsEntry, FallbackEntry, ForeignEntry, ImageEntry, JobEntry,
    ManifestEntry, PurityEntry, Rejected, Report, Sbom, SkippedEntry, SmokeEntry, SmokeStatus, Status,
    ToolchainEntry, Unmade,
};

impl Report {
    /// Writes report.md, report.html and then report.json into `dir`, each in one step. So if report.json is
    /// new, the other two files are new as well.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, dir: &Path, timings: Option<&Timings>) -> Result<()> {
        files::write(&dir.join("report.md"), markdown(self, timings).as_bytes())?;
        files::write(&dir.join("report.html"), html(self, timings).as_bytes())?;
        files::write(&dir.join("report.json"), self.json().as_bytes())
    }

    /// Reads the report in `dir`, or returns none if there is no readable one.
    pub fn last(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&files::read(&dir.join("report.json")).ok()?).ok()
    }

    /// Returns the text of report.json: indented, with keys in a fixed order and a final newline.
    pub fn json(&self) -> String {
        crate::json::pretty(self)
    }
}
