//! The plan: every job with its decision and the reason for it. A pure function of targets.toml, of what was found on
//! this machine, and of what was asked; `cargo xtask plan` prints the whole of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::{CcChoice, CcProvider, Config, GlibcVersion, Mode, ModeChoice, Need, OnFallback, Target};
use crate::error::{Error, Result};
use crate::rustflags::Linker;
use crate::toolchain::probe::Verdict;
use crate::toolchain::runner::Runner;
use crate::toolchain::survey::Survey;
use crate::toolchain::{Link, Provider, Toolchain, zig};
use crate::triple::{Libc, Platform, Triple};

pub mod json;

/// What the command line asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `--target`, in order; all of targets.toml where empty.
    pub targets: Vec<Triple>,
    /// `--mode`; each target's own choice where none.
    pub mode: Option<ModeRequest>,
    /// `--strict`: a fallback is an error.
    pub strict: bool,
    /// `--providers`; all where none.
    pub providers: Option<Vec<Provider>>,
}

/// `--mode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModeRequest {
    /// `auto`.
    Auto,
    /// A mode by name, which never falls back.
    Named(String),
    /// `all`: every mode, each as if asked for by name.
    All,
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
    /// `rust-lld`, where it was found.
    pub rust_lld: Option<PathBuf>,
    /// The host's own C driver, which rustc links host programs with.
    pub host_cc: Option<PathBuf>,
}

/// Whether a target's std is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdState {
    /// It can be used.
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
    /// The compiler.
    pub rustc: PathBuf,
    /// Its version, `1.95.0`.
    pub version: String,
    /// What tells two builds of one version apart: its commit, or its version where it says none.
    pub identity: String,
    /// `--sysroot`, where the std is not in the compiler's own.
    pub sysroot: Option<PathBuf>,
    /// Where the std's source lies if it is installed, and what stands for it in programs. Where a path is remapped,
    /// rustc writes the source's own place into what it compiles from it, if that place is there.
    pub source: (PathBuf, String),
    /// The std brings start files and a C library of its own (musl).
    pub self_contained: bool,
}

/// Everything that is to be done, and what cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The jobs, in the order of targets.toml and of its modes.
    pub jobs: Vec<Job>,
    /// Targets that nothing on this machine can build.
    pub skipped: Vec<Skipped>,
}

/// A target that is left out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// The target.
    pub target: Triple,
    /// Why, and what would change it.
    pub reason: String,
}

/// One program to build: a target in a mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The target with its settings.
    pub target: Target,
    /// Its OCI platform.
    pub platform: Option<Platform>,
    /// The mode that is built.
    pub mode: Mode,
    /// What was asked for: `auto` or a mode's name.
    pub requested: String,
    /// Why it is not the first mode.
    pub fallback: Option<Fallback>,
    /// The C toolchain; none in a mode that needs no C.
    pub toolchain: Option<Toolchain>,
    /// What links it.
    pub linker: Option<Linker>,
    /// Its std.
    pub std: Option<StdUse>,
    /// What runs it.
    pub runner: Runner,
    /// The images that it goes into.
    pub images: Vec<String>,
    /// What `setup` could mend and without which it cannot be built.
    pub lacks: Vec<String>,
}

/// A mode that was not the first choice.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fallback {
    /// The mode that would have been built.
    pub from: String,
    /// The fixed code that labels carry: `no-c-toolchain`, `no-c++-toolchain`.
    pub reason: &'static str,
    /// What was tried and what was found, a line each.
    pub tried: Vec<String>,
}

impl Job {
    /// Whether it can be built now.
    pub fn buildable(&self) -> bool {
        self.lacks.is_empty()
    }

    /// Whether it must reach no C compiler.
    pub fn pure(&self) -> bool {
        self.mode.needs.is_empty()
    }

    /// `native for aarch64-unknown-linux-musl`.
    pub fn title(&self) -> String {
        format!("{} for {}", self.mode.name, self.target.triple)
    }
}

/// Why a mode cannot be built for a target.
enum Unmet {
    /// `setup` can mend it.
    Mendable(String),
    /// It cannot.
    Final(String),
}

