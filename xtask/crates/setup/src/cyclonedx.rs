//! The reference library of CycloneDX, from Python's packages: the tests hold every bill of materials against the schema
//! that it brings. Nothing that ships needs it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pip::{self, PipInstall};
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;

/// The version that setup installs.
pub const VERSION: &str = "11.12.0";

const REQUIREMENTS: &str = include_str!("cyclonedx.txt");

/// Where setup puts it, whether it is there or not.
fn place(cache: &Path) -> PathBuf {
    cache.join("cyclonedx").join(VERSION)
}

/// What a person reads before [`install`] runs.
pub(super) fn line() -> String {
    let what = format!("cyclonedx-python-lib[json-validation]=={VERSION}");
    format!("python3 -m pip install --require-hashes {what} (into the cache, 3 MB to fetch)")
}

/// This Python with the library, where both are here and go together: the one that setup installed, else its own.
pub fn python(python: &Path, cache: &Path) -> Option<Cmd> {
    let own = Cmd::new(python);
    [with(python, &place(cache)), own].into_iter().find(|cmd| imports(cmd).is_ok())
}

/// Installs it into the cache folder in one step.
///
/// # Errors
/// Where pip fails (no network, another hash, a Python that no wheel is for).
pub fn install(python: &Path, cache: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
    let works = |folder: &Path| imports(&with(python, folder));
    let wanted =
        PipInstall { what: "cyclonedx", place: &place(cache), requirements: REQUIREMENTS, works: &works };
    pip::install(&wanted, python, say)
}

/// Without what else is installed for this Python, which may be other versions of the same.
fn with(python: &Path, folder: &Path) -> Cmd {
    Cmd::new(python).arg("-S").env("PYTHONPATH", folder)
}

/// Whether the library is there with all that its validator wants. One of its wheels is compiled for each Python.
fn imports(python: &Cmd) -> Result<()> {
    let script = "from cyclonedx.schema import SchemaVersion\n\
                  from cyclonedx.validation.json import JsonStrictValidator\n\
                  JsonStrictValidator(SchemaVersion.V1_6).validate_str(\"{}\")";
    let output = python.clone().args(["-c", script]).capture(Duration::from_secs(60))?;
    if output.ok() {
        return Ok(());
    }
    Err(Error::failed("the library of CycloneDX does not work with this Python").found(output.errors()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_version_and_hashes() {
        let text = REQUIREMENTS.replace("\\\n", " ");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.iter().any(|line| line.starts_with(&format!("cyclonedx-python-lib=={VERSION} "))));
        for line in lines {
            let mut words = line.split_whitespace();
            assert!(words.next().is_some_and(|package| package.contains("==")), "{line}");
            let hashes: Vec<&str> = words.filter_map(|word| word.strip_prefix("--hash=sha256:")).collect();
            let hex = |hash: &&str| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(!hashes.is_empty() && hashes.iter().all(hex), "{line}");
        }
    }
}
