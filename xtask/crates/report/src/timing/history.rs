//! The history of a workspace's build times: JSON lines, one for each run of `bench`, which CI can keep.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::HostFacts;
use super::record::{CaseRecord, MethodRecord, RatioRecord};
use xtask_files as files;
use xtask_files::error::{Error, Result};

/// A line of the history: the results of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The version of the line's format, which is 1.
    pub schema: u32,
    /// The time of the run, in seconds since 1970.
    pub time: u64,
    /// The commit of the sources, or none outside of a repository.
    pub revision: Option<String>,
    /// The machine.
    pub host: HostFacts,
    /// How the samples were taken.
    pub method: MethodRecord,
    /// The cases of this run, with the times of their samples alone.
    pub cases: Vec<CaseRecord>,
    /// The ratios of the modes of these cases.
    pub ratios: Vec<RatioRecord>,
}

impl HistoryEntry {
    /// Opens the file at `path`, which is made if it does not exist. A run does so before its samples, since they would be
    /// lost on a file that cannot be written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(path: &Path) -> Result<File> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::folder(folder)?;
        }
        if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            return Err(Error::failed(format!(
                "cannot write the history: {} is not a regular file",
                path.display()
            )));
        }
        let opened = File::options().create(true).append(true).open(path);
        opened.map_err(|e| Error::io("cannot write the history", path, &e))
    }

    /// Adds the line to the file at `path`, which is made if it does not exist.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self)
            .map_err(|e| Error::failed(format!("cannot write the history: {e}")))?;
        let written = Self::open(path)?.write_all((text + "\n").as_bytes());
        written.map_err(|e| Error::io("cannot write the history", path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::super::StopRule;
    use super::*;

    #[test]
    fn lines_are_added_to_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/history.jsonl");
        let host = HostFacts { cores: 2, cpu: None, memory_bytes: None, os: "Linux".into(), rustc: None };
        let rule = StopRule::fixed(3, "pure");
        let method = MethodRecord { seed: 1, rule, warm_up: true, out_of_time: false };
        let entry =
            HistoryEntry { schema: 1, time: 7, revision: None, host, method, cases: vec![], ratios: vec![] };
        entry.append(&path).unwrap();
        HistoryEntry { time: 8, ..entry.clone() }.append(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let read: Vec<HistoryEntry> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((read.len(), &read[0], read[1].time), (2, &entry, 8));
        assert!(entry.append(dir.path()).unwrap_err().what.contains("not a regular file"));
    }
}
