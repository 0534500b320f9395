//! Finds the texts that go into archives with the program: licences, notices, the README.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::archive::companions;
use xtask_config::workspace::Package;
use xtask_files::error::Result;

/// Returns the texts of a package, and messages about texts that are left out. `top` is the folder that
/// contains the whole project. A link to a file outside of it could put any file of this machine into an
/// archive.
///
/// # Errors
/// The package's folder cannot be read.
pub fn texts(package: &Package, top: &Path) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let own = [top, &package.dir].map(|dir| std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned()));
    let mut taken: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut left_out = Vec::new();
    for file in companions(&package.dir)?.into_iter().chain(package.license_files.clone()) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if taken.get(&name) == Some(&file) {
            continue;
        }
        let why = match std::fs::canonicalize(&file) {
            Err(error) => error.to_string(),
            Ok(place) if !place.is_file() => "it is not a regular file".to_owned(),
            Ok(place) if own.iter().all(|dir| !place.starts_with(dir)) => {
                format!("it leads to {}, which is outside of {}", place.display(), top.display())
            }
            Ok(_) => match taken.get(&name) {
                Some(other) => format!("{} has the same name", other.display()),
                None => {
                    taken.insert(name, file);
                    continue;
                }
            },
        };
        let line = format!("archives lack {}: {why}", file.display());
        if !left_out.contains(&line) {
            left_out.push(line);
        }
    }
    Ok((taken.into_values().collect(), left_out))
}
