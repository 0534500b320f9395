//! What earlier runs found out, one small JSON file each: a hint that is checked before it is believed.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::stage;

/// A folder of remembered facts: `<dir>/<kind>/<key>.json`. Losing it costs time, never correctness, so every trouble
/// with it (absent, truncated, written by another version, read-only) is the same as not knowing.
#[derive(Debug, Clone)]
pub struct Memo {
    dir: PathBuf,
}

impl Memo {
    /// Facts under this folder, which need not be there yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// What is known under this key.
    pub fn get<T: DeserializeOwned>(&self, kind: &str, key: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.path(kind, key)).ok()?).ok()
    }

    /// Remembers a fact.
    pub fn put<T: Serialize>(&self, kind: &str, key: &str, value: &T) {
        if let Ok(json) = serde_json::to_vec(value) {
            let _ = stage::write_changed(&self.path(kind, key), &json);
        }
    }

    /// Forgets all of a kind that cannot be read or that `keep` does not want.
    pub fn retain<T: DeserializeOwned>(&self, kind: &str, keep: impl Fn(&T) -> bool) {
        for entry in fs::read_dir(self.dir.join(kind)).into_iter().flatten().flatten() {
            if entry.path().extension().is_none_or(|e| e != "json") {
                continue;
            }
            let known = fs::read(entry.path()).ok().and_then(|json| serde_json::from_slice::<T>(&json).ok());
            if !known.is_some_and(|value| keep(&value)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, kind: &str, key: &str) -> PathBuf {
        self.dir.join(kind).join(format!("{key}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_the_same_as_not_knowing() {
        let dir = tempfile::tempdir().unwrap();
        let memo = Memo::new(dir.path());
        assert_eq!(memo.get::<Vec<u32>>("k", "a"), None);
        memo.put("k", "a", &vec![1, 2]);
        assert_eq!(memo.get::<Vec<u32>>("k", "a"), Some(vec![1, 2]));
        fs::write(dir.path().join("k/a.json"), "[1,").unwrap();
        assert_eq!(memo.get::<Vec<u32>>("k", "a"), None);
        memo.put("k", "a", &vec![3]);
        memo.put("k", "b", &vec![4]);
        memo.retain::<Vec<u32>>("k", |v| v[0] == 4);
        assert_eq!((memo.get::<Vec<u32>>("k", "a"), memo.get("k", "b")), (None, Some(vec![4])));
        Memo::new("/dev/null/x").put("k", "a", &1);
    }
}
