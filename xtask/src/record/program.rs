//! A program, from its job to the verdict on it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::contents::SeenContents;
use crate::failure::{self, Failure};
use crate::outcome::Smoke;
use crate::plan::Job;
use crate::trap::Script;
use xtask_gate::{Facts, Finding};
use xtask_oci::Digest;

/// What is known of the build of a job, whether it made a program or not.
#[derive(Debug, Clone, Default)]
pub struct BuildRecord {
    /// Wall time of the cargo call that built it, in seconds. Jobs of one cohort share their call.
    pub seconds: f64,
    /// Cargo had to build something: the seconds are those of a build, not of a freshness check.
    pub worked: bool,
    /// The build folder was new, so that everything was built.
    pub from_nothing: bool,
    /// How many targets the cargo call built.
    pub company: usize,
    /// What is worth knowing and no fault: crates that asked for a C compiler and got on without, a line each.
    pub notes: Vec<String>,
    /// The calls of C compilers for the target that a pure build refused and got on without, a line each.
    pub refused: Vec<String>,
    /// Libraries that build scripts made with another compiler than the job's, a line each.
    pub other_compilers: Vec<String>,
    /// C that build scripts compiled for the host during a pure build, a line each.
    pub host_c: Vec<String>,
    /// Machine code that packages brought along and build scripts of a pure build handed on, a line each.
    pub shipped: Vec<String>,
}

/// A program that Cargo made.
#[derive(Debug, Clone)]
pub struct BuiltProgram {
    /// The job that the program was built for.
    pub job: Job,
    /// The program, in Cargo's own folder.
    pub program: PathBuf,
    /// How it was built.
    pub build: BuildRecord,
    /// Whether it contains no C.
    pub purity: Purity,
    /// What it consists of, or why nobody knows.
    pub contents: SeenContents,
    /// The build scripts that ran for its target, or whose outcome was found fresh.
    pub scripts: Vec<Script>,
}

/// Whether a program contains no C. A pure mode whose promise is broken has no [`BuiltProgram`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purity {
    /// The mode compiles C.
    NotPromised,
    /// The build ran behind traps, no build script left machine code that rustc did not make, and every input of the link is
    /// rustc's, Rust's std, or the C library.
    Proven,
    /// The build ran behind traps and left nothing, and nothing is known of the link, for this reason.
    NotSeen(String),
}

/// A job that Cargo made no program of, or none that may be used.
#[derive(Debug, Clone)]
pub struct UnbuiltJob {
    /// The job that has no usable program.
    pub job: Job,
    /// How it was built.
    pub build: BuildRecord,
    /// Why there is no program.
    pub failure: Failure,
}

/// A program in its place below target/dist.
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

/// A program that passed the gate and, where something here can run it, the smoke run.
#[derive(Debug, Clone)]
pub struct VerifiedProgram {
    /// The program in its place.
    pub stored: StoredProgram,
    /// What the file says of itself; none for an object format other than ELF.
    pub facts: Option<Facts>,
    /// The warnings of the gate about the program.
    pub warnings: Vec<Finding>,
    /// Why nothing ran it; none where its smoke run passed.
    pub not_run: Option<String>,
}

/// A program that must not ship.
#[derive(Debug, Clone)]
pub struct RefusedProgram {
    /// The program in its place.
    pub stored: StoredProgram,
    /// What the file says of itself; none where it cannot be read as a program.
    pub facts: Option<Facts>,
    /// The warnings of the gate about the program.
    pub warnings: Vec<Finding>,
    /// What its smoke run gave.
    pub smoke: Smoke,
    /// Why it must not ship; at least one reason.
    pub failures: Vec<Failure>,
}

/// A job without a program that may ship.
#[derive(Debug, Clone)]
pub enum FailedJob {
    /// There is no program.
    Unbuilt(Box<UnbuiltJob>),
    /// There is one, and it must not ship.
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

/// A bill of materials that is in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillFile {
    /// Its path below `target/dist`, with `/`.
    pub path: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

impl StoredProgram {
    /// The job that it was built for.
    pub fn job(&self) -> &Job {
        &self.built.job
    }
}

impl VerifiedProgram {
    /// The job that it was built for.
    pub fn job(&self) -> &Job {
        self.stored.job()
    }

    /// What its smoke run gave.
    pub fn smoke(&self) -> Smoke {
        self.not_run.clone().map_or(Smoke::Passed, Smoke::Skipped)
    }

    /// The program, refused for these reasons.
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

    /// Why it failed; at least one reason.
    pub fn failures(&self) -> &[Failure] {
        match self {
            FailedJob::Unbuilt(unbuilt) => std::slice::from_ref(&unbuilt.failure),
            FailedJob::Refused(refused) => &refused.failures,
        }
    }

    /// All reasons as one text.
    pub fn text(&self) -> String {
        failure::text(self.failures())
    }

    /// The line that stands for it in a summary of many jobs.
    pub fn headline(&self) -> String {
        self.failures().first().map(Failure::headline).unwrap_or_default()
    }
}
