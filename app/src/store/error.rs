//! What can go wrong with a store.

use std::path::PathBuf;
use std::{fmt, io};

use super::{Engine, MAX_KEY, MAX_VALUE};

/// Why something could not be done with a store. Nothing is half done.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// An input or output operation failed: what was to be done, and the error.
    Io(String, io::Error),
    /// There is no such file.
    Absent(PathBuf),
    /// There is such a file, and there should not be.
    Exists(PathBuf),
    /// Another process has the store open.
    InUse(PathBuf),
    /// The engine that wrote the file is not in this program.
    OtherEngine(PathBuf, Engine),
    /// The file was written by another engine than the one that was asked for.
    NotThatEngine {
        /// The path of the file.
        path: PathBuf,
        /// The engine that wrote the file.
        is: Engine,
        /// The engine that was asked for.
        wanted: Engine,
    },
    /// An engine was asked for that this program does not have.
    NotCompiled(Engine),
    /// This program has no engine at all.
    NoEngine,
    /// The file is a dump.
    IsDump(PathBuf),
    /// The file is nothing that this program knows.
    Unknown(PathBuf),
    /// A file of one of the engines, but with something else in it than our rows.
    Foreign(PathBuf),
    /// A key is too long.
    LongKey(usize),
    /// A value is too long.
    LongValue(usize),
    /// A dump that is not as it should be.
    BadDump(String),
    /// Text that is not what the command reads.
    BadText(String),
    /// A store whose contents are not what was written.
    Damaged(String),
    /// An error of the engine, with the engine's message.
    Engine(Engine, String),
}

impl StoreError {
    /// An I/O error with what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |error| Self::Io(what, error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(what, error) => write!(f, "cannot {what}: {error}"),
            Self::Absent(path) => write!(f, "there is no store {}", path.display()),
            Self::Exists(path) => write!(f, "{} is there already", path.display()),
            Self::InUse(path) => write!(
                f,
                "{} is open in another process. One process has a store at a time: stop the other one, or ask it \
                 over HTTP if it is `app serve`",
                path.display()
            ),
            Self::OtherEngine(path, engine) => write!(
                f,
                "{path} was written by {engine}, which is not in this program. The way out: with a program that has \
                 it (feature `{feature}`), run `app store export {path} rows.dump`; then run \
                 `app store import NEW rows.dump` with this one. A program with both features does it in one step: \
                 `app store migrate {path} NEW`",
                path = path.display(),
                feature = engine.feature(),
            ),
            Self::NotThatEngine { path, is, wanted } => write!(
                f,
                "{path} was written by {is}, and {wanted} was asked for. The way out: leave `--engine` out, or make a \
                 store of the other engine with `app store migrate {path} NEW --engine {wanted}`",
                path = path.display(),
            ),
            Self::NotCompiled(engine) => {
                write!(f, "{engine} is not in this program: it comes with the feature `{}`", engine.feature())
            }
            Self::NoEngine => f.write_str(
                "this program has no store engine: build it with the feature `native` (SQLite) or `pure` (redb)",
            ),
            Self::IsDump(path) => write!(
                f,
                "{path} is a dump, not a store. The way out: `app store import STORE {path}`",
                path = path.display()
            ),
            Self::Unknown(path) => write!(
                f,
                "{} is neither a store nor a dump: its first bytes are those of no format that this program knows",
                path.display()
            ),
            Self::Foreign(path) => {
                write!(f, "{} is a database, but not one that this program made", path.display())
            }
            Self::LongKey(bytes) => write!(f, "a key has {bytes} bytes, at most {MAX_KEY} are possible"),
            Self::LongValue(bytes) => write!(f, "a value has {bytes} bytes, at most {MAX_VALUE} are possible"),
            Self::BadDump(what) => write!(f, "the dump is damaged: {what}. Nothing was imported"),
            Self::BadText(what) => f.write_str(what),
            Self::Damaged(what) => write!(f, "the store is damaged: {what}"),
            Self::Engine(engine, said) => write!(f, "{engine} says: {said}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            _ => None,
        }
    }
}
