//! A program of the build that ships.

use std::path::Path;
use std::sync::Arc;

use super::{Facts, Object};
use xtask_files::error::Result;
use xtask_oci::Content;

/// A program that ships in a root file system.
#[derive(Debug, Clone)]
pub struct Program {
    /// The name of the program in messages: its file name.
    pub name: String,
    /// Its absolute path in the root file system. `$ORIGIN` depends on it.
    pub at: String,
    /// The facts that the program's file states.
    pub facts: Facts,
    /// The program as a dynamic loader reads it.
    pub object: Arc<Object>,
}

impl Program {
    /// Reads a program on disk that will lie at `at` in the root file system.
    ///
    /// # Errors
    /// As [`Facts::read`].
    pub fn read(path: &Path, at: &str) -> Result<Self> {
        let facts = Facts::read(path)?;
        let object = Object::read(&path.display().to_string(), &Content::Disk(path.to_owned()))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, at: at.to_owned(), facts, object: Arc::new(object) })
    }

    /// Reads a program in memory.
    ///
    /// # Errors
    /// As [`Facts::parse`].
    pub fn parse(name: &str, bytes: &[u8], at: &str) -> Result<Self> {
        let (facts, object) = (Facts::parse(name, bytes)?, Object::parse(name, bytes)?);
        Ok(Self { name: name.to_owned(), at: at.to_owned(), facts, object: Arc::new(object) })
    }
}
