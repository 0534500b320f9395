//! `cargo xtask init`: writes a commented targets.toml for the current workspace.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::cargo::compilers::BuildQuery;
use crate::cargo::inherited::clean;
use crate::cargo::invocation::unforced;
use crate::cargo::units::{self, UnitGraph};
use crate::cli::Common;
use crate::compile_cache::CompileCache;
use crate::init::{self, Examination};
use crate::session::Session;
use crate::trap::{self, Masks};
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_triple::Triple;

/// The time limit for Cargo's unit graph. Cargo may have to fetch all packages first.
const LIMIT: Duration = Duration::from_secs(600);

pub(super) fn run(common: &Common, package: Option<&str>) -> Result<()> {
    let session = Session::open(common, false)?;
    let known = session.rustc.known_targets();
    let root = &session.workspace.root;
    let (file, untold) = init::write(root, &session.workspace, known, package, &session)?;
    if let Some(error) = untold {
        let error = error.help("if a dependency compiles C, add to its [[mode]]: needs = [\"c\"]");
        session.ui.warn(error.to_string());
    }
    session.ui.step("Wrote", file.display().to_string());
    session.ui.step("Next", "cargo xtask plan");
    Ok(())
}

impl Examination for Session {
    /// Fetches missing packages for this, as any build would.
    fn graph(&self, query: &BuildQuery<'_>) -> Result<UnitGraph> {
        let cmd = cargo(self, |cargo, manifest| query.command(cargo, manifest, self.offline));
        self.ui.detail("Running", cmd.line());
        let _task = self.ui.late_task("Asking", "Cargo which packages compile C");
        let output = cmd.capture_whole(LIMIT)?;
        units::read(&output.stdout).ok_or_else(|| {
            let error = Error::failed(
                "Cargo did not list the packages of the program, so it is unknown whether C is compiled",
            );
            let words = output.errors();
            match words.find("error: ") {
                Some(at) => error.found(words[at..].trim_end()),
                None => error,
            }
        })
    }

    fn refused(&self, query: &BuildQuery<'_>) -> Option<BTreeSet<String>> {
        let _task = self.ui.task("Trying", format!("{} with the feature pure and no C compiler", query.bin));
        let refused = trial(self, query);
        // The later build uses another folder.
        let _ = std::fs::remove_dir_all(self.work().join(TRIAL));
        refused.unwrap_or_else(|error| {
            self.ui.detail("Failed", error.to_string());
            None
        })
    }
}

/// The folder of trial builds.
const TRIAL: &str = "trial";

/// Checks a program with traps in place of all C compilers. Returns the packages that called one, or none if
/// Cargo failed.
fn trial(session: &Session, query: &BuildQuery<'_>) -> Result<Option<BTreeSet<String>>> {
    let Session { host, this, .. } = session;
    let (traps, dir) = (session.work().join("traps"), session.work().join(TRIAL));
    xtask_files::folder(&dir)?;
    // Without a std for the target, the program is checked for the host. It rarely happens that a package
    // compiles C for only one of the two.
    let here = |target: &Triple| session.rustc.libraries(target).is_dir();
    let target = Some(Triple::parse(query.target)).filter(here).unwrap_or_else(|| host.triple.clone());
    let set = trap::set(&traps, &dir.join("traps.log"), host, &BTreeSet::new(), this)?;
    let query = BuildQuery { target: target.as_str(), ..*query };
    let mut cmd = cargo(session, |cargo, manifest| query.trial(cargo, manifest, session.offline));
    cmd = cmd.env("CARGO_TARGET_DIR", &dir).env("CARGO_BUILD_BUILD_DIR", &dir);
    for (name, value) in set.env(host, &[&target], &dir) {
        cmd = cmd.env(name, value);
    }
    if let Some(linker) = set.host_linker() {
        cmd = cmd.env(format!("CARGO_TARGET_{}_LINKER", host.triple.shouted()), linker);
    }
    let cache = session.compile_cache.as_ref().map(CompileCache::program);
    if cache.is_some() {
        cmd = cmd.env("RUSTC_WRAPPER", "");
    }
    cmd = unforced(cmd, &session.workspace.configuration);
    if let Some(masks) = Masks::set(&traps, host, &BTreeSet::new(), cache, this)? {
        cmd = masks.around(&cmd);
    }
    session.ui.detail("Running", cmd.line());
    let output = cmd.capture(LIMIT)?;
    if !output.ok() {
        session.ui.detail("Failed", output.errors());
        return Ok(None);
    }
    let refused = set.hits()?.into_iter().filter(|hit| hit.target.is_some());
    let package = |krate: String| krate.split(' ').next().unwrap_or_default().to_owned();
    Ok(Some(refused.map(|hit| package(hit.krate)).collect()))
}

/// Makes a cargo call for the workspace. `make` gets the paths of Cargo and of the manifest.
fn cargo(session: &Session, make: impl FnOnce(&Path, &Path) -> Cmd) -> Cmd {
    let root = &session.workspace.root;
    let cmd = make(&session.host.cargo(), &root.join("Cargo.toml"));
    let cmd = clean(cmd, &session.host, &session.workspace.target_directory);
    let cmd = session.host.settled(cmd.env("RUSTC", &session.rustc.program), root);
    // Nothing from this call is kept, so a missing wrapper is not needed.
    match session.absent_wrapper() {
        Some(_) => cmd.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", ""),
        None => cmd,
    }
}
