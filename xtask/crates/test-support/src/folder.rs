//! Files and folders that tests make and look at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Reads every file under a folder. The result has the bytes of each file by its relative path.
///
/// # Panics
/// A file cannot be read.
pub fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Writes a text file and the folders above it, and returns its path.
///
/// # Panics
/// It cannot be written.
pub fn write(path: impl Into<PathBuf>, text: &str) -> PathBuf {
    let path = path.into();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// Writes an executable script for `/bin/sh` and the folders above it, and returns its path.
///
/// # Panics
/// It cannot be written.
pub fn script(path: impl Into<PathBuf>, body: &str) -> PathBuf {
    let path = write(path, &format!("#!/bin/sh\n{body}\n"));
    #[cfg(unix)]
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}
