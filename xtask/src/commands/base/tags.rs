//! The registry tags that targets.toml names as bases, and the digests to which they are locked.

use std::path::Path;

use serde::Serialize;

use crate::session::Session;
use xtask_base::Base;
use xtask_files::error::Result;
use xtask_registry::lock::{self, Moved};
use xtask_registry::{PullContext, Reference};

/// A tag in JSON documents.
#[derive(Serialize)]
pub(super) struct TagJson {
    /// The reference of the tag, as a text.
    pub(super) reference: String,
    /// The previous digest of the tag; none if the tag is new, or nothing was asked.
    pub(super) from: Option<String>,
    /// The digest to which the tag is locked; none if it is not locked.
    pub(super) to: Option<String>,
}

/// Returns the tags that targets.toml names, or none if there is no such file. A reference with a digest
/// needs no lock.
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

/// Locks the tags to their present digests in the registries. `all` means that no other file uses these
/// locks. Then tags that targets.toml no longer names are removed.
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

/// Returns the tags that are named or locked, each with its digest.
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
