//! The plan: every job, with its decision and the reason for it. It is a pure function of targets.toml, the
//! findings on this machine and the request. `cargo xtask plan` prints the whole plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use xtask_compilers::toolchain::libraries::TargetLibraries;
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::survey::Survey;
use xtask_compilers::toolchain::{Linker, Provider, Toolchain};
use xtask_config::cargo_config::{UserLinker, UserSettings};
use xtask_config::{Config, GlibcVersion, Image, ImageTarget, Mode, Target};
use xtask_files::error::{Error, Result};
use xtask_gate::ProcessorFlag;
use xtask_triple::{Platform, Triple};

pub mod decide;
pub mod json;
pub mod missing_tools;
mod refuse;

use decide::OneTarget;
pub(crate) use decide::is_static;

/// The request of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanRequest {
    /// The targets of `--target`, in order. If empty, all targets of targets.toml.
    pub targets: Vec<Triple>,
    /// The mode of `--mode`. If none, each target's own choice.
    pub mode: Option<ModeRequest>,
    /// Whether `--strict` is set: a fallback is an error.
    pub strict: bool,
    /// Whether `--locked` is set: a toolchain other than the locked one is an error.
    pub locked: bool,
    /// The providers of `--providers`. If none, all providers.
    pub providers: Option<Vec<Provider>>,
    /// Whether the run makes a part of a release. Other runs make the platforms that it leaves out.
    pub part: bool,
}

/// The mode that the command line asks for with `--mode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModeRequest {
    /// `auto`: the first mode of targets.toml whose needs are met.
    Auto,
    /// A mode by name, which never falls back.
    Named(String),
    /// `all`: every mode, each as if asked for by name.
    All,
}

impl PlanRequest {
    /// Returns whether a run with this request builds a target.
    pub fn wants(&self, target: &Triple) -> bool {
        self.targets.is_empty() || self.targets.contains(target)
    }

    /// Splits the targets of an image into those that are built and those that `--target` leaves out.
    pub fn split<'i>(&self, image: &'i Image) -> (Vec<&'i ImageTarget>, Vec<&'i ImageTarget>) {
        image.targets.iter().partition(|target| self.wants(&target.triple))
    }
}

/// The findings on this machine for the targets of a run.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The triple of this machine.
    pub host: Triple,
    /// The C toolchains of each target.
    pub surveys: BTreeMap<Triple, Survey>,
    /// The std of each target.
    pub stds: BTreeMap<Triple, StdState>,
    /// The runner of each target.
    pub runners: BTreeMap<Triple, Runner>,
    /// The folders of each target's C libraries.
    pub libraries: BTreeMap<Triple, TargetLibraries>,
    /// For each target, the providers for which setup could install something that is not on this machine
    /// yet.
    pub obtainable: BTreeMap<Triple, BTreeSet<Provider>>,
    /// The path of `rust-lld`, if it was found.
    pub rust_lld: Option<PathBuf>,
    /// The host's own C driver, with which rustc links host programs.
    pub host_cc: Option<PathBuf>,
    /// The user's settings for each target.
    pub user: BTreeMap<Triple, UserSettings>,
    /// The wrapper of rustc that Cargo is configured to use, if it is missing.
    pub absent_wrapper: Option<Lack>,
}

/// Whether the std of a target is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdState {
    /// The std is on this machine and can be used.
    Ready(StdUse),
    /// `setup` can install it; the text describes how.
    Obtainable(String),
    /// `setup` cannot install it; the text gives the reason and a remedy.
    Absent(String),
}

/// A usable std and the rustc to which it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StdUse {
    /// The origin: `rustc` (its own sysroot) or `built` (the cache of xtask).
    pub provider: &'static str,
    /// The path of the rustc that the std belongs to.
    pub rustc: PathBuf,
    /// The version of that rustc, such as `1.95.0`.
    pub version: String,
    /// The text that distinguishes two builds of one version: the commit of rustc, or its version if it does
    /// not print a commit.
    pub identity: String,
    /// The value of `--sysroot`, if the std is not in the compiler's own sysroot.
    pub sysroot: Option<PathBuf>,
    /// The folder of its libraries for the target.
    pub libraries: PathBuf,
    /// The folder of the std's source if it is installed, and the path that replaces it in programs. Even if
    /// a path is remapped, rustc writes the folder of the source into code that it compiles from it, if that
    /// folder exists.
    pub source: (PathBuf, String),
    /// Whether the std contains start files and a C library of its own (musl).
    pub self_contained: bool,
}

/// The jobs of a run, and the targets that it cannot build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The jobs, in the order of targets.toml and of its modes.
    pub jobs: Vec<Job>,
    /// Targets that cannot be built on this machine.
    pub skipped: Vec<Skipped>,
    /// The requested targets, as in [`PlanRequest::targets`].
    pub asked: Vec<Triple>,
}

/// A target that is left out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// The triple of the target that is left out.
    pub target: Triple,
    /// The reason, and how to change it.
    pub reason: String,
}

