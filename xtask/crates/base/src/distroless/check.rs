//! Whether a distroless base can be had, as far as this machine tells: before a build whose images are to stand on it.

use xtask_files::error::Result;
use xtask_triple::Platform;

use super::{
    BaseContext, BaseLock, BaseStore, DebianArch, Distroless, LockedBase, arch, file, folder, layer, locked,
    packages, refreshed_key,
};
use crate::apt::Apt;

/// What would keep [`super::load`] from getting a base ready, where that shows without the network and without
/// assembling anything. What the archive no longer has, or what is damaged in the cache, it does not see.
///
/// # Errors
/// Debian has no such platform; there is no lock, and none may be made; packages are not in the cache, and there is no
/// apt here that could bring them, or the network is not to be used.
pub fn check(what: Distroless, platform: &Platform, site: &BaseContext<'_>) -> Result<()> {
    let arch = arch(what, platform)?;
    let lock = BaseLock::load(&file(what, site))?;
    let part = match locked(what, arch, lock.as_ref(), site) {
        Ok(part) => part,
        // It is apt that a lock is made by.
        Err(_) if site.locks_anew() => return Apt::find(site.host, *site.ui, packages::NEEDED).map(drop),
        Err(error) => return Err(error),
    };
    if layer::lies(&folder(&part, site)) || site.refreshes() && stands_in(what, arch, lock.as_ref(), site) {
        return Ok(());
    }
    packages::check(&part.packages, what.debian, site)
}

/// Whether the cache has a base by a lock that an earlier run made in the place of this one.
fn stands_in(what: Distroless, arch: DebianArch, lock: Option<&BaseLock>, site: &BaseContext<'_>) -> bool {
    let fresh = BaseLock::load(&BaseStore::new(site.cache).refreshed(&refreshed_key(what, arch, lock)));
    let part: Option<LockedBase> = fresh.ok().flatten().and_then(|fresh| fresh.part(what, arch).ok());
    part.is_some_and(|part| layer::lies(&folder(&part, site)))
}
