//! Installs zig from the Python package `ziglang`, with a pinned hash, into a folder in the cache. zig runs
//! without Python.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pip::{self, PipInstall};
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;

/// The version that setup installs.
pub const VERSION: &str = "0.15.2";

/// The SHA-256 of the package's wheels, as printed by `pip hash` for the files of
/// `pip download --platform …`.
const HASHES: [(&str, &str); 11] = [
    ("linux x86_64", "806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130"),
    ("linux aarch64", "edc0aa60ec964a4cf462d40f68d7de242ddf37fd9a80f2afaee6397059463230"),
    ("linux armv7l", "ad43a4692311512ab55cc918596c814ff44fb811b1299fa9a57cc4e2bf315c6b"),
    ("linux riscv64", "d3fe40825e18238e986b305cbf3a4d93a50461b893339e31c81b0d6c73f33937"),
    ("linux ppc64le", "85faefbd4cfe420de92aaa8f8300bec2b9afe8d1f1d8c5abf71bf92754682536"),
    ("linux s390x", "978ebcc3c6c9624cbc999dd8dcb65427e7474650d9709a889aace8e325705ce2"),
    ("macos x86_64", "47af4f85e3e59bd672126cc026d3a01b516cad24b9a9ea075abfe8532f4c6bc1"),
    ("macos arm64", "acae2a9ce67ed249ad68d42c21bc73b5f9d51a33ba5ea42f609f78683e8d9bb7"),
    ("windows amd64", "ca80dc9c70dbdfdd9ee51d000de3501a95d33d9782ab9ab9b56f700484ebcd83"),
    ("windows arm64", "a81ebfc61e1b7aa43a33add23f93b98954d757434f894eb21bd40b176b6688aa"),
    ("windows win32", "b174f7ebb9d1f2210d32d1420333120f6117ebee3de8b3e221e6ebb0c3beec4b"),
];

/// Returns the folder for zig in the cache. The folder need not exist.
pub fn place(cache: &Path) -> PathBuf {
    cache.join("zig").join(VERSION)
}

/// Returns the zig that setup installed, if it exists.
pub fn program(cache: &Path) -> Option<PathBuf> {
    Some(in_folder(&place(cache))).filter(|program| program.is_file())
}

/// Returns the line that the user reads before [`install`] runs. [`install`] adds the hashes and the folder.
pub(super) fn line() -> String {
    format!("python3 -m pip install --require-hashes ziglang=={VERSION} (into the cache, 80 MB to fetch)")
}

/// Installs zig into the cache folder in one step, and returns the program.
///
/// # Errors
/// pip fails (no network, another hash), or the installed zig does not run.
pub fn install(python: &Path, cache: &Path, say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let place = place(cache);
    let wanted = PipInstall { what: "zig", place: &place, requirements: &requirements(), works: &works };
    pip::install(&wanted, python, say)?;
    program(cache).ok_or_else(|| Error::failed(format!("zig is not in {}", place.display())))
}

fn in_folder(folder: &Path) -> PathBuf {
    folder.join("ziglang").join(format!("zig{}", std::env::consts::EXE_SUFFIX))
}

/// Checks that zig runs on this machine. A wheel for another C library or machine would not run.
fn works(folder: &Path) -> Result<()> {
    let version = Cmd::new(in_folder(folder)).arg("version").capture(Duration::from_secs(60))?;
    if version.text() == VERSION {
        return Ok(());
    }
    Err(Error::failed("the zig that pip installed does not run")
        .found(version.end.to_string())
        .found(version.errors()))
}

fn requirements() -> String {
    let hashes = HASHES.iter().map(|(_, hash)| format!(" --hash=sha256:{hash}"));
    format!("ziglang=={VERSION}{}\n", hashes.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wheel_has_its_hash() {
        let text = requirements();
        assert!(text.starts_with("ziglang==0.15.2 --hash=sha256:8063"), "{text}");
        assert_eq!(text.lines().count(), 1);
        for (platform, hash) in HASHES {
            assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{platform}");
        }
    }

    #[test]
    fn nothing_is_installed_in_an_empty_cache() {
        assert_eq!(program(Path::new("/nonexistent")), None);
    }
}
