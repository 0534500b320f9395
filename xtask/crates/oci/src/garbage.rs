//! Finds and removes the blobs that no image of a layout needs any more.
//!
//! Removal is safe under three conditions. If one of them fails, nothing is removed. First, the caller holds
//! the lock exclusively, so that no other run reads a blob or has just written one that no index names yet.
//! Second, every document that can be reached from `index.json`, or was staged by this run, was read and
//! understood. Third, only files whose names are digests are removed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Descriptor, Index};
use super::{Blobs, Digest, Layout};

/// Removes the blobs that cannot be reached from the layout's `index.json` or from the documents in `staged`.
/// Returns whether there were any.
pub(super) fn collect(layout: &Layout, staged: &[Descriptor]) -> bool {
    let blobs = layout.blobs();
    let Ok(index) = layout.index() else { return false };
    let Ok(staged) = serde_json::to_value(Index::new(staged.to_vec(), Default::default())) else {
        return false;
    };
    let mut found = BTreeSet::new();
    let all = [&Value::Object(index), &staged].into_iter().all(|i| reach(i, &blobs, &mut found).is_some());
    all && blobs.retain(&found)
}

/// Adds all digests that can be reached from a document. Returns `None` if one of the documents cannot be
/// read.
fn reach(document: &Value, blobs: &Blobs, found: &mut BTreeSet<Digest>) -> Option<()> {
    let list = |key: &str| document.get(key).and_then(Value::as_array).into_iter().flatten();
    for key in ["config", "subject"] {
        if let Some(descriptor) = document.get(key) {
            found.insert(digest(descriptor)?);
        }
    }
    for layer in list("layers").chain(list("blobs")) {
        found.insert(digest(layer)?);
    }
    for child in list("manifests") {
        let digest = digest(child)?;
        // Each document is read once, so that a cycle of indexes ends here.
        if found.insert(digest.clone()) {
            let child = serde_json::from_slice(&blobs.read(&digest).ok()?).ok()?;
            reach(&child, blobs, found)?;
        }
    }
    Some(())
}

fn digest(descriptor: &Value) -> Option<Digest> {
    Digest::parse(descriptor.get("digest")?.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Index, Manifest, media_type, to_bytes};

    #[test]
    fn only_what_nothing_leads_to_goes() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let blobs = layout.blobs();
        let layer = blobs.put(media_type::LAYER_GZIP, b"layer").unwrap();
        let config = blobs.put(media_type::CONFIG, b"{}").unwrap();
        let manifest = Manifest::new(config.clone(), vec![layer.clone()], Default::default());
        let manifest = blobs.put(media_type::MANIFEST, &to_bytes(&manifest).unwrap()).unwrap();
        let index = Index::new(vec![manifest.clone()], Default::default());
        let index = blobs.put(media_type::INDEX, &to_bytes(&index).unwrap()).unwrap();
        let lonely = blobs.put(media_type::LAYER_GZIP, b"lonely").unwrap();
        let note = blobs.path(&lonely.digest).with_file_name("README");
        std::fs::write(&note, "not ours").unwrap();

        // The document of this entry is missing. Its blobs are not known, so everything is kept.
        let gone = crate::document::Descriptor::of(media_type::INDEX, b"gone");
        layout.name(&[("a", index.clone()), ("b", gone)]).unwrap();
        assert!(!collect(&layout, &[]) && blobs.has(&lonely));

        layout.name(&[("b", index.clone())]).unwrap();
        assert!(collect(&layout, &[]) && !blobs.has(&lonely) && note.exists());
        let needed = [layer, config, manifest, index.clone()];
        assert!(!collect(&layout, &[]) && needed.iter().all(|blob| blobs.has(blob)));

        // A staged image has no name yet, but its blobs are needed.
        layout.forget(&["a", "b"]).unwrap();
        assert!(!collect(&layout, &[index]) && needed.iter().all(|blob| blobs.has(blob)));
        assert!(collect(&layout, &[]) && !needed.iter().any(|blob| blobs.has(blob)));
    }
}
