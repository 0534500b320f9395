//! The list of the files of a std. It is written last, so a std without it is incomplete. Names and sizes
//! show whether a std has lost files, for example to a cleaner that removes old files from a cache.

use std::collections::BTreeMap;
use std::path::Path;

use xtask_files::error::{Error, Result};

const NAME: &str = "contents.json";

/// Writes the names and sizes of the files in `dir` to a list in `dir`. Files in subfolders are not listed.
pub(super) fn write(dir: &Path) -> Result<()> {
    let sizes = sizes(dir).map_err(|e| Error::io("cannot read", dir, &e))?;
    let text = serde_json::to_vec(&sizes).map_err(|e| Error::failed(format!("cannot list files: {e}")))?;
    xtask_files::write(&dir.join(NAME), &text)
}

/// Whether `dir` still holds every file of its list, with the same size.
pub(super) fn whole(dir: &Path) -> bool {
    let listed = std::fs::read(dir.join(NAME)).ok();
    let listed: Option<BTreeMap<String, u64>> = listed.and_then(|b| serde_json::from_slice(&b).ok());
    match (listed, sizes(dir)) {
        (Some(listed), Ok(present)) => {
            !listed.is_empty() && listed.iter().all(|(name, size)| present.get(name) == Some(size))
        }
        _ => false,
    }
}

fn sizes(dir: &Path) -> std::io::Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (name, meta) = (entry.file_name().to_string_lossy().into_owned(), entry.metadata()?);
        if meta.is_file() && name != NAME {
            sizes.insert(name, meta.len());
        }
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_std_that_lost_a_file_is_not_whole() {
        let dir = std::env::temp_dir().join(format!("xtask-marker-test-{}", std::process::id()));
        xtask_process::cache::create_dir(&dir).unwrap();
        assert!(!whole(&dir));
        std::fs::write(dir.join("libstd-1.rlib"), "std").unwrap();
        write(&dir).unwrap();
        assert!(whole(&dir));
        std::fs::write(dir.join("libstd-1.rlib"), "st").unwrap();
        assert!(!whole(&dir));
        std::fs::remove_file(dir.join("libstd-1.rlib")).unwrap();
        assert!(!whole(&dir));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
