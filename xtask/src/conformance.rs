//! Conformance: programs that other people published, built from their crates with their own Cargo.lock, in the modes
//! whose C is known, for two architectures, and packed in `scratch`. Says where this program is right and where it is not.

use std::path::{Path, PathBuf};

use serde::Serialize;

use xtask_report::report::{CheckVerdict, JobEntry, PurityEntry, Report, Status};

pub mod programs;
pub mod source;

pub use programs::{ConformanceMode, Expectation, PROGRAMS, PublishedProgram};

/// The targets that every program is built for: both of them run here, the second under an emulator.
pub const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// What came of a program in one mode for one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConformanceResult {
    /// The name and the version of the crate.
    pub program: String,
    /// The name of the mode.
    pub mode: String,
    /// The target triple.
    pub target: String,
    /// Whether what came of it is what is known of the program.
    pub right: bool,
    /// What came of it, in words.
    pub outcome: String,
    /// The size of the program's file in bytes; none where it was not built.
    pub bytes: Option<u64>,
    /// The seconds of the Cargo call that built it.
    pub seconds: f64,
}

/// The text of the targets.toml for a published program.
pub fn targets_toml(program: &PublishedProgram) -> String {
    let mut text = format!("schema = 1\n\n[app]\npackage = {:?}\nbin = {:?}\n", program.name, program.bin);
    for mode in program.modes {
        text += &format!(
            "\n[[mode]]\nname = {:?}\nfeatures = {:?}\ndefault-features = {}\nneeds = {:?}\n",
            mode.name, mode.features, mode.default_features, mode.needs
        );
    }
    for target in TARGETS {
        text += &format!("\n[[target]]\ntriple = {target:?}\n");
    }
    text + &format!("\n[[image]]\nname = {:?}\nbase = \"scratch\"\ntargets = {TARGETS:?}\n", program.bin)
}

/// Compares what a run reported of a mode with what is known of it. `bill` reads the bill of materials of a program.
pub fn judge(
    program: &PublishedProgram,
    mode: &ConformanceMode,
    report: &Report,
    bill: &dyn Fn(&Path) -> Option<String>,
) -> Vec<ConformanceResult> {
    let result = |target: &str| {
        let job = report.jobs.iter().find(|job| job.mode == mode.name && job.target == target);
        let (right, outcome) = match job {
            Some(job) => outcome(mode.expected, job, bill),
            None => (false, "it was not built".to_owned()),
        };
        ConformanceResult {
            program: format!("{} {}", program.name, program.version),
            mode: mode.name.to_owned(),
            target: target.to_owned(),
            right,
            outcome,
            bytes: job.and_then(|job| job.artifact.as_ref()).map(|artifact| artifact.size),
            seconds: job.map_or(0.0, |job| job.seconds),
        }
    };
    TARGETS.map(result).into()
}

fn outcome(expected: Expectation, job: &JobEntry, bill: &dyn Fn(&Path) -> Option<String>) -> (bool, String) {
    let failed = || (false, job.error.clone().unwrap_or_else(|| "it failed without a reason".to_owned()));
    let whole = job.status == Status::Ok && job.gate == Some(CheckVerdict::Pass);
    match expected {
        Expectation::Claims(package) => match &job.error {
            Some(error) if error.contains(package) => (true, format!("refused: C of {package}")),
            Some(_) => failed(),
            None => (false, format!("accepted, although {package} brings C")),
        },
        Expectation::Pure if whole && job.purity == PurityEntry::Proven => {
            (true, "proven to contain no C".to_owned())
        }
        Expectation::Pure if whole => (false, "built, and not proven to contain no C".to_owned()),
        Expectation::Contains(packages) if whole => {
            let sbom = job.artifact.as_ref().and_then(|artifact| artifact.sbom.as_ref());
            let text = sbom.and_then(|sbom| bill(Path::new(&sbom.path))).unwrap_or_default();
            match packages.iter().find(|package| !text.contains(&format!("\"{package}\""))) {
                None => (true, format!("C of {}", packages.join(", "))),
                Some(package) => (false, format!("the bill of materials does not name {package}")),
            }
        }
        Expectation::Pure | Expectation::Contains(_) => failed(),
    }
}

/// The results as a table in Markdown, a row for each program and mode.
pub fn markdown(results: &[ConformanceResult]) -> String {
    let mut text =
        "| program | mode | target | result | size | build |\n|---|---|---|---|--:|--:|\n".to_owned();
    for result in results {
        let right = if result.right { "" } else { "**wrong**: " };
        let size = result.bytes.map_or_else(|| "–".to_owned(), xtask_files::human_size);
        text += &format!(
            "| {} | {} | {} | {right}{} | {size} | {:.0} s |\n",
            result.program,
            result.mode,
            result.target,
            result.outcome.lines().next().unwrap_or_default().replace('|', "\\|"),
            result.seconds
        );
    }
    text
}

/// The folder that a program is built in.
pub fn folder(cache: &Path, program: &PublishedProgram) -> PathBuf {
    cache.join("conformance").join(format!("{}-{}", program.name, program.version))
}

#[cfg(test)]
mod tests;
