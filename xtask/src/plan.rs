//! The plan: every job with its decision and the reason for it. A pure function of targets.toml, of what was found on
//! this machine, and of what was asked; `cargo xtask plan` prints the whole of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

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
mod refuse;

use decide::OneTarget;
pub(crate) use decide::is_static;

/// What the command line asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanRequest {
    /// `--target`, in order; all of targets.toml where empty.
    pub targets: Vec<Triple>,
    /// `--mode`; each target's own choice where none.
    pub mode: Option<ModeRequest>,
    /// `--strict`: a fallback is an error.
    pub strict: bool,
    /// `--locked`: any other toolchain than the locked one is an error.
    pub locked: bool,
    /// `--providers`; all where none.
    pub providers: Option<Vec<Provider>>,
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
    /// Whether a run that asks for this builds a target.
    pub fn wants(&self, target: &Triple) -> bool {
        self.targets.is_empty() || self.targets.contains(target)
    }

    /// The targets of an image that are built, and those that `--target` leaves out.
    pub fn split<'i>(&self, image: &'i Image) -> (Vec<&'i ImageTarget>, Vec<&'i ImageTarget>) {
        image.targets.iter().partition(|target| self.wants(&target.triple))
    }
}

/// What was found on this machine for the targets of a run.
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
    /// The providers for which setup could install something for each target that is not here yet.
    pub obtainable: BTreeMap<Triple, BTreeSet<Provider>>,
    /// `rust-lld`, where it was found.
    pub rust_lld: Option<PathBuf>,
    /// The host's own C driver, which rustc links host programs with.
    pub host_cc: Option<PathBuf>,
    /// What the user set for each target.
    pub user: BTreeMap<Triple, UserSettings>,
    /// The wrapper of rustc that Cargo is told to use and that is not here.
    pub absent_wrapper: Option<Lack>,
}

/// Whether the std of a target is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdState {
    /// The std is on this machine and can be used.
    Ready(StdUse),
    /// `setup` can get it; the text says how.
    Obtainable(String),
    /// Nothing here can get it; the text says why and what would.
    Absent(String),
}

/// A std that can be used, and the rustc it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StdUse {
    /// Where it comes from: `rustc` (its own sysroot), `built` (our cache).
    pub provider: &'static str,
    /// The path of the rustc that the std belongs to.
    pub rustc: PathBuf,
    /// The version of that rustc, such as `1.95.0`.
    pub version: String,
    /// What tells two builds of one version apart: its commit, or its version where it says none.
    pub identity: String,
    /// `--sysroot`, where the std is not in the compiler's own.
    pub sysroot: Option<PathBuf>,
    /// The folder that its libraries for the target lie in.
    pub libraries: PathBuf,
    /// Where the std's source lies if it is installed, and what stands for it in programs. Where a path is remapped,
    /// rustc writes the source's own place into what it compiles from it, if that place is there.
    pub source: (PathBuf, String),
    /// The std brings start files and a C library of its own (musl).
    pub self_contained: bool,
}

/// Everything that the run is to do, and the targets that it cannot build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The jobs, in the order of targets.toml and of its modes.
    pub jobs: Vec<Job>,
    /// Targets that nothing on this machine can build.
    pub skipped: Vec<Skipped>,
    /// The targets that were asked for, as [`PlanRequest::targets`].
    pub asked: Vec<Triple>,
}

/// A target that is left out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// The triple of the target that is left out.
    pub target: Triple,
    /// Why, and what would change it.
    pub reason: String,
}

/// One program to build: a target in a mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The target with its settings.
    pub target: Target,
    /// The OCI platform of the target; none where it has none.
    pub platform: Option<Platform>,
    /// The mode that the program is built in.
    pub mode: Mode,
    /// What was asked for: `auto` or a mode's name.
    pub requested: String,
    /// Why it is not the first mode.
    pub fallback: Option<Fallback>,
    /// The C toolchain; none in a mode that needs no C.
    pub toolchain: Option<Toolchain>,
    /// The linker of the program: a C toolchain's driver or `rust-lld`.
    pub linker: Option<Linker>,
    /// The std that the program is built with.
    pub std: Option<StdUse>,
    /// How the program is run on this machine.
    pub runner: Runner,
    /// What the user set for the target.
    pub user: UserSettings,
    /// The flags, the user's own and those of targets.toml, that ask for a processor of x86-64.
    pub processors: Vec<ProcessorFlag>,
    /// The names of the images that the program goes into.
    pub images: Vec<String>,
    /// What it lacks on this machine, without which it cannot be built yet.
    pub lacks: Vec<Lack>,
}

/// Something that a job lacks on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What is missing or wrong, in words.
    pub what: String,
    /// What mends it.
    pub mend: Mend,
}

/// What mends a lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// `cargo xtask setup` does, which looks for the same lacks.
    Setup,
    /// A person does, to the machine: the text says how.
    Machine(String),
}

impl Lack {
    /// A lack that setup mends.
    pub fn of_setup(what: impl Into<String>) -> Self {
        Self { what: what.into(), mend: Mend::Setup }
    }
}

/// A mode that was not the first choice.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fallback {
    /// The mode that would have been built.
    pub from: String,
    /// The fixed code that labels carry: `no-c-toolchain`, `no-c++-toolchain`, `no-dlopen`.
    pub reason: &'static str,
    /// What was tried and what was found, a line each.
    pub tried: Vec<String>,
    /// Why setup could not get what is missing; none where it can.
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

    /// Returns what it lacks, in one line.
    pub fn lacking(&self) -> String {
        self.lacks.iter().map(|lack| lack.what.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// What the user named for the job and what is used in its place, a line each.
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

    /// Returns the job's title for messages, such as `native for aarch64-unknown-linux-musl`.
    pub fn title(&self) -> String {
        format!("{} for {}", self.mode.name, self.target.triple)
    }
}

/// Makes the plan.
///
/// # Errors
/// [`xtask_files::error::ExitKind::Usage`] where a mode is asked for that targets.toml does not have.
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

/// The targets of a run: those asked for, with the settings of targets.toml or the defaults, else all of them.
pub fn targets(config: &Config, asked: &[Triple]) -> Vec<Target> {
    if asked.is_empty() {
        return config.targets.clone();
    }
    let mut seen = BTreeSet::new();
    let known = |t: &Triple| config.targets.iter().find(|k| k.triple == *t).cloned();
    let asked = asked.iter().filter(|t| seen.insert((*t).clone()));
    asked.map(|t| known(t).unwrap_or_else(|| Target::with_defaults(t.clone()))).collect()
}

/// The command that gets what the targets of a run lack. Those of `--target` are named: targets.toml need not have them,
/// and without names setup looks at those of targets.toml.
pub fn setup_command(asked: &[Triple]) -> String {
    asked.iter().fold("cargo xtask setup".to_owned(), |line, triple| format!("{line} {triple}"))
}

/// The mode of this name.
///
/// # Errors
/// [`xtask_files::error::ExitKind::Usage`] where there is none, with those that there are.
pub fn named<'c>(config: &'c Config, name: &str) -> Result<&'c Mode> {
    config.modes.iter().find(|m| m.name == name).ok_or_else(|| {
        let names: Vec<&str> = config.modes.iter().map(|m| m.name.as_str()).collect();
        Error::usage(format!("there is no mode `{name}` in {}", config.file.display()))
            .found(format!("the modes are {}", names.join(", ")))
    })
}

/// The glibc floor of a target as text.
pub fn floor(target: &Target) -> Option<String> {
    target.glibc.as_ref().map(GlibcVersion::to_string)
}
