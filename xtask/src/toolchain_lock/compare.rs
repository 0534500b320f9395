//! Compares the lock with the tools of a plan.

use super::{FILE_NAME, LockedTarget, LockedTool, ToolchainLock};
use crate::plan::Plan;
use xtask_files::error::{Error, Result};
use xtask_process::ui::Ui;
use xtask_triple::Triple;

/// A difference between the lock and this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The target that the difference affects.
    pub target: Triple,
    /// The part that differs: `C toolchain`, `linker`, `rustc` or `std`.
    pub part: &'static str,
    /// The value in the lock; none if the lock has none.
    pub locked: Option<String>,
    /// The value on this machine; none if there is none.
    pub here: Option<String>,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(
            f,
            "{}: {}: locked: {}; here: {}",
            self.target,
            self.part,
            said(&self.locked),
            said(&self.here)
        )
    }
}

/// Returns all differences between the lock and `here`, the tools that a run would use. Tools that the run
/// does not use are not compared. So the compiler of another mode does not affect a mode without C.
pub fn drifts(lock: &ToolchainLock, here: &ToolchainLock) -> Vec<Drift> {
    here.targets
        .iter()
        .flat_map(|(target, here)| match lock.targets.get(target) {
            Some(locked) => of_target(target, locked, here),
            None => {
                let here = here.c.as_ref().or(here.linker.as_ref()).map(named);
                vec![Drift { target: target.clone(), part: "target", locked: None, here }]
            }
        })
        .collect()
}

/// Compares a plan with the lock before anything is built. A difference is an error if the run is `locked`,
/// and a warning otherwise. `here` are the tools that the plan would use.
///
/// # Errors
/// [`xtask_files::error::ExitKind::Missing`] with all differences, because the locked tools are not on this
/// machine.
pub fn check(lock: &ToolchainLock, here: &ToolchainLock, plan: &Plan, locked: bool, ui: &Ui) -> Result<()> {
    let mut drifts = drifts(lock, here);
    // A job that fell back uses no C toolchain that could be compared.
    drifts.extend(plan.jobs.iter().filter(|job| job.fallback.is_some()).filter_map(|job| {
        let target = &job.target.triple;
        let c = lock.targets.get(target)?.c.as_ref()?;
        Some(Drift { target: target.clone(), part: "C toolchain", locked: Some(named(c)), here: None })
    }));
    if drifts.is_empty() {
        return Ok(());
    }
    let mut error = Error::missing(format!("this machine does not have the toolchains of {FILE_NAME}"));
    for drift in &drifts {
        error = error.found(drift.to_string());
    }
    let error = error
        .help("install what is locked: cargo xtask setup")
        .help("or lock the toolchains of this machine: cargo xtask lock --update");
    if locked {
        return Err(error);
    }
    ui.warn(error.to_string());
    Ok(())
}

fn of_target(target: &Triple, locked: &LockedTarget, here: &LockedTarget) -> Vec<Drift> {
    let mut drifts = Vec::new();
    let mut differ = |part, locked: Option<String>, here: Option<String>| {
        drifts.push(Drift { target: target.clone(), part, locked, here });
    };
    if locked.rustc != here.rustc {
        differ("rustc", Some(locked.rustc.clone()), Some(here.rustc.clone()));
    } else if locked.std != here.std {
        differ("std", Some(locked.std.clone()), Some(here.std.clone()));
    }
    for (part, locked, here) in
        [("C toolchain", &locked.c, &here.c), ("linker", &locked.linker, &here.linker)]
    {
        match (locked, here) {
            (_, None) => {}
            (Some(locked), Some(here)) if locked == here => {}
            // The digest is shown only if the names are equal.
            (Some(locked), Some(here)) if named(locked) == named(here) => {
                differ(part, Some(whole(locked)), Some(whole(here)));
            }
            (locked, Some(here)) => differ(part, locked.as_ref().map(named), Some(named(here))),
        }
    }
    drifts
}

fn named(tool: &LockedTool) -> String {
    format!("{} ({})", tool.version, tool.provider)
}

fn whole(tool: &LockedTool) -> String {
    format!("{} {}", named(tool), tool.digest)
}
