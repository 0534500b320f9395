//! What the tests here share: a lock that is made from the archive once, and a cache.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use xtask_base::Site;
use xtask_base::apt::Apt;
use xtask_base::distroless::{Assembled, load};
use xtask_base::store::Store;
use xtask_base::{Arch, Distroless, Lock, update};
use xtask_files::error::{Error, Kind, Result};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_test_support::process::run;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// The architectures that most images are for.
pub(crate) const ARCHS: [Arch; 2] = [Arch::Amd64, Arch::Arm64];

/// A value, or a visible line where this machine lacks what it takes: apt, the archive.
pub(crate) fn had<T>(test: &str, result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error { kind: Kind::Missing, what, found, .. }) => {
            skipped(test, &format!("{what}: {}", found.join("; ")));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn host() -> Host {
    Host::read(Triple::parse("x86_64-unknown-linux-gnu"))
}

/// Kept between runs: what lies there is held against digests.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("base-cache")
}

pub(crate) fn fresh_lock(debian: u8, archs: &[Arch], older: Option<&Lock>) -> Result<Lock> {
    let apt = Apt::find(&host(), Ui::silent(), "the packages of the tests")?;
    update::update(&apt, &Store::new(&cache()).apt(), debian, archs, older, Ui::silent())
}

/// The packages of Debian 13 that the archive has now, locked in a folder. Not those of the repository's lock: the
/// archive may have superseded them by the time a test runs.
pub(crate) fn locks(test: &str) -> Option<(PathBuf, Lock)> {
    static LOCK: OnceLock<Result<Lock>> = OnceLock::new();
    let lock = had(test, LOCK.get_or_init(|| fresh_lock(13, &ARCHS, None)).clone())?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("base-locks");
    static WRITTEN: OnceLock<()> = OnceLock::new();
    WRITTEN.get_or_init(|| write(&folder, &lock));
    Some((folder, lock))
}

pub(crate) fn write(folder: &Path, lock: &Lock) {
    xtask_files::write(&folder.join(Lock::file_name(lock.debian)), lock.text().as_bytes()).unwrap();
}

/// Loads with the shared cache, or another one.
pub(crate) fn load_from(
    locks: &Path,
    cache: &Path,
    what: Distroless,
    arch: Arch,
    change: fn(&mut Site<'_>),
) -> Result<Assembled> {
    let (host, ui) = (host(), Ui::silent());
    let mut site = Site {
        locks,
        cache,
        host: &host,
        ui: &ui,
        offline: false,
        may_refresh: false,
        strict: false,
        allow_superseded: false,
    };
    change(&mut site);
    load(what, &arch.platform(), &site)
}

pub(crate) fn load_here(locks: &Path, what: Distroless, arch: Arch) -> Result<Assembled> {
    load_from(locks, &cache(), what, arch, |_| {})
}

/// A base by its name.
pub(crate) fn base(name: &str) -> Distroless {
    Distroless::parse(name).unwrap()
}

/// The file of a locked package in a cache.
pub(crate) fn deb(cache: &Path, lock: &Lock, arch: Arch, name: &str) -> PathBuf {
    Store::new(cache).debs().join(format!("{}.deb", lock.packages[&arch][name].digest.hex()))
}

/// The tar of a layer, unpacked by tar into a new folder.
pub(crate) fn unpacked(assembled: &Assembled) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let blob = &assembled.base.layers[0].blob;
    run(&Cmd::new("tar")
        .args(["--extract", "--gzip", "--preserve-permissions", "--file"])
        .arg(blob)
        .arg("-C")
        .arg(dir.path()));
    dir
}
