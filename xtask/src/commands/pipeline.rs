//! The steps that all making commands share: examine the machine, plan, build, verify, pack.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::owner;
use crate::base_selection::{self, Prospect, Weight};
use crate::build::Built;
use crate::cargo::builder::Builder;
use crate::cargo::invocation::CargoContext;
use crate::cli::{Common, Planning, SetupFlag};
use crate::discovery::{self, Discovery};
use crate::failure::Failure;
use crate::plan::{self, Job, ModeRequest, Plan, PlanRequest};
use crate::rebuild::repository;
use crate::record::{FailedJob, ProgramOrigin, StoredProgram};
use crate::session::Session;
use crate::smoke;
use crate::toolchain_lock::observe::Observer;
use crate::toolchain_lock::{self, ToolchainLock};
use crate::verify::{self, Verified};
use xtask_compilers::toolchain::candidates::own_roots;
use xtask_compilers::toolchain::survey::Depth;
use xtask_config::Config;
use xtask_files::FileLock;
use xtask_files::error::{Error, ExitKind, Result};
use xtask_process::exec;
use xtask_process::ui::in_ci;
use xtask_report::timing::ReleaseStage;
use xtask_triple::Triple;

/// The state of a run after planning.
pub(super) struct PlannedRun {
    pub(super) session: Session,
    pub(super) config: Config,
    pub(super) request: PlanRequest,
    pub(super) look: Discovery,
    pub(super) plan: Plan,
    /// Whether the user agreed that missing packages are fetched.
    pub(super) setup: SetupFlag,
    turn: OnceCell<Option<FileLock>>,
}

/// Reads the workspace, examines the machine and plans. With `--setup` it first installs what is missing.
pub(super) fn start(
    common: &Common,
    planning: &Planning,
    setup: SetupFlag,
    json: bool,
) -> Result<PlannedRun> {
    planned(Session::open(common, json)?, planning, setup)
}

/// Works as [`start`], in a session that is open.
fn planned(session: Session, planning: &Planning, setup: SetupFlag) -> Result<PlannedRun> {
    let config = session.config()?;
    let request = PlanRequest { part: session.part.is_some(), ..session.request(&config, planning)? };
    if setup.setup {
        super::setup::provide(&session, &config, &request.targets, false, true)?;
    }
    let look = discovery::look(&session, &config, &request, Depth::First)?;
    let plan = plan::plan(&config, &look.findings, &request)?;
    Ok(PlannedRun { session, config, request, look, plan, setup, turn: OnceCell::new() })
}

/// Warns if another workspace has the same target folder, and moves that workspace's sizes and timings aside.
pub(super) fn claim(session: &Session) {
    let Session { ui, workspace, .. } = session;
    match owner::claim(&workspace.root, &session.whole_dist(), &session.work()) {
        Ok(None) => {}
        Ok(Some(other)) => ui.warn(format!(
            "the target folder {} is also that of the workspace {}: what either makes replaces what the other made in {}\n  \
             help: give each workspace its own: CARGO_TARGET_DIR, or build.target-dir in Cargo's configuration",
            workspace.target_directory.display(),
            other.display(),
            session.whole_dist().display()
        )),
        Err(error) => ui.warn(error.to_string()),
    }
}

