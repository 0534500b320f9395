//! Makes distroless bases: from their lock to a layer in the cache.

use std::path::{Path, PathBuf};

use xtask_files::error::{Error, Result};
use xtask_oci::document::Runtime;
use xtask_oci::gzip::ENCODER;
use xtask_oci::scratch::PATH;
use xtask_oci::{RootFs, unpack};
use xtask_process::cache::{self, needed, short_hash};
use xtask_process::ui::far;
use xtask_triple::Platform;

use super::apt::Apt;
use super::deb::Deb;
use super::lock::{BaseLock, DebPackage, LockedBase};
use super::packages::{self, Got};
use super::site::BaseContext;
use super::store::BaseStore;
use super::tree::{self, Unpacked};
use super::{BaseImage, DebianArch, Distroless, layer, update};

mod check;

pub use check::check;

/// A base that is ready for use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Its packages, its layer and its tree.
    pub base: BaseImage,
    /// Why a new lock replaces the repository's; none if the repository's was used.
    pub refreshed: Option<String>,
}

/// The folder of a workspace with its locks.
pub const LOCKS: &str = "docker/bases";

/// Returns a base that is ready, from the cache or made from its packages.
///
/// # Errors
/// Debian has no such platform, or there is no lock. Or packages are missing and cannot be obtained, or
/// differ from the lock.
pub fn load(what: Distroless, platform: &Platform, site: &BaseContext<'_>) -> Result<Assembled> {
    let arch = arch(what, platform)?;
    let may_refresh = site.refreshes();
    let lock = BaseLock::load(&file(what, site))?;
    let part = match locked(what, arch, lock.as_ref(), site) {
        Ok(part) => part,
        Err(error) if site.locks_anew() => return refresh(what, arch, lock.as_ref(), error.what, site),
        Err(error) => return Err(error),
    };
    if let Some(ready) = cached(what, arch, &part, site)? {
        return Ok(ready);
    }
    if let Some(debs) = packages::cached(&part.packages, &BaseStore::new(site.cache))? {
        return make(what, arch, part, &debs, site);
    }
    // The replacement lock of an earlier run saves a query to the archive. But a snapshot can still have the
    // packages of the lock itself, and these take precedence.
    let earlier = || if may_refresh { earlier(what, arch, lock.as_ref(), site) } else { Ok(None) };
    if site.snapshots.is_empty()
        && let Some(earlier) = earlier()?
    {
        return Ok(earlier);
    }
    match packages::get(&part.packages, what.debian, arch, site)? {
        Got::All(debs) => make(what, arch, part, &debs, site),
        Got::Superseded(list, failures) => {
            let lines: Vec<String> = list.iter().map(packages::Superseded::line).collect();
            if may_refresh {
                let earlier = if site.snapshots.is_empty() { None } else { earlier()? };
                let refresh = || refresh(what, arch, lock.as_ref(), lines.join("; "), site);
                return earlier.map_or_else(refresh, Ok);
            }
            let error = Error::missing(format!("the archive no longer has the locked packages of {what}"));
            let error = lines.iter().fold(error, |error, line| error.found(line));
            let update = format!("lock its current packages: cargo xtask base update {}", what.debian);
            Err(failures.explain(error.help(update)))
        }
    }
}

/// Returns Debian's name for a platform, if this release has it.
fn arch(what: Distroless, platform: &Platform) -> Result<DebianArch> {
    let arch = DebianArch::of(platform).filter(|arch| DebianArch::of_release(what.debian).contains(arch));
    arch.ok_or_else(|| {
        let all: Vec<String> =
            DebianArch::of_release(what.debian).into_iter().map(|arch| arch.platform().to_string()).collect();
        Error::usage(format!("there is no {what} for {platform}"))
            .found(format!("it is there for {}", all.join(", ")))
    })
}

fn file(what: Distroless, site: &BaseContext<'_>) -> PathBuf {
    site.locks.join(BaseLock::file_name(what.debian))
}

