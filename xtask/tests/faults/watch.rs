//! A proxy that holds every request for a tag against what the registry keeps at that moment.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use xtask_test_support::between::{Act, Between, Seen};

use crate::kept::KeptFiles;

/// A watched way to a registry.
pub(crate) struct WatchedRegistry {
    /// The proxy, to which clients go.
    pub(crate) front: Between,
    state: Arc<WatchState>,
}

struct WatchState {
    kept: KeptFiles,
    /// Tags that were asked to point at something incomplete, with what it lacked.
    broken: Mutex<Vec<String>>,
    /// What the registry said that it has: repository, whether it is a manifest, digest.
    acknowledged: Mutex<BTreeSet<(String, bool, String)>>,
}

impl WatchedRegistry {
    /// Stands before the registry at `to`, which keeps its files in `kept`; `decide` is as in [`Between::start`].
    pub(crate) fn start(
        to: &str,
        kept: &KeptFiles,
        decide: impl Fn(&Seen, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(WatchState {
            kept: kept.clone(),
            broken: Mutex::default(),
            acknowledged: Mutex::default(),
        });
        let (asked, answered) = (Arc::clone(&state), Arc::clone(&state));
        let front = Between::listening(
            to,
            move |seen, before| {
                asked.asked(seen);
                decide(seen, before)
            },
            move |seen, status| answered.answered(seen, status),
        );
        Self { front, state }
    }

    /// Tags that were asked to point at something incomplete.
    pub(crate) fn broken_tags(&self) -> Vec<String> {
        self.state.broken.lock().unwrap().clone()
    }

    /// What was acknowledged and is not there.
    pub(crate) fn lost(&self) -> Vec<String> {
        let all = self.state.acknowledged.lock().unwrap();
        let kept = &self.state.kept;
        let lost = all.iter().filter(|(repository, manifest, digest)| match manifest {
            true => !kept.has_manifest(repository, digest),
            false => !kept.has_blob(repository, digest),
        });
        lost.map(|(repository, _, digest)| format!("{repository}@{digest}")).collect()
    }
}

impl WatchState {
    fn asked(&self, seen: &Seen) {
        let Some((repository, tag)) = manifest(seen).filter(|(_, to)| !to.starts_with("sha256:")) else {
            return;
        };
        let lacking = self.kept.lacking(repository, &seen.body);
        if !lacking.is_empty() {
            self.broken.lock().unwrap().push(format!("{repository}:{tag} without {}", lacking.join(", ")));
        }
    }

    fn answered(&self, seen: &Seen, status: u16) {
        if status != 201 {
            return;
        }
        let said = if let Some((repository, _)) = manifest(seen) {
            Some((repository, true, format!("sha256:{}", xtask_files::sha256_hex(&seen.body))))
        } else {
            let path = seen.path().strip_prefix("/v2/").unwrap_or_default();
            let repository = path.split("/blobs/uploads/").next().unwrap_or_default();
            let query = path.split_once('?').map_or("", |(_, query)| query);
            let mut values = query.split('&').filter_map(|pair| pair.split_once('='));
            let digest = values.find(|(key, _)| ["digest", "mount"].contains(key));
            digest.map(|(_, digest)| (repository, false, digest.replace("%3A", ":").replace("%3a", ":")))
        };
        if let Some((repository, kind, digest)) = said {
            self.acknowledged.lock().unwrap().insert((repository.to_owned(), kind, digest));
        }
    }
}

/// The repository and the tag or digest of a manifest that is put.
fn manifest(seen: &Seen) -> Option<(&str, &str)> {
    (seen.method() == "PUT").then_some(())?;
    seen.path().strip_prefix("/v2/")?.split_once("/manifests/")
}