/// One program to build: a target in a mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The target with its settings.
    pub target: Target,
    /// The OCI platform of the target; none if it has none.
    pub platform: Option<Platform>,
    /// The mode in which the program is built.
    pub mode: Mode,
    /// The requested mode: `auto` or a mode's name.
    pub requested: String,
    /// The reason, if the mode is not the first one.
    pub fallback: Option<Fallback>,
    /// The C toolchain; none in a mode that needs no C.
    pub toolchain: Option<Toolchain>,
    /// The linker of the program: a C toolchain's driver or `rust-lld`.
    pub linker: Option<Linker>,
    /// The std that the program is built with.
    pub std: Option<StdUse>,
    /// The folders of C libraries for the target.
    pub libraries: TargetLibraries,
    /// The way in which the program is run on this machine.
    pub runner: Runner,
    /// The user's settings for the target.
    pub user: UserSettings,
    /// The flags of the user and of targets.toml that select an x86-64 processor.
    pub processors: Vec<ProcessorFlag>,
    /// The names of the images that contain the program.
    pub images: Vec<String>,
    /// The things missing on this machine without which the program cannot be built.
    pub lacks: Vec<Lack>,
}

/// Something that a job lacks on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// A description of what is missing or wrong.
    pub what: String,
    /// The way to fix it.
    pub mend: Mend,
}

/// The way to fix a lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// `cargo xtask setup` fixes it. Setup looks for the same lacks.
    Setup,
    /// A person must change the machine; the text describes how.
    Machine(String),
}

impl Lack {
    /// Makes a lack that setup can fix.
    pub fn of_setup(what: impl Into<String>) -> Self {
        Self { what: what.into(), mend: Mend::Setup }
    }
}

/// A mode that was not the first choice.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fallback {
    /// The mode that was the first choice.
    pub from: String,
    /// The fixed code for labels: `no-c-toolchain`, `no-c++-toolchain`, `no-dlopen`.
    pub reason: &'static str,
    /// What was tried and found, one line each.
    pub tried: Vec<String>,
    /// Why setup cannot install what is missing; none if it can.
    #[serde(skip)]
    pub beyond_setup: Option<String>,
}

impl Job {
    /// Returns whether the job can be built now.
    pub fn buildable(&self) -> bool {
        self.lacks.is_empty()
    }

    /// Returns whether the build must not call a C compiler.
    pub fn pure(&self) -> bool {
        !self.mode.compiles()
    }

    /// Returns everything that the job lacks, in one line.
    pub fn lacking(&self) -> String {
        self.lacks.iter().map(|lack| lack.what.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// Returns one line for each tool that the user named for the job and that another one replaces.
    pub fn replaced(&self) -> Vec<String> {
        let absent = self.user.linker.as_ref().filter(|user| user.linker.is_none());
        let line = |user: &UserLinker| {
            let links = self
                .linker
                .as_ref()
                .map_or("nothing".into(), |linker| linker.program().display().to_string());
            format!(
                "the linker {} ({}) is not on this machine; {links} links instead",
                user.named, user.origin
            )
        };
        absent.map(line).into_iter().collect()
    }

    /// Returns why this machine cannot run the programs of the job, or none if it can.
    pub fn not_run(&self) -> Option<&str> {
        match &self.runner {
            Runner::None { reason } => Some(reason),
            _ => None,
        }
    }

    /// Returns the job's title for messages, such as `native for aarch64-unknown-linux-musl`.
    pub fn title(&self) -> String {
        format!("{} for {}", self.mode.name, self.target.triple)
    }
}

/// Makes the plan of a run from the configuration, the findings and the request.
///
/// # Errors
/// [`xtask_files::error::ExitKind::Usage`] if the request names a mode that targets.toml does not have.
pub fn plan(config: &Config, findings: &Findings, request: &PlanRequest) -> Result<Plan> {
    if let Some(ModeRequest::Named(name)) = &request.mode {
        named(config, name)?;
    }
    let mut plan = Plan { jobs: Vec::new(), skipped: Vec::new(), asked: request.targets.clone() };
    for target in targets(config, &request.targets) {
        let one = OneTarget { config, findings, request, target: &target };
        match one.jobs() {
            Ok(jobs) => plan.jobs.extend(jobs),
            Err(reason) => plan.skipped.push(Skipped { target: target.triple.clone(), reason }),
        }
    }
    Ok(plan)
}

/// Returns the targets of a run: the requested ones, with the settings of targets.toml or the defaults, or
/// else all of targets.toml.
pub fn targets(config: &Config, asked: &[Triple]) -> Vec<Target> {
    if asked.is_empty() {
        return config.targets.clone();
    }
    let mut seen = BTreeSet::new();
    let known = |t: &Triple| config.targets.iter().find(|k| k.triple == *t).cloned();
    let asked = asked.iter().filter(|t| seen.insert((*t).clone()));
    asked.map(|t| known(t).unwrap_or_else(|| Target::with_defaults(t.clone()))).collect()
}

/// Returns the setup command that installs what the targets of a run lack. It names the targets of
/// `--target`, because targets.toml may not contain them, and setup without arguments examines only the
/// targets of targets.toml.
pub fn setup_command(asked: &[Triple]) -> String {
    asked.iter().fold("cargo xtask setup".to_owned(), |line, triple| format!("{line} {triple}"))
}

/// Returns the mode of this name.
///
/// # Errors
/// [`xtask_files::error::ExitKind::Usage`] if there is no such mode; the error lists the modes.
pub fn named<'c>(config: &'c Config, name: &str) -> Result<&'c Mode> {
    config.modes.iter().find(|m| m.name == name).ok_or_else(|| {
        let names: Vec<&str> = config.modes.iter().map(|m| m.name.as_str()).collect();
        Error::usage(format!("there is no mode `{name}` in {}", config.file.display()))
            .found(format!("the modes are {}", names.join(", ")))
    })
}

/// Returns the minimum glibc version of a target as text.
pub fn floor(target: &Target) -> Option<String> {
    target.glibc.as_ref().map(GlibcVersion::to_string)
}
