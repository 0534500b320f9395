//! Facts that earlier runs found out, one small JSON file each. A fact is a hint that is checked before it is used.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Stat, sha256_hex, stage};

/// A fact about a file that this program wrote, with the data that show whether the file has changed.
#[derive(Serialize, Deserialize)]
struct OutputFact<T> {
    stat: Stat,
    fact: T,
}

/// A folder of remembered facts: `<dir>/<kind>/<key>.json`. Losing it costs time, never correctness. So a
/// folder or file that is absent, truncated, read-only or from another version counts as an unknown fact, not as an error.
#[derive(Debug, Clone)]
pub struct Memo {
    dir: PathBuf,
}

impl Memo {
    /// Makes a memo that keeps its facts under this folder, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns the fact that is remembered under this key, or none if there is no readable one.
    pub fn get<T: DeserializeOwned>(&self, kind: &str, key: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.path(kind, key)).ok()?).ok()
    }

    /// Remembers a fact under this key, in place of an earlier one.
    pub fn put<T: Serialize>(&self, kind: &str, key: &str, value: &T) {
        if let Ok(json) = serde_json::to_vec(value) {
            let _ = stage::write_changed(&self.path(kind, key), &json);
        }
    }

    /// Returns the fact that is remembered about the output at `path`, unless the file has changed since.
    pub fn output<T: DeserializeOwned>(&self, kind: &str, path: &Path) -> Option<T> {
        let known: OutputFact<T> = self.get(kind, &sha256_hex(path.as_os_str().as_encoded_bytes()))?;
        (Stat::of_output(path).ok()? == known.stat).then_some(known.fact)
    }

    /// Remembers a fact about the output at `path`, as the file is now.
    pub fn remember_output<T: Serialize>(&self, kind: &str, path: &Path, fact: T) {
        if let Ok(stat) = Stat::of_output(path) {
            let key = sha256_hex(path.as_os_str().as_encoded_bytes());
            self.put(kind, &key, &OutputFact { stat, fact });
        }
    }

    /// Removes the facts of a kind that cannot be read or that `keep` rejects.
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
    fn a_fact_about_an_output_holds_until_the_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (memo, path) = (Memo::new(dir.path().join("memo")), dir.path().join("out"));
        memo.remember_output("k", &path, 1);
        assert_eq!(memo.output::<u32>("k", &path), None, "there is no file");
        fs::write(&path, "one").unwrap();
        memo.remember_output("k", &path, 1);
        assert_eq!(memo.output::<u32>("k", &path), Some(1));
        assert_eq!(memo.output::<u32>("other", &path), None);
        fs::write(&path, "other").unwrap();
        assert_eq!(memo.output::<u32>("k", &path), None);
    }

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