impl PlannedRun {
    /// Prints the fallbacks with their reasons, and ends the run if one is forbidden. Builds nothing.
    pub(super) fn check(&self) -> Result<()> {
        for job in &self.plan.jobs {
            for line in job.replaced() {
                self.session.ui.warn(format!("{}: {line}", job.target.triple));
            }
            if let Some(fallback) = &job.fallback {
                let tried: String = fallback
                    .tried
                    .iter()
                    .map(|t| format!("\n  tried {}", t.replace('\n', "\n    ")))
                    .collect();
                self.session.ui.warn(format!(
                    "{}: mode {} instead of {} ({}){tried}",
                    job.target.triple, job.mode.name, fallback.from, fallback.reason
                ));
            }
        }
        self.plan.check_fallbacks(self.request.strict)?;
        self.plan.check_replaced(self.request.strict)?;
        self.check_lock()?;
        match self.plan.incomplete() {
            Some(error) if !self.plan.jobs.iter().any(Job::buildable) => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the tools with which the plan builds, in the terms of the lock.
    pub(super) fn observed(&self) -> Result<ToolchainLock> {
        let Session { host, cache, .. } = &self.session;
        Observer::new(host, &self.look.findings, cache).plan(&self.plan.jobs)
    }

    /// Compares the plan with toolchains.lock. An error comes before anything is built.
    pub(super) fn check_lock(&self) -> Result<()> {
        let Some(lock) = &self.look.lock else {
            return match self.request.locked {
                true => Err(Error::usage(format!("--locked needs a {}", toolchain_lock::FILE_NAME))
                    .found("the workspace has none")
                    .help("write it: cargo xtask lock")),
                false => Ok(()),
            };
        };
        let Session { host, ui, .. } = &self.session;
        let locked = self.request.locked || in_ci(host.var_os("CI"));
        toolchain_lock::check(lock, &self.observed()?, &self.plan, locked, ui)
    }

    /// Waits until no other run builds, verifies or packs in this workspace, and blocks other runs until this
    /// one ends. Otherwise one run could verify and pack what the other has just built in its place. Removes
    /// the leftovers of killed runs.
    pub(super) fn take_turn(&self) {
        self.turn.get_or_init(|| {
            let lock = turn_of(&self.session, "lock");
            if lock.is_some() {
                verify::sweep(&self.session.dist());
            }
            claim(&self.session);
            lock
        });
    }

    /// Builds the planned jobs and verifies them.
    pub(super) fn made(&self) -> Result<Vec<Verified>> {
        self.check()?;
        self.judged()
    }

    /// Builds the planned jobs without verifying them.
    pub(super) fn stored(&self) -> Result<Vec<std::result::Result<StoredProgram, FailedJob>>> {
        self.check()?;
        verify::store(self.built()?, &self.builder(), &self.session.dist())
    }

    /// Returns what is known about the bases of images before anything is built.
    pub(super) fn prospects(&self) -> Vec<Prospect> {
        let locks = self.session.locks();
        let bases = self.session.bases(&locks, &self.config, self.setup, self.request.strict);
        base_selection::ahead(&self.config, &self.request, &self.plan, &bases)
    }

    fn check_bases(&self) -> Result<()> {
        let prospects = self.prospects();
        for prospect in prospects.iter().filter(|prospect| prospect.weight == Weight::Likely) {
            self.session.ui.warn(prospect.error.to_string());
        }
        let sure = prospects.into_iter().filter(|prospect| prospect.weight == Weight::Sure);
        let mut errors: Vec<Error> = sure.map(|prospect| prospect.error).collect();
        // Faults come before missing tools.
        errors.sort_by_key(|error| error.kind == ExitKind::Missing);
        let all = errors.into_iter().reduce(|mut first, other| {
            first.found.push(other.what);
            first.found.extend(other.found);
            first.help.extend(other.help);
            first
        });
        all.map_or(Ok(()), Err)
    }

    fn judged(&self) -> Result<Vec<Verified>> {
        let built = self.session.stages.time(ReleaseStage::Build, || self.built())?;
        verify::verify(built, &self.builder(), &self.session.dist())
    }

    fn built(&self) -> Result<Vec<Built>> {
        self.take_turn();
        if !self.config.images.is_empty() {
            crate::image_spec::rootfs_tar(&self.session.dist())?;
        }
        self.builder().build(&self.plan)
    }

    /// Returns the inputs of all cargo calls of the run.
    pub(super) fn builder(&self) -> Builder<'_> {
        self.session.builder(&self.config, self.site())
    }

    /// Returns the context of all cargo calls of the run.
    pub(super) fn site(&self) -> CargoContext<'_> {
        let targets: Vec<&Triple> = self.plan.jobs.iter().map(|job| &job.target.triple).collect();
        let mut site = self.session.site(self.look.findings.host_cc.as_deref(), &targets);
        site.renamed.extend(own_roots(&self.config.providers, targets.into_iter(), &self.session.host));
        CargoContext { files: self.session.target_files(&self.plan.jobs), ..site }
    }

