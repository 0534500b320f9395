//! Remembers which repositories of a registry have which blobs, so that a layer can be mounted from another repository
//! instead of being sent. This is only a hint: a blob that is not there any more is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::attach::AttachedRecord;
use xtask_files::Memo;
use xtask_oci::Digest;

/// The name of the facts about the blobs of a registry.
const KIND: &str = "pushed";

/// The maximum number of repositories that are remembered for a blob.
const MOST: usize = 4;

/// The name of the facts about documents that were attached to an image and read back.
const ATTACHED: &str = "attached";

/// The remembered facts about one registry.
#[derive(Debug)]
pub struct PushJournal {
    memo: Memo,
    key: String,
    known: BTreeMap<String, BTreeSet<String>>,
}

impl PushJournal {
    /// Reads the facts about a registry. If they cannot be read, there are none.
    pub fn open(work: &Path, registry: &str) -> Self {
        let memo = Memo::new(work.join("publish"));
        let key = xtask_files::sha256_hex(registry.as_bytes());
        let known = memo.get(KIND, &key).unwrap_or_default();
        Self { memo, key, known }
    }

    /// Returns the repositories that have a blob.
    pub fn repositories(&self, blob: &Digest) -> Vec<String> {
        self.known.get(blob.as_str()).into_iter().flatten().cloned().collect()
    }

    /// Returns the documents that were attached to an image and read back, by the key of the attestor.
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
