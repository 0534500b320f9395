//! Checks whether a distroless base can be obtained, as far as this machine shows, before a build whose
//! images need it.

use xtask_files::error::Result;
use xtask_triple::Platform;

use super::{
    BaseContext, BaseLock, BaseStore, DebianArch, Distroless, LockedBase, arch, file, folder, layer, locked,
    packages, refreshed_key,
};
use crate::apt::Apt;

/// Checks whether [`super::load`] could make a base, without the network and without assembling anything. It
/// does not notice packages that the archive has removed, or damage in the cache.
///
/// # Errors
/// Debian has no such platform. Or there is no lock, and none may be made. Or packages are not in the cache,
/// and there is no apt to fetch them, or the network must not be used.
pub fn check(what: Distroless, platform: &Platform, site: &BaseContext<'_>) -> Result<()> {
    let arch = arch(what, platform)?;
    let lock = BaseLock::load(&file(what, site))?;
    let part = match locked(what, arch, lock.as_ref(), site) {
        Ok(part) => part,
        // Making a lock needs apt.
        Err(_) if site.locks_anew() => return Apt::find(site.host, *site.ui, packages::NEEDED).map(drop),
        Err(error) => return Err(error),
    };
    if layer::lies(&folder(&part, site)) || site.refreshes() && stands_in(what, arch, lock.as_ref(), site) {
        return Ok(());
    }
    packages::check(&part.packages, what.debian, site)
}

/// Returns whether the cache has a base made from a replacement lock of an earlier run.
fn stands_in(what: Distroless, arch: DebianArch, lock: Option<&BaseLock>, site: &BaseContext<'_>) -> bool {
    let fresh = BaseLock::load(&BaseStore::new(site.cache).refreshed(&refreshed_key(what, arch, lock)));
    let part: Option<LockedBase> = fresh.ok().flatten().and_then(|fresh| fresh.part(what, arch).ok());
    part.is_some_and(|part| layer::lies(&folder(&part, site)))
}