/// Makes the plan.
///
/// # Errors
/// [`crate::error::Kind::Usage`] where a mode is asked for that targets.toml does not have.
pub fn plan(config: &Config, findings: &Findings, request: &Request) -> Result<Plan> {
    if let Some(ModeRequest::Named(name)) = &request.mode {
        named(config, name)?;
    }
    let mut plan = Plan { jobs: Vec::new(), skipped: Vec::new() };
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

/// The mode of this name.
///
/// # Errors
/// [`crate::error::Kind::Usage`] where there is none, with those that there are.
pub fn named<'c>(config: &'c Config, name: &str) -> Result<&'c Mode> {
    config.modes.iter().find(|m| m.name == name).ok_or_else(|| {
        let names: Vec<&str> = config.modes.iter().map(|m| m.name.as_str()).collect();
        Error::usage(format!("there is no mode `{name}` in {}", config.file.display()))
            .found(format!("the modes are {}", names.join(", ")))
    })
}

struct OneTarget<'a> {
    config: &'a Config,
    findings: &'a Findings,
    request: &'a Request,
    target: &'a Target,
}

impl OneTarget<'_> {
    /// The jobs of this target, or why there are none.
    fn jobs(&self) -> Result<Vec<Job>, String> {
        if self.target.triple.libc() == Libc::Other {
            return Err(format!(
                "{} is not supported yet: only Linux with glibc or musl is",
                self.target.triple
            ));
        }
        if let Some(StdState::Absent(reason)) = self.findings.stds.get(&self.target.triple) {
            return Err(reason.clone());
        }
        let by_name =
            |name: &str| -> Vec<&Mode> { self.config.modes.iter().filter(|m| m.name == name).collect() };
        let modes: Vec<&Mode> = match (&self.request.mode, &self.target.mode) {
            (Some(ModeRequest::All), _) => self.config.modes.iter().collect(),
            (Some(ModeRequest::Named(name)), _) | (None, ModeChoice::Named(name)) => by_name(name),
            (Some(ModeRequest::Auto), _) | (None, ModeChoice::Auto) => return Ok(vec![self.auto()?]),
        };
        let jobs: Vec<Result<Job, String>> = modes.into_iter().map(|m| self.by_name(m)).collect();
        // With `all`, a mode that is out of reach does not take the others with it.
        let reasons = || jobs.iter().filter_map(|j| j.as_ref().err().cloned()).collect::<Vec<_>>().join("; ");
        if jobs.iter().all(std::result::Result::is_err) {
            return Err(reasons());
        }
        Ok(jobs.into_iter().flatten().collect())
    }

    fn by_name(&self, mode: &Mode) -> Result<Job, String> {
        let lacks = match self.unmet(mode) {
            None => Vec::new(),
            Some(Unmet::Mendable(lack)) => vec![lack],
            Some(Unmet::Final(reason)) => return Err(format!("mode {}: {reason}", mode.name)),
        };
        self.job(mode, mode.name.clone(), None, lacks)
    }

    /// The first mode whose needs are met; the reason, where that is not the first.
    fn auto(&self) -> Result<Job, String> {
        let mut reasons = Vec::new();
        for mode in &self.config.modes {
            let Some(unmet) = self.unmet(mode) else {
                let first = &self.config.modes[0];
                let fallback = (first.name != mode.name).then(|| Fallback {
                    from: first.name.clone(),
                    reason: self.reason_code(first),
                    tried: self.survey().map(Survey::lines).unwrap_or_default(),
                });
                return self.job(mode, "auto".into(), fallback, Vec::new());
            };
            reasons.push((mode, unmet));
        }
        // No mode can be built: what setup could mend makes the first choice a job that waits for it.
        let waiting = reasons.iter().find_map(|(mode, unmet)| match unmet {
            Unmet::Mendable(lack) => Some((*mode, lack.clone())),
            Unmet::Final(_) => None,
        });
        match waiting {
            Some((mode, lack)) => self.job(mode, "auto".into(), None, vec![lack]),
            None => Err(reasons
                .into_iter()
                .map(|(mode, unmet)| match unmet {
                    Unmet::Mendable(reason) | Unmet::Final(reason) => format!("mode {}: {reason}", mode.name),
                })
                .collect::<Vec<_>>()
                .join("; ")),
        }
    }

    fn survey(&self) -> Option<&Survey> {
        self.findings.surveys.get(&self.target.triple)
    }

    fn toolchain(&self) -> Option<&Toolchain> {
        self.survey().and_then(|s| s.chosen.as_ref())
    }

    fn reason_code(&self, mode: &Mode) -> &'static str {
        match self.toolchain() {
            Some(t) if mode.needs.contains(&Need::Cxx) && t.cxx.is_none() => "no-c++-toolchain",
            _ => "no-c-toolchain",
        }
    }

    /// What keeps a mode from being built for this target, its std left aside.
    fn unmet(&self, mode: &Mode) -> Option<Unmet> {
        let triple = &self.target.triple;
        if mode.needs.is_empty() {
            return self
                .linker(mode)
                .is_none()
                .then(|| self.no_toolchain(&format!("nothing can link for {triple}")));
        }
        match self.toolchain() {
            None => Some(self.no_toolchain(&format!("no C toolchain works for {triple}"))),
            Some(toolchain) if mode.needs.contains(&Need::Cxx) && toolchain.cxx.is_none() => {
                Some(self.no_toolchain(&format!("{} has no C++ compiler for {triple}", toolchain.version)))
            }
            Some(_) => None,
        }
    }

    /// Whether setup could get a toolchain: zig serves every target that it has a name for, with C++, unless the run or
    /// the user's own choice leaves it out.
    fn no_toolchain(&self, what: &str) -> Unmet {
        let explicit = self
            .survey()
            .and_then(|s| s.tried.first())
            .filter(|(candidate, _)| matches!(candidate.provider, Provider::Env | Provider::Config));
        if let Some((candidate, _)) = explicit {
            return Unmet::Final(format!(
                "{what}: {} is what was asked for, see `cargo xtask explain {}`",
                candidate.origin, self.target.triple
            ));
        }
        let broken =
            self.survey().and_then(|s| s.tried.iter().find(|(_, v)| matches!(v, Verdict::Broken { .. })));
        let what = match broken {
            Some((candidate, _)) => format!(
                "{what}: {} is there and broken, see `cargo xtask explain {}`",
                candidate.origin, self.target.triple
            ),
            None => what.to_owned(),
        };
        let zig = self.request.providers.as_ref().is_none_or(|list| list.contains(&Provider::Zig));
        match &self.target.cc {
            Some(CcChoice::Provider(provider)) if *provider != CcProvider::Zig => Unmet::Final(format!(
                "{what}, and cc = \"{}\" in targets.toml leaves out what setup could get",
                provider.as_str()
            )),
            _ if !zig => Unmet::Final(format!("{what}, and --providers leaves out what setup could get")),
            _ if zig::target_flags(&self.target.triple, None).is_some() => Unmet::Mendable(what),
            _ => Unmet::Final(what),
        }
    }

    /// What links a mode's program. A pure program for musl never meets a C driver where `rust-lld` can link it, so
    /// that its bytes do not depend on which compilers a machine has.
    fn linker(&self, mode: &Mode) -> Option<Linker> {
        let driver = |t: &Toolchain| Linker::Driver { program: t.linker.clone(), link: t.link };
        if !mode.needs.is_empty() {
            return self.toolchain().map(driver);
        }
        let triple = &self.target.triple;
        let std = match self.findings.stds.get(triple) {
            Some(StdState::Ready(std)) => Some(std),
            _ => None,
        };
        let musl = triple.libc() == Libc::Musl;
        let self_contained = musl && std.is_none_or(|std| std.self_contained);
        if self_contained && let Some(program) = self.findings.rust_lld.clone() {
            return Some(Linker::RustLld { program });
        }
        let host = self.findings.host_cc.clone().filter(|_| *triple == self.findings.host);
        let host = host.map(|program| Linker::Driver { program, link: Link::Driver });
        host.or_else(|| self.toolchain().map(driver))
    }

    fn job(
        &self,
        mode: &Mode,
        requested: String,
        fallback: Option<Fallback>,
        mut lacks: Vec<String>,
    ) -> Result<Job, String> {
        let triple = &self.target.triple;
        let std = match self.findings.stds.get(triple) {
            Some(StdState::Ready(std)) => Some(std.clone()),
            Some(StdState::Obtainable(how)) => {
                lacks.push(format!("Rust's std for {triple}: {how}"));
                None
            }
            Some(StdState::Absent(reason)) => return Err(reason.clone()),
            None => return Err(format!("nothing is known of Rust's std for {triple}")),
        };
        let images = self.config.images.iter().filter(|i| i.targets.contains(triple));
        let runner = self.findings.runners.get(triple).cloned();
        Ok(Job {
            platform: triple.platform(),
            requested,
            fallback,
            toolchain: self.toolchain().filter(|_| !mode.needs.is_empty()).cloned(),
            linker: self.linker(mode),
            std,
            runner: runner.unwrap_or(Runner::None { reason: "no runner was looked for".into() }),
            images: images.map(|i| i.name.clone()).collect(),
            lacks,
            mode: mode.clone(),
            target: self.target.clone(),
        })
    }
}

