//! Statements as files below `target/dist/provenance`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xtask_attest::Statement;
use xtask_files::error::{Error, Result};
use xtask_files::{dist, write_changed};

use super::StatementKind;

/// Statements that are written, and what else lies in their folder.
#[derive(Debug)]
pub struct StatementFiles {
    folder: PathBuf,
    written: BTreeSet<PathBuf>,
}

impl StatementFiles {
    /// Begins the statements of a release.
    pub fn new(dist: &Path) -> Self {
        Self { folder: dist::provenance(dist), written: BTreeSet::new() }
    }

    /// Writes a statement as `<folder>/<name>.<kind>.json`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(
        &mut self,
        folder: &str,
        name: &str,
        kind: StatementKind,
        statement: &Statement,
    ) -> Result<()> {
        let file = self.folder.join(folder).join(format!("{name}.{}.json", kind.name()));
        write_changed(&file, &statement.to_json())?;
        self.written.insert(file);
        Ok(())
    }

    /// Removes what earlier releases left. Returns the number of statements.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn finish(self) -> Result<usize> {
        for folder in
            std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path())
        {
            for file in std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
                if !self.written.contains(&file) {
                    std::fs::remove_file(&file).map_err(|e| Error::io("cannot remove", &file, &e))?;
                }
            }
            // Goes where nothing is left in it.
            let _ = std::fs::remove_dir(&folder);
        }
        Ok(self.written.len())
    }
}

/// Reads a statement that a release wrote.
///
/// # Errors
/// The file cannot be read, or is no statement.
pub fn read(file: &Path) -> Result<Statement> {
    let bytes = xtask_files::read(file).map_err(|e| Error::io("cannot read", file, &e))?;
    Statement::parse(&bytes).ok_or_else(|| {
        Error::failed(format!("{} is not an in-toto statement", file.display()))
            .help("make the release again: cargo xtask release")
    })
}
