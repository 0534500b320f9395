//! Checks that end a run although there is a plan: forbidden fallbacks, and jobs that cannot be built here.

use std::collections::BTreeSet;

use super::decide::NO_DLOPEN;
use super::{Fallback, Job, Mend, Plan, setup_command};
use xtask_config::OnFallback;
use xtask_files::error::{Error, Result};

impl Plan {
    /// Checks a plan for `--strict`, which requires that every tool is used as the user named it.
    ///
    /// # Errors
    /// [`xtask_files::error::ExitKind::Missing`] with every job in which another tool replaces a named one.
    pub fn check_replaced(&self, strict: bool) -> Result<()> {
        let replaced = self.jobs.iter().flat_map(|job| {
            job.replaced().into_iter().map(move |line| format!("{}: {line}", job.target.triple))
        });
        let mut replaced = replaced.filter(|_| strict).peekable();
        if replaced.peek().is_none() {
            return Ok(());
        }
        let error = Error::missing("`--strict` forbids that another tool replaces a named one");
        let help =
            "install the linker, or remove it from Cargo's configuration: without --strict it is replaced";
        Err(replaced.collect::<BTreeSet<_>>().into_iter().fold(error, Error::found).help(help))
    }

    /// Checks that no job has a forbidden fallback. `--strict` forbids all fallbacks, and a target's
    /// `on-fallback = "fail"` its own.
    ///
    /// # Errors
    /// [`xtask_files::error::ExitKind::Missing`] with every job that fell back although this is forbidden,
    /// before anything is built.
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
            // The reason about dlopen is already among the tried lines.
            if let Some(why) = fallback.beyond_setup.as_ref().filter(|_| fallback.reason != NO_DLOPEN) {
                error = error.found(why.clone());
            }
        }
        if forbidden.iter().any(|(_, fallback)| fallback.reason == NO_DLOPEN) {
            error =
                error.help("name a mode that the target can have (`mode = \"…\"`), or allow its fallback");
        }
        if forbidden.iter().any(|(_, fallback)| fallback.beyond_setup.is_none()) {
            error = error.help(format!("install a toolchain: {} --yes", setup_command(&self.asked)));
        }
        let toolchain = forbidden.iter().find(|(_, fallback)| fallback.reason != NO_DLOPEN);
        Err(match toolchain {
            Some((job, _)) => error
                .help(format!("see the result of each candidate: cargo xtask explain {}", job.target.triple)),
            None => error,
        })
    }

    /// Returns the error for jobs and targets that this plan cannot build. It ends the command after the
    /// other jobs are done.
    pub fn incomplete(&self) -> Option<Error> {
        let waiting: Vec<&Job> = self.jobs.iter().filter(|j| !j.buildable()).collect();
        if waiting.is_empty() && self.skipped.is_empty() {
            return None;
        }
        let mut error = Error::missing(format!(
            "{} of {} jobs cannot be built on this machine yet",
            waiting.len() + self.skipped.len(),
            self.jobs.len() + self.skipped.len()
        ));
        for job in &waiting {
            error = error.found(format!("{}: {}", job.title(), job.lacking()));
        }
        for skipped in &self.skipped {
            error = error.found(format!("{}: {}", skipped.target, skipped.reason));
        }
        let mends = || waiting.iter().flat_map(|job| &job.lacks).map(|lack| &lack.mend);
        let help: BTreeSet<&str> = mends()
            .filter_map(|mend| match mend {
                Mend::Machine(help) => Some(help.as_str()),
                Mend::Setup => None,
            })
            .collect();
        error = help.into_iter().fold(error, Error::help);
        Some(match mends().any(|mend| *mend == Mend::Setup) {
            false => error,
            true => error.help(format!("install what is missing: {}", setup_command(&self.asked))),
        })
    }
}
