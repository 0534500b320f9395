//! The engines, and how a file shows which one wrote it.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::{Store, StoreError, dump};

/// The database library that keeps the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// SQLite, an engine written in C.
    Sqlite,
    /// redb, an engine written in Rust.
    Redb,
}

/// The engines in this program. The first makes new stores where nobody says otherwise.
pub(crate) const COMPILED: &[Engine] = &[
    #[cfg(feature = "native")]
    Engine::Sqlite,
    #[cfg(feature = "pure")]
    Engine::Redb,
];

impl Engine {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Redb => "redb",
        }
    }

    /// The Cargo feature that compiles it.
    pub(crate) fn feature(self) -> &'static str {
        match self {
            Self::Sqlite => "native",
            Self::Redb => "pure",
        }
    }

    /// Its name, with the version of SQLite's C; redb states none at run time.
    pub(crate) fn with_version(self) -> String {
        match self {
            #[cfg(feature = "native")]
            Self::Sqlite => format!("sqlite {}", rusqlite::version()),
            _ => self.name().to_owned(),
        }
    }

    /// The engine of this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Sqlite, Self::Redb].into_iter().find(|engine| engine.name() == name)
    }

    /// What every file of this engine begins with.
    fn magic(self) -> &'static [u8] {
        match self {
            // "Database File Format" of SQLite, 1.2.
            Self::Sqlite => b"SQLite format 3\0",
            // design.md of redb, "Database header".
            Self::Redb => b"redb\x1a\x0a\xa9\x0d\x0a",
        }
    }

    /// The engine for a new store: the one that was asked for, if it is in this program, else the first.
    pub(crate) fn choose(wanted: Option<Self>) -> Result<Self, StoreError> {
        match wanted {
            Some(engine) if COMPILED.contains(&engine) => Ok(engine),
            Some(engine) => Err(StoreError::NotCompiled(engine)),
            None => COMPILED.first().copied().ok_or(StoreError::NoEngine),
        }
    }

    /// Opens a file of this engine, or makes one out of an empty file.
    pub(super) fn open(self, path: &Path) -> Result<Box<dyn Store>, StoreError> {
        match self {
            #[cfg(feature = "native")]
            Self::Sqlite => Ok(Box::new(super::sqlite::Sqlite::open(path)?)),
            #[cfg(feature = "pure")]
            Self::Redb => Ok(Box::new(super::redb::Redb::open(path)?)),
            #[cfg(not(all(feature = "native", feature = "pure")))]
            _ => Err(StoreError::OtherEngine(path.to_owned(), self)),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a file is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreFileKind {
    /// There is none, or it is empty.
    Nothing,
    /// A store that this engine wrote.
    Store(Engine),
    /// A dump of a store.
    Dump,
    /// A file that is neither a store nor a dump.
    Unknown,
}

/// Determines what the file at this path is.
pub(super) fn kind(path: &Path) -> Result<StoreFileKind, StoreError> {
    let mut begin = Vec::new();
    let reading = || StoreError::io(format!("read {}", path.display()));
    match File::open(path) {
        Ok(file) => file.take(32).read_to_end(&mut begin).map_err(reading())?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(StoreFileKind::Nothing),
        Err(error) => return Err(reading()(error)),
    };
    let engine = [Engine::Sqlite, Engine::Redb].into_iter().find(|engine| begin.starts_with(engine.magic()));
    Ok(match engine {
        Some(engine) => StoreFileKind::Store(engine),
        None if begin.is_empty() => StoreFileKind::Nothing,
        None if begin.starts_with(dump::MAGIC) => StoreFileKind::Dump,
        None => StoreFileKind::Unknown,
    })
}

/// Opens a store that is there.
pub(crate) fn open(path: &Path, wanted: Option<Engine>) -> Result<Box<dyn Store>, StoreError> {
    let owned = || path.to_owned();
    match kind(path)? {
        StoreFileKind::Nothing => Err(StoreError::Absent(owned())),
        StoreFileKind::Dump => Err(StoreError::IsDump(owned())),
        StoreFileKind::Unknown => Err(StoreError::Unknown(owned())),
        StoreFileKind::Store(is) => match wanted {
            Some(wanted) if wanted != is => Err(StoreError::NotThatEngine { path: owned(), is, wanted }),
            _ if !COMPILED.contains(&is) => Err(StoreError::OtherEngine(owned(), is)),
            _ => is.open(path),
        },
    }
}

/// Opens the store, and makes it first where there is none.
pub(crate) fn create_or_open(path: &Path, wanted: Option<Engine>) -> Result<Box<dyn Store>, StoreError> {
    if kind(path)? == StoreFileKind::Nothing {
        super::create::create(path, Engine::choose(wanted)?)?;
    }
    open(path, wanted)
}

/// A store without a file, which is gone with the value.
pub(crate) fn in_memory(engine: Engine) -> Result<Box<dyn Store>, StoreError> {
    match engine {
        #[cfg(feature = "native")]
        Engine::Sqlite => Ok(Box::new(super::sqlite::Sqlite::in_memory()?)),
        #[cfg(feature = "pure")]
        Engine::Redb => Ok(Box::new(super::redb::Redb::in_memory()?)),
        #[cfg(not(all(feature = "native", feature = "pure")))]
        _ => Err(StoreError::NotCompiled(engine)),
    }
}