/// Returns the entry of the repository's lock for a base.
fn locked(
    what: Distroless,
    arch: DebianArch,
    lock: Option<&BaseLock>,
    site: &BaseContext<'_>,
) -> Result<LockedBase> {
    match lock {
        Some(lock) => lock.part(what, arch),
        None => {
            Err(Error::missing(format!("{what} is not locked: there is no {}", file(what, site).display()))
                .help(format!("lock its packages: cargo xtask base update {}", what.debian)))
        }
    }
}

/// Returns the key of the lock that replaces this one.
fn refreshed_key(what: Distroless, arch: DebianArch, lock: Option<&BaseLock>) -> String {
    let text = lock.map(BaseLock::text).unwrap_or_default();
    format!("debian{}-{arch}-{}", what.debian, short_hash(&text, 16))
}

/// Returns the message that a new lock replaces the repository's, or is the only one.
fn note(what: Distroless, lock: Option<&BaseLock>, why: &str) -> String {
    match lock {
        Some(_) => format!("the lock of Debian {} was refreshed for this run: {why}", what.debian),
        None => format!("a lock of Debian {} was made for this run: {why}", what.debian),
    }
}

/// Returns a base by the replacement lock of an earlier run, or none if that lock is out of date too.
fn earlier(
    what: Distroless,
    arch: DebianArch,
    lock: Option<&BaseLock>,
    site: &BaseContext<'_>,
) -> Result<Option<Assembled>> {
    let file = BaseStore::new(site.cache).refreshed(&refreshed_key(what, arch, lock));
    // An unreadable lock is made again.
    let Ok(Some(fresh)) = BaseLock::load(&file) else { return Ok(None) };
    xtask_process::cache::used(&file);
    let part = fresh.part(what, arch)?;
    let ready = match cached(what, arch, &part, site)? {
        Some(ready) => ready,
        None => match packages::get(&part.packages, what.debian, arch, site)? {
            Got::All(debs) => make(what, arch, part, &debs, site)?,
            Got::Superseded(..) => return Ok(None),
        },
    };
    let why = note(what, lock, "its packages are superseded");
    site.ui
        .warn(format!("{why}\nlock the archive's current packages: cargo xtask base update {}", what.debian));
    Ok(Some(Assembled { refreshed: Some(why), ..ready }))
}

/// Makes a lock in the cache, and the base from it.
fn refresh(
    what: Distroless,
    arch: DebianArch,
    lock: Option<&BaseLock>,
    why: String,
    site: &BaseContext<'_>,
) -> Result<Assembled> {
    let store = BaseStore::new(site.cache);
    let apt = Apt::find(site.host, *site.ui, packages::NEEDED)?;
    let fresh = update::update(&apt, &store.apt(), what.debian, &[arch], lock, *site.ui)?;
    let file = store.refreshed(&refreshed_key(what, arch, lock));
    xtask_files::write(&file, fresh.text().as_bytes()).map_err(needed)?;
    let why = note(what, lock, &why);
    site.ui
        .warn(format!("{why}\nlock the archive's current packages: cargo xtask base update {}", what.debian));
    let part = fresh.part(what, arch)?;
    let ready = match cached(what, arch, &part, site)? {
        Some(ready) => ready,
        None => match packages::get(&part.packages, what.debian, arch, site)? {
            Got::All(debs) => make(what, arch, part, &debs, site)?,
            Got::Superseded(list, _) => {
                let error = Error::failed(format!("the archive changed while {what} was locked"));
                return Err(list.iter().fold(error, |error, one| error.found(one.line())));
            }
        },
    };
    Ok(Assembled { refreshed: Some(why), ..ready })
}

/// Returns the folder of the base's layer. Everything that determines its bytes is in the name.
fn folder(part: &LockedBase, site: &BaseContext<'_>) -> PathBuf {
    let key = short_hash(&format!("{} {ENCODER}", part.digest), 32);
    BaseStore::new(site.cache).layer(&key)
}

