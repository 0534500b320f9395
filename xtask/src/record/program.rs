//! The records of a program, from its job to its verdict.

use std::path::PathBuf;
use std::sync::Arc;

use crate::contents::SeenContents;
use crate::failure::{self, Failure};
use crate::outcome::Smoke;
use crate::plan::Job;
use crate::trap::Script;
use xtask_gate::{Facts, Finding};
use xtask_oci::Digest;

/// The facts about the build of a job, whether it made a program or not.
#[derive(Debug, Clone, Default)]
pub struct BuildRecord {
    /// Wall time of the cargo call that built it, in seconds. Jobs of one cohort share their call.
    pub seconds: f64,
    /// Whether Cargo had to build something. If not, the seconds are only those of a freshness check.
    pub worked: bool,
    /// Whether the build folder was new, so that everything was built.
    pub from_nothing: bool,
    /// The number of targets that the cargo call built.
    pub company: usize,
    /// The part of the seconds that belongs to this job if the call built several targets, in seconds; none if processes
    /// could not be traced. See [`xtask_trace::BuildTrace::targets`].
    pub share_s: Option<f64>,
    /// Notes that are not faults, one line each: crates that asked for a C compiler and were built without
    /// it.
    pub notes: Vec<String>,
    /// The calls of C compilers for the target that a pure build refused and that did not fail the build, one
    /// line each.
    pub refused: Vec<String>,
    /// Libraries that build scripts made with another compiler than the job's, one line each.
    pub other_compilers: Vec<String>,
    /// C that build scripts compiled for the host during a pure build, one line each.
    pub host_c: Vec<String>,
    /// Machine code that is part of packages and that build scripts of a pure build passed on, one line each.
    pub shipped: Vec<String>,
}

/// A program that Cargo made.
#[derive(Debug, Clone)]
pub struct BuiltProgram {
    /// The job that the program was built for.
    pub job: Job,
    /// The program, in Cargo's own folder.
    pub program: PathBuf,
    /// The facts about its build.
    pub build: BuildRecord,
    /// Whether it contains no C.
    pub purity: Purity,
    /// The contents of the program, or the reason why they are not known.
    pub contents: SeenContents,
    /// The build scripts that ran for its target, or whose results were fresh.
    pub scripts: Vec<Script>,
}

/// Whether a program contains no C. If a pure mode breaks its promise, there is no [`BuiltProgram`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purity {
    /// The mode compiles C.
    NotPromised,
    /// The build ran behind traps, and no build script left machine code that rustc did not make. Every input
    /// of the link comes from rustc, Rust's std, or the C library.
    Proven,
    /// The build ran behind traps and left no machine code, but the link was not seen, for this reason.
    NotSeen(String),
}

/// A job for which Cargo made no program, or none that may be used.
#[derive(Debug, Clone)]
pub struct UnbuiltJob {
    /// The job that has no usable program.
    pub job: Job,
    /// The facts about its build.
    pub build: BuildRecord,
    /// Why there is no program.
    pub failure: Failure,
}

/// A program that was copied to its place below target/dist.
#[derive(Debug, Clone)]
pub struct StoredProgram {
    /// The program as Cargo made it.
    pub built: BuiltProgram,
    /// The program's file below target/dist.
    pub artifact: Artifact,
}

/// The file of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The absolute path of the file: `target/dist/bin/<triple>/<mode>/<bin>`.
    pub path: PathBuf,
    /// The SHA-256 digest of the file, in hexadecimal.
    pub sha256: String,
    /// The size of the file, in bytes.
    pub size: u64,
}

/// A program that passed the gate and, if this machine can run it, the smoke run.
#[derive(Debug, Clone)]
pub struct VerifiedProgram {
    /// The program below target/dist.
    pub stored: StoredProgram,
    /// The facts in the program's file; none for an object format other than ELF.
    pub facts: Option<Facts>,
    /// The warnings of the gate about the program.
    pub warnings: Vec<Finding>,
    /// Why nothing ran it; none if its smoke run passed.
    pub not_run: Option<String>,
}

/// A program that must not ship.
#[derive(Debug, Clone)]
pub struct RefusedProgram {
    /// The program below target/dist.
    pub stored: StoredProgram,
    /// The facts in the program's file; none if it cannot be read as a program.
    pub facts: Option<Facts>,
    /// The warnings of the gate about the program.
    pub warnings: Vec<Finding>,
    /// The result of its smoke run.
    pub smoke: Smoke,
    /// The reasons why it must not ship; at least one.
    pub failures: Vec<Failure>,
}

/// A job without a program that may ship.
#[derive(Debug, Clone)]
pub enum FailedJob {
    /// There is no program.
    Unbuilt(Box<UnbuiltJob>),
    /// There is a program, but it must not ship.
    Refused(Box<RefusedProgram>),
}

/// A released program with its bill of materials.
#[derive(Debug, Clone)]
pub struct ListedProgram {
    /// The program that is released.
    pub program: Arc<VerifiedProgram>,
    /// The bill of materials of the program.
    pub bill: BillFile,
}

/// A bill of materials that was written to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillFile {
    /// Its path below `target/dist`, with `/`.
    pub path: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

impl StoredProgram {
    /// Returns the job for which it was built.
    pub fn job(&self) -> &Job {
        &self.built.job
    }
}

impl VerifiedProgram {
    /// Returns the job for which it was built.
    pub fn job(&self) -> &Job {
        self.stored.job()
    }

    /// Returns the result of its smoke run.
    pub fn smoke(&self) -> Smoke {
        self.not_run.clone().map_or(Smoke::Passed, Smoke::Skipped)
    }

    /// Makes the record of a program that is rejected for these reasons.
    pub fn refused(self, failures: Vec<Failure>) -> FailedJob {
        let smoke = self.smoke();
        let Self { stored, facts, warnings, .. } = self;
        FailedJob::Refused(Box::new(RefusedProgram { stored, facts, warnings, smoke, failures }))
    }
}

impl FailedJob {
    /// Returns the job that has no program that may ship.
    pub fn job(&self) -> &Job {
        match self {
            FailedJob::Unbuilt(unbuilt) => &unbuilt.job,
            FailedJob::Refused(refused) => refused.stored.job(),
        }
    }

    /// Returns the reasons of the failure; at least one.
    pub fn failures(&self) -> &[Failure] {
        match self {
            FailedJob::Unbuilt(unbuilt) => std::slice::from_ref(&unbuilt.failure),
            FailedJob::Refused(refused) => &refused.failures,
        }
    }

    /// Returns all reasons as one text.
    pub fn text(&self) -> String {
        failure::text(self.failures())
    }

    /// Returns the line for a summary of many jobs.
    pub fn headline(&self) -> String {
        self.failures().first().map(Failure::headline).unwrap_or_default()
    }
}
