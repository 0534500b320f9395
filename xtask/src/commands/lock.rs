//! `cargo xtask lock`: writes which toolchain makes the programs of each target.

use super::pipeline::start;
use crate::cli::{Common, Planning, SetupFlag};
use crate::toolchain_lock::{FILE_NAME, ToolchainLock, drifts};
use xtask_files::counted;
use xtask_files::error::{Error, Result};

pub(super) fn run(common: &Common, update: bool) -> Result<()> {
    // All modes are planned, so that the lock is valid for each of them.
    let planning = Planning::of_mode("all", Vec::new());
    let start = start(common, &planning, SetupFlag::default(), false)?;
    let here = start.observed()?;
    let old = match &start.look.lock {
        Some(lock) if !update => lock.clone(),
        _ => ToolchainLock::default(),
    };
    let changed: Vec<_> = drifts(&old, &here).into_iter().filter(|drift| drift.locked.is_some()).collect();
    if !changed.is_empty() {
        let error = Error::failed(format!("{FILE_NAME} names other toolchains than this machine has"))
            .help("lock those of this machine: cargo xtask lock --update");
        return Err(changed.into_iter().fold(error, |error, drift| error.found(drift.to_string())));
    }
    let mut lock = ToolchainLock::default();
    for target in &start.config.targets {
        let (old, here) = (old.targets.get(&target.triple), here.targets.get(&target.triple));
        // A toolchain that is missing on this machine may have been locked on another one.
        let merged = match (old, here) {
            (Some(old), Some(here)) => {
                let mut merged = here.clone();
                merged.c = merged.c.or_else(|| old.c.clone());
                merged.linker = merged.linker.or_else(|| old.linker.clone());
                Some(merged)
            }
            (old, here) => here.or(old).cloned(),
        };
        lock.targets.extend(merged.map(|locked| (target.triple.clone(), locked)));
    }
    let path = start.session.toolchain_lock();
    xtask_files::write(&path, lock.text().as_bytes())?;
    let count = counted(lock.targets.len() as u64, "target");
    start.session.ui.step("Locked", format!("the toolchains of {count} in {}", path.display()));
    start.plan.incomplete().map_or(Ok(()), Err)
}