fn created_by(what: Distroless) -> String {
    let debug = if what.debug { ", with busybox" } else { "" };
    format!("distroless {} of Debian {}{debug}, assembled from packages", what.flavour.as_str(), what.debian)
}

fn cached(
    what: Distroless,
    arch: DebianArch,
    part: &LockedBase,
    site: &BaseContext<'_>,
) -> Result<Option<Assembled>> {
    let folder = folder(part, site);
    let Some((layer, rootfs)) = layer::read(&folder, &created_by(what))? else { return Ok(None) };
    BaseStore::new(site.cache).used(&folder, &part.packages);
    let base = BaseImage {
        name: what.to_string(),
        platform: arch.platform(),
        digest: part.digest.clone(),
        packages: part.packages.clone(),
        layers: vec![layer],
        rootfs,
        runtime: runtime(what),
    };
    Ok(Some(Assembled { base, refreshed: None }))
}

/// Makes the layer, unless another process has made it meanwhile.
fn make(
    what: Distroless,
    arch: DebianArch,
    part: LockedBase,
    debs: &[Vec<u8>],
    site: &BaseContext<'_>,
) -> Result<Assembled> {
    let place = folder(&part, site);
    let waiting = || site.ui.step("Waiting", format!("for another process that assembles {what}"));
    let _lock = cache::lock(&place.with_extension("lock"), waiting)?;
    if let Some(ready) = cached(what, arch, &part, site)? {
        return Ok(ready);
    }
    let task = site.ui.task("Assembling", format!("{what} for {arch}"));
    let staging = cache::stage(&place)?;
    let mut unpacked = Vec::new();
    for (at, (package, bytes)) in part.packages.iter().zip(debs).enumerate() {
        task.far(far(at as u64, Some(part.packages.len() as u64), "package"));
        task.note(&package.name);
        let data = staging.path().join(format!("data-{at}.tar"));
        unpacked.push(open(package, bytes, &data)?);
    }
    let tree = tree::assemble(what, &unpacked)?;
    task.far("");
    task.note("packing");
    let made = staging.path().join("made");
    xtask_process::cache::create_dir(&made)?;
    layer::write(&tree, &made).map_err(needed)?;
    cache::publish(staging, "made", &place)?;
    drop(task);
    let ready = cached(what, arch, &part, site)?;
    ready.ok_or_else(|| {
        Error::failed(format!("the layer of {what} was removed from the cache during the run"))
    })
}

/// Unpacks a package whose digest has been checked.
fn open(package: &DebPackage, bytes: &[u8], data: &Path) -> Result<Unpacked> {
    let DebPackage { name, version, architecture, .. } = package;
    let deb = Deb::read(name, bytes)?;
    for (field, locked) in [("Package", name), ("Version", version), ("Architecture", architecture)] {
        let says = deb.fields.get(field).unwrap_or_default();
        if says != locked {
            return Err(Error::failed(format!("the lock and the package {name} do not match"))
                .found(format!("{field}: {locked:?} in the lock, {says:?} in the package")));
        }
    }
    let file = std::fs::File::create(data).map_err(|e| needed(Error::io("cannot write", data, &e)))?;
    deb.unpack_data(&mut std::io::BufWriter::new(file))
        .map_err(|error| error.found(format!("it was to be written to {}", data.display())))?;
    let mut files = RootFs::new();
    unpack::apply(data, &mut files)
        .map_err(|error| error.found(format!("it is in the package {name} {version}")))?;
    Ok(Unpacked { name: name.clone(), control: deb.control, md5sums: deb.md5sums, files })
}

fn runtime(what: Distroless) -> Runtime {
    let (user, working_dir) = if what.root { ("0", "/") } else { ("65532", "/home/nonroot") };
    let debug = if what.debug { ":/busybox" } else { "" };
    Runtime {
        user: user.into(),
        env: vec![
            format!("PATH={PATH}{debug}"),
            format!("SSL_CERT_FILE=/{}", xtask_oci::scratch::CERTIFICATES),
        ],
        working_dir: working_dir.into(),
        ..Runtime::default()
    }
}