impl Plan {
    /// The plan for a run in which a fallback is an error for some targets.
    ///
    /// # Errors
    /// [`crate::error::Kind::Missing`], naming every job that fell back where `--strict` or `on-fallback = "fail"`
    /// forbids it, before anything is built.
    pub fn check_fallbacks(&self, strict: bool) -> Result<()> {
        let forbidden: Vec<(&Job, &Fallback)> = self
            .jobs
            .iter()
            .filter(|job| strict || job.target.on_fallback == OnFallback::Fail)
            .filter_map(|job| job.fallback.as_ref().map(|f| (job, f)))
            .collect();
        if forbidden.is_empty() {
            return Ok(());
        }
        let mut error = Error::missing(match forbidden.as_slice() {
            [(job, fallback)] => {
                format!(
                    "mode {} cannot be built for {}, and a fallback is not allowed",
                    fallback.from, job.target.triple
                )
            }
            list => format!("{} targets would fall back to another mode, which is not allowed", list.len()),
        });
        for (job, fallback) in &forbidden {
            let rule = if strict { "--strict" } else { "on-fallback = \"fail\"" };
            error = error.found(format!(
                "{}: would be {} instead of {} ({}; forbidden by {rule})",
                job.target.triple, job.mode.name, fallback.from, fallback.reason
            ));
            for line in &fallback.tried {
                error = error.found(format!("tried {line}"));
            }
        }
        Err(error.help("get a toolchain: cargo xtask setup --yes").help(format!(
            "see what each candidate said: cargo xtask explain {}",
            forbidden[0].0.target.triple
        )))
    }

    /// What keeps this plan from being carried out whole, as the error that ends the command after the rest is done.
    pub fn incomplete(&self) -> Option<Error> {
        let waiting: Vec<&Job> = self.jobs.iter().filter(|j| !j.buildable()).collect();
        if waiting.is_empty() && self.skipped.is_empty() {
            return None;
        }
        let mut error = Error::missing(format!(
            "{} of {} jobs cannot be built on this machine as it is",
            waiting.len() + self.skipped.len(),
            self.jobs.len() + self.skipped.len()
        ));
        for job in &waiting {
            error = error.found(format!("{}: {}", job.title(), job.lacks.join("; ")));
        }
        for skipped in &self.skipped {
            error = error.found(format!("{}: {}", skipped.target, skipped.reason));
        }
        Some(if waiting.is_empty() { error } else { error.help("get what is missing: cargo xtask setup") })
    }
}

/// The glibc floor of a target as text.
pub fn floor(target: &Target) -> Option<String> {
    target.glibc.as_ref().map(GlibcVersion::to_string)
}
