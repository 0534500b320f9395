//! Installs Python packages with pip into folders in the cache. The digest of every file is pinned. The
//! Python installations of this machine do not change.

use std::path::Path;
use std::time::Duration;

use xtask_files::error::{Error, Result};
use xtask_files::write;
use xtask_process::cache::{self, create_dir};
use xtask_process::exec::Cmd;

/// The time limit of a command, enough for a download of 80 MB.
const LIMIT: Duration = Duration::from_secs(900);

/// An installation with pip.
pub(super) struct PipInstall<'a> {
    /// The name of the package in messages.
    pub(super) what: &'a str,
    /// The folder of the package in the cache.
    pub(super) place: &'a Path,
    /// Packages, versions and digests in the format of `pip install -r`.
    pub(super) requirements: &'a str,
    /// Checks whether the package in a folder works on this machine.
    pub(super) works: &'a dyn Fn(&Path) -> Result<()>,
}

/// Installs the packages in one step, unless they are there and work. It uses `pip --target`. If this Python
/// has no pip, it uses the pip of a temporary virtual environment.
///
/// # Errors
/// pip fails (no network, another hash), or the installed package does not work.
pub(super) fn install(wanted: &PipInstall<'_>, python: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
    let PipInstall { what, place, requirements, works } = wanted;
    let _lock = cache::lock(&place.with_extension("lock"), || {
        say(&format!("waiting for another process that installs {what}"));
    })?;
    if place.is_dir() && works(place).is_ok() {
        return Ok(());
    }
    let staging = cache::stage(place)?;
    let made = staging.path().join("made");
    create_dir(&made)?;
    let list = staging.path().join("requirements.txt");
    write(&list, requirements.as_bytes())?;
    let mut pip = Cmd::new(python).args(["-m", "pip"]);
    if run(&pip.clone().arg("--version")).is_err() {
        let venv = staging.path().join("venv");
        let make = Cmd::new(python).args(["-m", "venv"]).arg(&venv);
        say(&make.line());
        run(&make)?;
        let bin = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
        pip = Cmd::new(bin.join("python")).args(["-m", "pip"]);
    }
    let install = pip
        .args(["install", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary", ":all:"])
        .args(["--require-hashes", "--target"])
        .arg(&made)
        .arg("-r")
        .arg(&list);
    say(&install.line());
    run(&install)?;
    works(&made)?;
    cache::publish(staging, "made", place)
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
/// The command fails. The error holds the end of its output.
pub(super) fn run(cmd: &Cmd) -> Result<String> {
    let output = cmd.capture(LIMIT)?;
    if output.ok() {
        return Ok(output.text());
    }
    let said = format!("{}\n{}", output.text(), output.errors());
    Err(Error::failed(format!("{} failed ({})", cmd.line(), output.end)).found(super::run::tail(&said)))
}
