//! What a release did: report.json for scripts, report.md and report.html for people, tables for the terminal.

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
    /// Writes report.md, report.html and, last, report.json into `dir`, each as a whole or not at all: who sees a new
    /// report.json sees the others' new content too.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn write(&self, dir: &Path, timings: Option<&Timings>) -> Result<()> {
        files::write(&dir.join("report.md"), markdown(self, timings).as_bytes())?;
        files::write(&dir.join("report.html"), html(self, timings).as_bytes())?;
        files::write(&dir.join("report.json"), self.json().as_bytes())
    }

    /// The report that lies in `dir`; none where there is none that can be read.
    pub fn last(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&files::read(&dir.join("report.json")).ok()?).ok()
    }

    /// The text of report.json: indented, keys in a fixed order, with a final newline.
    pub fn json(&self) -> String {
        crate::json::pretty(self)
    }
}
