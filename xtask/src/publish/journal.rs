//! Which repositories of a registry have which blobs, as earlier runs found out: an image that shares layers with another
//! one has them mounted instead of sent. A hint: what is not there any more is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::attach::AttachedRecord;
use xtask_files::Memo;
use xtask_oci::Digest;

/// The kind of fact that is remembered, one for each registry.
const KIND: &str = "pushed";

/// The most repositories that are remembered of a blob.
const MOST: usize = 4;

/// The kind of fact that says what was attached to an image and read back.
const ATTACHED: &str = "attached";

/// What is known of a registry.
#[derive(Debug)]
pub struct PushJournal {
    memo: Memo,
    key: String,
    known: BTreeMap<String, BTreeSet<String>>,
}

impl PushJournal {
    /// Reads what is known of a registry; nothing where it cannot be read.
    pub fn open(work: &Path, registry: &str) -> Self {
        let memo = Memo::new(work.join("publish"));
        let key = xtask_files::sha256_hex(registry.as_bytes());
        let known = memo.get(KIND, &key).unwrap_or_default();
        Self { memo, key, known }
    }

    /// The repositories that have a blob.
    pub fn repositories(&self, blob: &Digest) -> Vec<String> {
        self.known.get(blob.as_str()).into_iter().flatten().cloned().collect()
    }

    /// What was attached to an image and read back, by the name of all that was to be said of it.
    pub fn attached(&self, name: &str) -> Option<Vec<AttachedRecord>> {
        self.memo.get(ATTACHED, name)
    }

    /// Remembers what was attached to an image and read back.
    pub fn keep_attached(&self, name: &str, attached: &[AttachedRecord]) {
        self.memo.put(ATTACHED, name, &attached);
    }

    /// Remembers that a repository has these blobs.
    pub fn add<'b>(&mut self, repository: &str, blobs: impl IntoIterator<Item = &'b Digest>) {
        for blob in blobs {
            let known = self.known.entry(blob.as_str().to_owned()).or_default();
            if known.len() < MOST {
                known.insert(repository.to_owned());
            }
        }
        self.memo.put(KIND, &self.key, &self.known);
    }
}
