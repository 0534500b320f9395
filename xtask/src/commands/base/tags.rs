//! The tags of registries that targets.toml names as bases, and the digests that they are held at.

use std::path::Path;

use serde::Serialize;

use crate::session::Session;
use xtask_base::Base;
use xtask_files::error::Result;
use xtask_registry::lock::{self, Moved};
use xtask_registry::{PullContext, Reference};

/// A tag as documents show it.
#[derive(Serialize)]
pub(super) struct TagJson {
    /// The reference of the tag, as a text.
    pub(super) reference: String,
    /// The digest that the tag was held at until now; none where the tag is new, or nothing was asked.
    pub(super) from: Option<String>,
    /// The digest that the tag is locked at; none where it is not locked.
    pub(super) to: Option<String>,
}

/// The tags that targets.toml names; none where there is no such file. One with a digest needs no lock.
pub(super) fn named(session: &Session) -> Result<Vec<Reference>> {
    let images = super::config(session)?.map(|config| config.images).unwrap_or_default();
    let bases = images.into_iter().map(|image| image.base);
    let tags = bases.filter_map(|base| match base {
        Base::Registry(reference) if reference.digest().is_none() => Some(reference),
        _ => None,
    });
    let mut tags: Vec<Reference> = tags.collect();
    tags.sort();
    tags.dedup();
    Ok(tags)
}

/// Holds the tags where their registries have them now. `all`: no other file names tags of these locks, so those that
/// nobody names any more are let go.
pub(super) fn update(session: &Session, locks: &Path, tags: &[Reference], all: bool) -> Result<Vec<TagJson>> {
    if tags.is_empty() && !lock::path(locks).exists() {
        return Ok(Vec::new());
    }
    let Session { cache, offline, ui, host, .. } = session;
    let site = PullContext { cache, locks, offline: *offline, ui, host };
    let moved = xtask_registry::update(tags, &site)?;
    for reference in if all { lock::retain(tags, &site)? } else { Vec::new() } {
        session.ui.step("Removed", format!("{reference}, which targets.toml does not name"));
    }
    let tag = |Moved { reference, from, to }: Moved| TagJson {
        reference: reference.to_string(),
        from: from.map(|digest| digest.to_string()),
        to: Some(to.to_string()),
    };
    Ok(moved.into_iter().map(tag).collect())
}

/// The tags that are named or locked, each with its digest.
pub(super) fn list(session: &Session, locks: &Path) -> Result<Vec<TagJson>> {
    let held = lock::read(locks)?;
    let mut all = named(session)?;
    all.extend(held.keys().cloned());
    all.sort();
    all.dedup();
    let tag = |reference: Reference| TagJson {
        to: held.get(&reference).map(ToString::to_string),
        reference: reference.to_string(),
        from: None,
    };
    Ok(all.into_iter().map(tag).collect())
}
