//! The way that all making commands share: look at the machine, plan, build, verify, pack.

use std::cell::OnceCell;
use std::path::PathBuf;

use crate::build::Builder;
use crate::cli::{Common, Planning, SetupFlag};
use crate::look::{self, Look};
use crate::place::{self, Prospect, Weight};
use crate::plan::{self, Job, ModeRequest, Plan, Request};
use crate::rebuild::repository;
use crate::session::Session;
use crate::ship::Origin;
use crate::verify::{self, Extent, Verified};
use xtask_compilers::toolchain::survey::Depth;
use xtask_config::Config;
use xtask_files::Lock;
use xtask_files::error::{Error, Kind, Result};
use xtask_process::exec;

/// Everything up to the plan.
pub(super) struct Start {
    pub(super) session: Session,
    pub(super) config: Config,
    pub(super) request: Request,
    pub(super) look: Look,
    pub(super) plan: Plan,
    /// Whether a person agreed that what is missing is fetched.
    pub(super) setup: SetupFlag,
    turn: OnceCell<Option<Lock>>,
}

/// Reads, looks and plans; with `--setup` it first gets what is missing.
pub(super) fn start(common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<Start> {
    let session = Session::open(common, json)?;
    let config = session.config()?;
    let request = session.request(&config, planning)?;
    if setup.setup {
        super::setup::provide(&session, &config, &request.targets, false, true)?;
    }
    let look = look::look(&session, &config, &request, Depth::First)?;
    let plan = plan::plan(&config, &look.findings, &request)?;
    Ok(Start { session, config, request, look, plan, setup, turn: OnceCell::new() })
}

impl Start {
    /// Says what falls back and why, and ends here where that is not allowed. Builds nothing.
    pub(super) fn check(&self) -> Result<()> {
        for job in &self.plan.jobs {
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
        match self.plan.incomplete() {
            Some(error) if !self.plan.jobs.iter().any(Job::buildable) => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until no other run builds, judges or packs in this workspace, and keeps others waiting until this one
    /// ends: else one could judge and pack what the other has just built in its place. Removes what killed runs left.
    pub(super) fn take_turn(&self) {
        self.turn.get_or_init(|| {
            let lock = self.turn_of("lock");
            if lock.is_some() {
                verify::sweep(&self.session.dist());
            }
            lock
        });
    }

    /// Waits until no other run in this workspace holds the lock of this name; none where the file system has no locks.
    pub(super) fn turn_of(&self, name: &str) -> Option<Lock> {
        let ui = &self.session.ui;
        let waiting = || ui.step("Waiting", "for another run in this workspace");
        let path = self.session.work().join(name);
        let lock = Lock::exclusive(&path, waiting).and_then(|lock| lock.required(&path));
        if let Err(error) = &lock {
            // Some network file systems know no locks; then one run at a time is the user's care.
            ui.warn(error.to_string());
        }
        lock.ok()
    }

    /// Refuses `--mode all` where one program a target is wanted.
    pub(super) fn one_mode_each(&self, command: &str) -> Result<()> {
        if self.request.mode == Some(ModeRequest::All) {
            return Err(Error::usage(format!(
                "--mode all is for build, verify, test and bench, not for {command}"
            ))
            .found("an image or an archive holds one program for each target"));
        }
        Ok(())
    }

    /// Builds and verifies what is to be packed, unless it is known by now that a base cannot be had.
    pub(super) fn verified(&self) -> Result<Vec<Verified>> {
        self.check()?;
        self.check_bases()?;
        self.checked_and_made(Extent::Judge)
    }

    /// Builds, and goes on as far as is said.
    pub(super) fn made(&self, extent: Extent) -> Result<Vec<Verified>> {
        self.check()?;
        self.checked_and_made(extent)
    }

    /// What is known of the bases of images before anything is built.
    pub(super) fn prospects(&self) -> Vec<Prospect> {
        let locks = self.session.locks();
        let bases = self.session.bases(&locks, self.setup, self.request.strict);
        place::ahead(&self.config, &self.request, &self.plan, &self.look.findings.user_flags, &bases)
    }

    fn check_bases(&self) -> Result<()> {
        let prospects = self.prospects();
        for prospect in prospects.iter().filter(|prospect| prospect.weight == Weight::Likely) {
            self.session.ui.warn(prospect.error.to_string());
        }
        let sure = prospects.into_iter().filter(|prospect| prospect.weight == Weight::Sure);
        let mut errors: Vec<Error> = sure.map(|prospect| prospect.error).collect();
        // What is wrong comes before what is missing.
        errors.sort_by_key(|error| error.kind == Kind::Missing);
        let all = errors.into_iter().reduce(|mut first, other| {
            first.found.push(other.what);
            first.found.extend(other.found);
            first.help.extend(other.help);
            first
        });
        all.map_or(Ok(()), Err)
    }

    fn checked_and_made(&self, extent: Extent) -> Result<Vec<Verified>> {
        self.take_turn();
        if !self.config.images.is_empty() {
            crate::ship::rootfs_tar(&self.session.dist())?;
        }
        let built = self.builder().build(&self.plan)?;
        verify::verify(built, &self.config, &self.session.dist(), extent, &self.session.ui)
    }

    /// What builds.
    pub(super) fn builder(&self) -> Builder<'_> {
        let targets: Vec<_> = self.plan.jobs.iter().map(|j| j.target.triple.clone()).collect();
        let site = self.session.site(self.look.findings.host_cc.as_deref(), &targets);
        self.session.builder(&self.config, site)
    }

    /// Where the program comes from.
    pub(super) fn origin(&self) -> Result<Origin<'_>> {
        Ok(Origin {
            package: self.session.package(&self.config)?,
            revision: exec::first_line(&self.session.workspace.root, "git", &["rev-parse", "HEAD"]),
            created: created(self.session.host.var("SOURCE_DATE_EPOCH"))?,
        })
    }

    /// The folder that all of the project lies in: of the checkout, where git has the workspace's manifest, else of the
    /// workspace.
    pub(super) fn top(&self) -> PathBuf {
        let root = &self.session.workspace.root;
        repository::top(root).ok().flatten().unwrap_or_else(|| root.clone())
    }

    /// Where packing remembers what it packed.
    pub(super) fn memo(&self) -> PathBuf {
        self.session.work().join("packed")
    }

    /// How the command ends: a failure before something missing.
    pub(super) fn end(&self, verified: &[Verified]) -> Result<()> {
        let failed: Vec<&Verified> = verified.iter().filter(|v| !v.ok()).collect();
        if failed.is_empty() {
            return self.plan.incomplete().map_or(Ok(()), Err);
        }
        let mut error = Error::failed(format!("{} of {} jobs failed", failed.len(), verified.len()));
        for v in failed {
            let text = v.error.as_deref().unwrap_or_default();
            // A promise that was not kept says who broke it in its first line; Cargo's own words are of what followed.
            let tells =
                |l: &&str| ["error", "gate", "mode ", "smoke run: "].iter().any(|word| l.starts_with(word));
            let first = text.lines().map(str::trim).find(tells);
            let line = first.or_else(|| text.lines().find(|l| !l.trim().is_empty())).unwrap_or_default();
            error = error.found(format!("{}: {line}", v.job().title()));
        }
        if let Some(missing) = self.plan.incomplete() {
            error = error.found(missing.what);
        }
        Err(error)
    }
}

/// The last second of the year 9999: RFC 3339 has four digits for years, and tars of later times are refused.
const CREATED_MAX: u64 = 253_402_300_799;

/// `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>), else 0.
fn created(value: Option<&str>) -> Result<u64> {
    let Some(text) = value else { return Ok(0) };
    text.parse().ok().filter(|seconds| *seconds <= CREATED_MAX).ok_or_else(|| {
        Error::usage(format!("SOURCE_DATE_EPOCH={text} is no number of seconds since 1970"))
            .help(format!("it is 0 to {CREATED_MAX}, the last second of the year 9999"))
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
