//! Conformance: published programs of other people are built from their crates with their own Cargo.lock.
//! They are built in the modes whose C is known, for two architectures, and packed in `scratch`; some are built
//! for other systems too. The results show where this program is right and where it is wrong.

use std::path::{Path, PathBuf};

use serde::Serialize;

use xtask_report::report::{CheckVerdict, JobEntry, PurityEntry, Report, SmokeStatus, Status};
use xtask_triple::Triple;

mod page;
pub mod programs;
pub mod source;
pub mod targets;

pub use page::{ToolVersion, conformance_page, table as markdown};
pub use programs::{ConformanceMode, Expectation, PROGRAMS, PublishedProgram};

/// The targets for which every program is built and packed. Both run here, the second under an emulator.
pub const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// How many lines of an error a result contains.
const ERROR_LINES: usize = 3;

/// The result of a program in one mode for one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConformanceResult {
    /// The name and the version of the crate.
    pub program: String,
    /// The name of the mode.
    pub mode: String,
    /// The triple of the target.
    pub target: String,
    /// Whether the result is as expected.
    pub right: bool,
    /// A description of the result.
    pub outcome: String,
    /// The name and version of the C toolchain; none if the mode needs none.
    pub toolchain: Option<String>,
    /// The runners of the program and of its image, such as `native`, `qemu` or `docker`.
    pub started_by: Vec<String>,
    /// The C in the program in bytes, without the C library; none if the link map does not show it.
    pub c_bytes: Option<u64>,
    /// The size of the program's file in bytes; none if it was not built.
    pub bytes: Option<u64>,
    /// The duration of the cargo call that built it, in seconds.
    pub seconds: f64,
}

/// Returns the text of the targets.toml for a published program.
pub fn targets_toml(program: &PublishedProgram) -> String {
    let mut text = format!("schema = 1\n\n[app]\npackage = {:?}\nbin = {:?}\n", program.name, program.bin);
    for mode in program.modes {
        text += &format!(
            "\n[[mode]]\nname = {:?}\nfeatures = {:?}\ndefault-features = {}\nneeds = {:?}\n",
            mode.name, mode.features, mode.default_features, mode.needs
        );
    }
    for target in program.targets() {
        text += &format!("\n[[target]]\ntriple = {target:?}\n");
    }
    text + &format!("\n[[image]]\nname = {:?}\nbase = \"scratch\"\ntargets = {TARGETS:?}\n", program.bin)
}

/// Compares the report of a run in one mode for a group of targets with the expectation. `bill` reads the bill
/// of materials of a program.
pub fn judge(
    program: &PublishedProgram,
    mode: &ConformanceMode,
    (targets, expected): &(Vec<&str>, Expectation),
    report: &Report,
    bill: &dyn Fn(&Path) -> Option<String>,
) -> Vec<ConformanceResult> {
    let result = |target: &&str| {
        let target = *target;
        let job = report.jobs.iter().find(|job| job.mode == mode.name && job.target == target);
        let image = started(report, target);
        let (right, outcome) = match job {
            Some(job) => match outcome(*expected, job, bill) {
                (true, _) if mode.is_shipped() && TARGETS.contains(&target) && image.is_none() => {
                    (false, "its image was not made, or not started".to_owned())
                }
                judged => judged,
            },
            None => (false, "it was not built".to_owned()),
        };
        let foreign = job.and_then(|job| job.contents.as_ref()).map(|contents| contents.foreign.iter());
        let own = job.and_then(|job| job.smoke.runner.clone());
        ConformanceResult {
            program: format!("{} {}", program.name, program.version),
            mode: mode.name.to_owned(),
            target: target.to_owned(),
            right,
            outcome,
            toolchain: job.and_then(|job| job.toolchain.as_ref()).map(|toolchain| toolchain.version.clone()),
            started_by: own.into_iter().chain(image).collect(),
            c_bytes: foreign.and_then(|foreign| foreign.map(|entry| entry.bytes).sum()),
            bytes: job.and_then(|job| job.artifact.as_ref()).map(|artifact| artifact.size),
            seconds: job.map_or(0.0, |job| job.seconds),
        }
    };
    targets.iter().map(result).collect()
}

/// Returns the results of a group of targets for which nothing was built, because of this error.
pub fn unbuilt(
    program: &PublishedProgram,
    mode: &ConformanceMode,
    (targets, expected): &(Vec<&str>, Expectation),
    error: &str,
) -> Vec<ConformanceResult> {
    let (right, outcome) = impossible(*expected, error);
    let result = |target: &&str| ConformanceResult {
        program: format!("{} {}", program.name, program.version),
        mode: mode.name.to_owned(),
        target: (*target).to_owned(),
        right,
        outcome: outcome.clone(),
        toolchain: None,
        started_by: Vec::new(),
        c_bytes: None,
        bytes: None,
        seconds: 0.0,
    };
    targets.iter().map(result).collect()
}

/// Returns whether a failure with this error is the expected one, and a description of it.
fn impossible(expected: Expectation, error: &str) -> (bool, String) {
    match expected {
        Expectation::Impossible(text) if error.contains(text) => {
            let line = error.lines().find(|line| line.contains(text)).unwrap_or(text);
            (true, format!("cannot be built: {}", line.trim()))
        }
        // The whole text has every refused call of a compiler.
        _ => (false, error.lines().take(ERROR_LINES).collect::<Vec<_>>().join("\n")),
    }
}

/// Returns the runner of the image that contains the program of a target, if its smoke run passed.
fn started(report: &Report, target: &str) -> Option<String> {
    let platform = Triple::parse(target).platform()?.to_string();
    let mut manifests = report.images.iter().flat_map(|image| &image.manifests);
    let smoke = manifests.find(|manifest| manifest.platform == platform)?.smoke.as_ref()?;
    smoke.runner.clone().filter(|_| smoke.status == SmokeStatus::Pass)
}

fn outcome(expected: Expectation, job: &JobEntry, bill: &dyn Fn(&Path) -> Option<String>) -> (bool, String) {
    let failed = || impossible(expected, job.error.as_deref().unwrap_or("it failed without a reason"));
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
                None if packages.is_empty() => (true, "needs no C here".to_owned()),
                None => (true, format!("C of {}", packages.join(", "))),
                Some(package) => (false, format!("the bill of materials does not name {package}")),
            }
        }
        Expectation::Impossible(_) if whole => {
            (false, "built, although it was known to be impossible".to_owned())
        }
        Expectation::Pure | Expectation::Contains(_) | Expectation::Impossible(_) => failed(),
    }
}

/// Returns the folder in which a program is built.
pub fn folder(cache: &Path, program: &PublishedProgram) -> PathBuf {
    cache.join("conformance").join(format!("{}-{}", program.name, program.version))
}

#[cfg(test)]
mod tests;