    /// Returns the origin of the program.
    pub(super) fn origin(&self) -> Result<ProgramOrigin<'_>> {
        Ok(ProgramOrigin {
            package: self.session.package(&self.config)?,
            revision: exec::first_line(&self.session.workspace.root, "git", &["rev-parse", "HEAD"]),
            created: created(self.session.host.var("SOURCE_DATE_EPOCH"))?,
        })
    }

    /// Returns the folder that contains the whole project: the top folder of the checkout if git tracks the
    /// workspace's manifest, or else the workspace.
    pub(super) fn top(&self) -> PathBuf {
        let root = &self.session.workspace.root;
        repository::top(root).ok().flatten().unwrap_or_else(|| root.clone())
    }

    /// Returns the folder in which packing remembers what it packed.
    pub(super) fn memo(&self) -> PathBuf {
        self.session.work().join("packed")
    }

    /// Points a CI service at a failed job, and at the line where a compiler failed. C compilers name files as they are
    /// called, in the folder of the package.
    fn point_at(&self, failed: &FailedJob) {
        let Session { ui, workspace, .. } = &self.session;
        let place = failed.failures().first().and_then(Failure::place);
        let inside =
            |folder: &Path| place.map(|place| folder.join(&place.file)).filter(|file| file.is_file());
        let of_members = || {
            let files: BTreeSet<PathBuf> =
                workspace.packages.iter().filter_map(|it| inside(&it.dir)).collect();
            files.first().cloned().filter(|_| files.len() == 1)
        };
        let file = inside(&workspace.root).or_else(of_members);
        let place = place.and_then(|place| Some((file.as_deref()?, place.line, place.column)));
        let mend = failed.failures().first().and_then(Failure::mend);
        let why = mend.and_then(|(why, _)| why).map(|why| format!("\ncause: {why}")).unwrap_or_default();
        let help = mend.map(|(_, help)| format!("\nhelp: {help}")).unwrap_or_default();
        ui.point_at(&failed.job().title(), &format!("{}{why}{help}", failed.headline()), place);
    }

    /// Returns the result of the command. A failure takes precedence over something missing.
    pub(super) fn end<P>(&self, jobs: &[std::result::Result<P, FailedJob>]) -> Result<()> {
        let failed: Vec<&FailedJob> = jobs.iter().filter_map(|job| job.as_ref().err()).collect();
        if failed.is_empty() {
            return self.plan.incomplete().map_or(Ok(()), Err);
        }
        let mut error = Error::failed(format!("{} of {} jobs failed", failed.len(), jobs.len()));
        for failed in failed {
            self.point_at(failed);
            error = error.found(format!("{}: {}", failed.job().title(), failed.headline()));
            if let Some((why, help)) = failed.failures().first().and_then(Failure::mend) {
                error = why.into_iter().fold(error, |error, why| error.found(format!("cause: {why}")));
                // Jobs with the same fault have the same fix.
                error = if error.help.iter().any(|line| line == help) { error } else { error.help(help) };
            }
        }
        if let Some(missing) = self.plan.incomplete() {
            error = error.found(missing.what);
        }
        Err(error)
    }
}

/// Waits until no other run in this workspace holds the lock of this name. Returns none if the file system has no
/// locks.
pub(super) fn turn_of(session: &Session, name: &str) -> Option<FileLock> {
    let ui = &session.ui;
    let waiting = || ui.step("Waiting", "for another run in this workspace");
    let path = session.work().join(name);
    let lock = FileLock::exclusive(&path, waiting).and_then(|lock| lock.required(&path));
    if let Err(error) = &lock {
        // Some network file systems have no locks. Then the user must run one command at a time.
        ui.warn(error.to_string());
    }
    lock.ok()
}

/// A run that packs. It builds each target in one mode, because an image or an archive contains one program
/// for each target.
pub(super) struct Packing(PlannedRun);

/// Works as [`start`], for the packing command of this name.
///
/// # Errors
/// As [`start`], or `--mode all` was given.
pub(super) fn packing(
    common: &Common,
    planning: &Planning,
    setup: SetupFlag,
    json: bool,
    command: &str,
) -> Result<Packing> {
    packing_in(Session::open(common, json)?, planning, setup, command)
}

/// Works as [`packing`], in a session that is open.
pub(super) fn packing_in(
    session: Session,
    planning: &Planning,
    setup: SetupFlag,
    command: &str,
) -> Result<Packing> {
    let start = planned(session, planning, setup)?;
    match start.request.mode {
        None | Some(ModeRequest::Auto | ModeRequest::Named(_)) => Ok(Packing(start)),
        Some(ModeRequest::All) => Err(Error::usage(format!(
            "{command} does not accept --mode all; build, verify, test and bench do"
        ))
        .found("an image or an archive contains one program for each target")),
    }
}

impl Packing {
    /// Builds and verifies the programs to pack, unless it is already known that a base cannot be obtained.
    pub(super) fn verified(&self) -> Result<Vec<Verified>> {
        self.check()?;
        self.check_bases()?;
        if !self.config.images.is_empty() {
            // An invalid choice of an engine is reported before anything is built.
            smoke::chosen(&self.session.host)?;
        }
        self.judged()
    }
}

impl std::ops::Deref for Packing {
    type Target = PlannedRun;

    fn deref(&self) -> &PlannedRun {
        &self.0
    }
}

/// The last second of the year 9999. RFC 3339 has four digits for years, and tars with later times are
/// rejected.
const CREATED_MAX: u64 = 253_402_300_799;

/// Parses `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>). The default is 0.
fn created(value: Option<&str>) -> Result<u64> {
    let Some(text) = value else { return Ok(0) };
    text.parse().ok().filter(|seconds| *seconds <= CREATED_MAX).ok_or_else(|| {
        Error::usage(format!("SOURCE_DATE_EPOCH={text} is not a number of seconds since 1970"))
            .help(format!("write 0 to {CREATED_MAX}, the last second of the year 9999"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_no_tar_can_have_are_refused() {
        assert_eq!(created(None).unwrap(), 0);
        assert_eq!(created(Some("253402300799")).unwrap(), CREATED_MAX);
        for text in ["253402300800", "18446744073709551615", "-1", "1.5", "now"] {
            let error = created(Some(text)).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("9999"), "{error}");
        }
    }
}
