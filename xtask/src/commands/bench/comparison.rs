//! What a run is compared with: saved timings or another revision, and the files in which results are kept.

use std::path::{Path, PathBuf};

use super::super::pipeline::PlannedRun;
use crate::cli::ComparisonOptions;
use crate::rebuild::checkout;
use xtask_files::error::{Error, Result};
use xtask_report::timing::{Case, CaseRecord, HostFacts, TimingComparison, Timings};

/// The change that is worth noting if none is named, as a share.
const THRESHOLD: f64 = 0.05;

/// Earlier builds with which a run is compared.
pub(super) enum Baseline {
    /// Timings that were saved under this name.
    Saved(String, Box<Timings>),
    /// A revision, as the user named it, and its commit.
    Revision(String, String),
}

impl Baseline {
    /// Reads what the options name. Mistakes are reported before anything is built. `host` is this machine.
    ///
    /// # Errors
    /// There are no timings of this name, they are of another machine, or there is no such commit.
    pub(super) fn read(
        options: &ComparisonOptions,
        start: &PlannedRun,
        host: &HostFacts,
    ) -> Result<Option<Self>> {
        options.save.as_deref().map_or(Ok(()), is_name)?;
        if let Some(revision) = &options.compare_rev {
            let commit = checkout::commit(&start.session.workspace.root, revision)?;
            return Ok(Some(Self::Revision(revision.clone(), commit)));
        }
        let Some(name) = &options.compare else { return Ok(None) };
        is_name(name)?;
        let Some(saved) = Timings::read(&saved(start, name))? else {
            return Err(Error::usage(format!("there are no saved timings `{name}`"))
                .help(format!("save some: cargo xtask bench --save {name}")));
        };
        if !saved.host.comparable(host) {
            return Err(Error::failed(format!(
                "the saved timings `{name}` are of another machine or compiler"
            ))
            .found(format!("saved: {}", saved.host))
            .found(format!("here: {host}"))
            .help("compare with a revision, which is built here: cargo xtask bench --compare-rev REV"));
        }
        Ok(Some(Self::Saved(name.clone(), Box::new(saved))))
    }

    /// Returns the revision to build beside the workspace, as the user named it, and its commit.
    pub(super) fn revision(&self) -> Option<(&str, &str)> {
        match self {
            Self::Saved(..) => None,
            Self::Revision(name, commit) => Some((name, commit)),
        }
    }

    /// Compares the cases of a run with this one.
    ///
    /// # Errors
    /// No case is in both.
    pub(super) fn compare(
        &self,
        cases: &[(Case, CaseRecord)],
        options: &ComparisonOptions,
    ) -> Result<TimingComparison> {
        let threshold = options.threshold.unwrap_or(THRESHOLD);
        let compared = match self {
            Self::Saved(name, saved) => TimingComparison::with_saved(cases, saved, name, threshold),
            Self::Revision(name, _) => TimingComparison::with_revision(cases, name, threshold),
        };
        match compared.changes.is_empty() {
            true => Err(Error::failed(format!("no case of this run is in {}", compared.against))),
            false => Ok(compared),
        }
    }
}

/// Returns an error that names the cases that became slower than the threshold allows, or none.
pub(super) fn refused(compared: &TimingComparison) -> Option<Error> {
    let slower: Vec<String> = compared.slower().map(ToString::to_string).collect();
    let count = xtask_files::counted(slower.len() as u64, "case");
    let percent = (compared.threshold * 1e5).round() / 1e3;
    let what = format!("{count} became slower by more than {percent} % since {}", compared.against);
    let error = Error::failed(what).help("if the change is worth it: raise --threshold, or save new timings");
    (!slower.is_empty()).then(|| slower.into_iter().fold(error, Error::found))
}

/// Returns the file of timings that are saved under a name.
pub(super) fn saved(start: &PlannedRun, name: &str) -> PathBuf {
    start.session.work().join("timings/saved").join(format!("{name}.json"))
}

/// Returns the file of the history: that of the command line, or that of the workspace.
pub(super) fn history(options: &ComparisonOptions, work: &Path) -> PathBuf {
    options.history.clone().unwrap_or_else(|| work.join("timings/history.jsonl"))
}

/// Checks a name of saved timings, which becomes the name of a file.
fn is_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match !name.is_empty() && !name.starts_with('.') && name.len() <= 100 && name.bytes().all(plain) {
        true => Ok(()),
        false => Err(Error::usage(format!("`{name}` is not a name for timings"))
            .help("use letters, digits, `-`, `_` and `.`, with no `.` first")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for name in ["before", "v1.2-rc_3", "7"] {
            assert!(is_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "a b", "é", &"x".repeat(101)] {
            assert!(is_name(name).is_err(), "{name}");
        }
    }
}
