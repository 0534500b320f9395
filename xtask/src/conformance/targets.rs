//! The targets that can be built: a small program is built for each, without C, with C and with C++, by every
//! provider of a C toolchain that is found, then held against the gate and started.

use std::path::Path;

use serde::Serialize;

use xtask_files::error::Result;
use xtask_report::report::{CheckVerdict, PurityEntry, Report, SmokeStatus, Status};
use xtask_triple::Triple;

mod page;

pub use page::{targets_page, targets_table};

/// The files of the program, by their paths in its workspace.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../fixtures/targets/Cargo.toml")),
    ("build.rs", include_str!("../../fixtures/targets/build.rs")),
    ("src/main.rs", include_str!("../../fixtures/targets/src/main.rs")),
    ("native/mean.c", include_str!("../../fixtures/targets/native/mean.c")),
    ("native/mean.cc", include_str!("../../fixtures/targets/native/mean.cc")),
];

/// The modes of the program, with their features and needs.
pub const FIXTURE_MODES: [&str; 3] = ["c", "cxx", "pure"];

/// The results of a target with one provider.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetResult {
    /// The triple of the target.
    pub target: String,
    /// The name of the provider; none if the target is refused on every machine.
    pub provider: Option<String>,
    /// The name and version of the C toolchain, if one was used.
    pub toolchain: Option<String>,
    /// The modes that were tried, in the order of [`FIXTURE_MODES`]. Empty if nothing was tried.
    pub modes: Vec<ModeResult>,
    /// Why nothing was tried.
    pub untried: Option<String>,
}

/// The result of one mode of the program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModeResult {
    /// The name of the mode.
    pub mode: &'static str,
    /// Whether the program was built. None if it was not tried, because something is missing on this machine.
    pub built: Option<bool>,
    /// The verdict of the gate; none if there is no program.
    pub gate: Option<CheckVerdict>,
    /// The runner that started the program with success.
    pub runner: Option<String>,
    /// Whether the program was started and failed.
    pub failed_run: bool,
    /// What is missing or wrong, in one line.
    pub note: Option<String>,
}

impl TargetResult {
    /// Makes the result for a target, or a provider, with which nothing can be tried.
    pub fn untried(target: &Triple, provider: Option<&str>, why: impl Into<String>) -> Self {
        Self {
            target: target.to_string(),
            provider: provider.map(str::to_owned),
            toolchain: None,
            modes: Vec::new(),
            untried: Some(why.into()),
        }
    }

    /// Whether something was tried that failed.
    pub fn is_wrong(&self) -> bool {
        self.modes.iter().any(ModeResult::is_wrong)
    }
}

impl ModeResult {
    fn is_wrong(&self) -> bool {
        self.built == Some(false) || self.gate == Some(CheckVerdict::Fail) || self.failed_run
    }

    /// Makes the result of a mode that this machine cannot build, for this reason.
    pub fn missing(mode: &'static str, why: impl Into<String>) -> Self {
        let note = Some(why.into());
        Self { mode, built: None, gate: None, runner: None, failed_run: false, note }
    }

    /// Reads the result of a mode from the report of its run, in which it is the only job.
    pub fn of(mode: &'static str, report: &Report) -> Self {
        let Some(job) = report.jobs.first() else {
            let why = report.skipped.first().map(|skipped| skipped.reason.clone());
            return Self::missing(mode, why.unwrap_or_else(|| "it was not built".to_owned()));
        };
        let ran = job.smoke.status == SmokeStatus::Pass;
        let unproven = mode == "pure" && job.status == Status::Ok && job.purity != PurityEntry::Proven;
        let note = job.error.clone().or_else(|| job.smoke.reason.clone().filter(|_| !ran));
        Self {
            mode,
            built: Some(job.artifact.is_some() && !unproven),
            gate: job.gate,
            runner: job.smoke.runner.clone().filter(|_| ran),
            failed_run: job.smoke.status == SmokeStatus::Fail,
            note: if unproven { Some("not proven to contain no C".to_owned()) } else { note },
        }
    }
}

/// Writes the workspace of the program into a folder, with these targets.
///
/// # Errors
/// A file cannot be written.
pub fn write_fixture(dir: &Path, targets: &[Triple]) -> Result<()> {
    for (path, text) in FILES {
        xtask_files::write(&dir.join(path), text.as_bytes())?;
    }
    xtask_files::write(&dir.join("targets.toml"), fixture_targets_toml(targets).as_bytes())
}

fn fixture_targets_toml(targets: &[Triple]) -> String {
    let mut text = "schema = 1\n\n[app]\npackage = \"fixture\"\nbin = \"fixture\"\n".to_owned();
    for (mode, needs) in [("c", "\"c\""), ("cxx", "\"c++\""), ("pure", "")] {
        let features = if needs.is_empty() { String::new() } else { format!("{mode:?}") };
        text += &format!("\n[[mode]]\nname = {mode:?}\nfeatures = [{features}]\nneeds = [{needs}]\n");
    }
    targets.iter().fold(text, |text, target| text + &format!("\n[[target]]\ntriple = \"{target}\"\n"))
}

#[cfg(test)]
mod tests;
