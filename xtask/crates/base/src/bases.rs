//! All bases of a run. Each base is obtained once, from whatever source.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BaseContext, BaseImage, Distroless, distroless, prune};
use xtask_files::FileLock;
use xtask_files::error::{Error, Result};
use xtask_registry::{self as registry, Reference};
use xtask_triple::Platform;

/// The base of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// No base: the image contains only what is added to it.
    Scratch,
    /// A base that is assembled here from Debian's packages.
    Distroless(Distroless),
    /// An image of a registry.
    Registry(Reference),
    /// The smallest of scratch and the distroless bases on which the program is proven to start.
    Auto,
}

/// Writes the base as targets.toml spells it.
impl std::fmt::Display for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Base::Scratch => f.write_str("scratch"),
            Base::Distroless(distroless) => distroless.fmt(f),
            Base::Registry(reference) => reference.fmt(f),
            Base::Auto => f.write_str("auto"),
        }
    }
}

/// The sources of bases, and the bases that are ready.
#[derive(Debug)]
pub struct Bases<'a> {
    distroless: BaseContext<'a>,
    registry: registry::PullContext<'a>,
    ready: RefCell<BTreeMap<(String, Platform), Arc<BaseImage>>>,
    refreshed: RefCell<BTreeMap<String, String>>,
    /// The lock that keeps pruning away while the bases in the cache are used.
    _in_use: Option<FileLock>,
}

impl<'a> Bases<'a> {
    /// Makes the sources; no base is ready yet.
    pub fn new(distroless: BaseContext<'a>) -> Self {
        let BaseContext { cache, locks, offline, ui, host, .. } = distroless;
        let registry = registry::PullContext { cache, locks, offline, ui, host };
        let (ready, refreshed) = (RefCell::default(), RefCell::default());
        Self { distroless, registry, ready, refreshed, _in_use: prune::hold(cache) }
    }

    /// Returns a base for a platform, or none for scratch.
    ///
    /// # Errors
    /// The base cannot be obtained: see [`distroless::load`] and [`registry::base`].
    pub fn get(&self, base: &Base, platform: &Platform) -> Result<Option<Arc<BaseImage>>> {
        let key = (base.to_string(), platform.clone());
        if let Some(ready) = self.ready.borrow().get(&key) {
            return Ok(Some(Arc::clone(ready)));
        }
        let image = match base {
            Base::Scratch => return Ok(None),
            Base::Auto => return Err(Error::failed("a base that is chosen later was asked for")),
            Base::Distroless(what) => self.assembled(*what, platform)?,
            Base::Registry(reference) => registry::base(reference, platform, &self.registry)?.into(),
        };
        let image = Arc::new(image);
        self.ready.borrow_mut().insert(key, Arc::clone(&image));
        Ok(Some(image))
    }

    /// Checks whether [`Bases::get`] could return a base, as far as that shows quickly and without the
    /// network.
    ///
    /// # Errors
    /// See [`distroless::check`] and [`registry::check`].
    pub fn check(&self, base: &Base, platform: &Platform) -> Result<()> {
        match base {
            Base::Scratch | Base::Auto => Ok(()),
            Base::Distroless(what) => distroless::check(*what, platform, &self.distroless),
            Base::Registry(reference) => registry::check(reference, platform, &self.registry),
        }
    }

    /// Returns whether a run that makes an image on this base will lock it: its tag is in no lock yet.
    pub fn locks(&self, base: &Base) -> bool {
        let Base::Registry(reference) = base else { return false };
        let tag = reference.digest().is_none() && !self.registry.offline;
        tag && registry::lock::read(self.registry.locks).is_ok_and(|locks| !locks.contains_key(reference))
    }

    /// Returns why a new lock replaces the repository's, or none if the repository's was used.
    pub fn refreshed(&self, base: &Base) -> Option<String> {
        self.refreshed.borrow().get(&base.to_string()).cloned()
    }

    fn assembled(&self, what: Distroless, platform: &Platform) -> Result<BaseImage> {
        let first = self.ready.borrow().keys().all(|(name, _)| *name != what.to_string());
        if let Some(warning) = what.warning().filter(|_| first) {
            self.distroless.ui.warn(warning);
        }
        let assembled = distroless::load(what, platform, &self.distroless)?;
        if let Some(why) = assembled.refreshed {
            self.refreshed.borrow_mut().insert(what.to_string(), why);
        }
        Ok(assembled.base)
    }
}
