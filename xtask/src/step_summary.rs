//! The summary page of a CI job: Markdown that GitHub Actions shows above the log.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use xtask_files::error::{Error, Result};
use xtask_process::host::Host;
use xtask_process::ui::Ui;

/// The most bytes that GitHub shows of one step. It refuses a longer page as a whole.
const MOST: u64 = 1024 * 1024;

/// The last line of a page that was too long.
const CUT: &str = "\n\nThe rest is left out here: GitHub shows no longer page.\n";

/// Adds a report in Markdown to the summary page, if the run has one. A failure is only a warning, because the report
/// itself is written.
pub fn add(markdown: &str, host: &Host, ui: &Ui) {
    let Some(file) = host.var("GITHUB_STEP_SUMMARY") else { return };
    if let Err(error) = append(Path::new(file), markdown, MOST) {
        ui.warn(error.to_string());
    }
}

/// Appends a text to a file, and leaves out the lines with which the file would have more than `most` bytes.
fn append(file: &Path, text: &str, most: u64) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("cannot write the summary of the job", file, &error);
    let mut opened = OpenOptions::new().append(true).create(true).open(file).map_err(failed)?;
    let length = opened.metadata().map_err(failed)?.len();
    let room = usize::try_from(most.saturating_sub(length)).unwrap_or(usize::MAX);
    let whole = text.len() <= room;
    let room = room.saturating_sub(CUT.len());
    let cut = || {
        let fits = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= room).last().unwrap_or(0);
        text[..fits].rfind('\n').map_or(String::new(), |end| format!("{}{CUT}", &text[..end]))
    };
    let text = if whole { text.to_owned() } else { cut() };
    opened.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_report_is_cut_at_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("summary.md");
        append(&file, "# one\n", 100).unwrap();
        append(&file, "# two\n", 100).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "# one\n# two\n");
        append(&file, &"a line\u{e9}\n".repeat(50), 100).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.len() <= 100 && text.ends_with(&format!("a line\u{e9}{CUT}")), "{text:?}");
        append(&file, "more\n", 100).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        let error = append(dir.path(), "x", 100).unwrap_err().to_string();
        assert!(error.contains("cannot write the summary of the job"), "{error}");
    }
}
