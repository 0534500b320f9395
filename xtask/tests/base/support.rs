//! What the tests here share: a lock that is made from the archive once, and a cache.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use xtask_base::BaseContext;
use xtask_base::apt::Apt;
use xtask_base::distroless::{Assembled, load};
use xtask_base::store::BaseStore;
use xtask_base::{BaseLock, DebianArch, Distroless, update};
use xtask_files::error::{Error, ExitKind, Result};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_test_support::process::run;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// The architectures that most images are for.
pub(crate) const ARCHS: [DebianArch; 2] = [DebianArch::Amd64, DebianArch::Arm64];

/// A value, or a visible line where this machine lacks what it takes: apt, the archive.
pub(crate) fn had<T>(test: &str, result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error { kind: ExitKind::Missing, what, found, .. }) => {
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

pub(crate) fn fresh_lock(debian: u8, archs: &[DebianArch], older: Option<&BaseLock>) -> Result<BaseLock> {
    let apt = Apt::find(&host(), Ui::silent(), "the packages of the tests")?;
    update::update(&apt, &BaseStore::new(&cache()).apt(), debian, archs, older, Ui::silent())
}

/// The packages of Debian 13 that the archive has now, locked in a folder. Not those of the repository's lock: the
/// archive may have superseded them by the time a test runs.
pub(crate) fn locks(test: &str) -> Option<(PathBuf, BaseLock)> {
    static LOCK: OnceLock<Result<BaseLock>> = OnceLock::new();
    let lock = had(test, LOCK.get_or_init(|| fresh_lock(13, &ARCHS, None)).clone())?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("base-locks");
    static WRITTEN: OnceLock<()> = OnceLock::new();
    WRITTEN.get_or_init(|| write(&folder, &lock));
    Some((folder, lock))
}

pub(crate) fn write(folder: &Path, lock: &BaseLock) {
    xtask_files::write(&folder.join(BaseLock::file_name(lock.debian)), lock.text().as_bytes()).unwrap();
}

/// Loads with the shared cache, or another one.
pub(crate) fn load_from(
    locks: &Path,
    cache: &Path,
    what: Distroless,
    arch: DebianArch,
    change: impl FnOnce(&mut BaseContext<'_>),
) -> Result<Assembled> {
    let (host, ui) = (host(), Ui::silent());
    let mut site = BaseContext {
        locks,
        cache,
        host: &host,
        ui: &ui,
        snapshots: &[],
        offline: false,
        may_refresh: false,
        strict: false,
        allow_superseded: false,
    };
    change(&mut site);
    load(what, &arch.platform(), &site)
}

pub(crate) fn load_here(locks: &Path, what: Distroless, arch: DebianArch) -> Result<Assembled> {
    load_from(locks, &cache(), what, arch, |_| {})
}

/// A base by its name.
pub(crate) fn base(name: &str) -> Distroless {
    Distroless::parse(name).unwrap()
}

/// The file of a locked package in a cache.
pub(crate) fn deb(cache: &Path, lock: &BaseLock, arch: DebianArch, name: &str) -> PathBuf {
    BaseStore::new(cache).debs().join(format!("{}.deb", lock.packages[&arch][name].digest.hex()))
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
