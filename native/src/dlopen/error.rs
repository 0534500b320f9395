//! The reasons why a library cannot be used.

use std::fmt;
use std::path::PathBuf;

/// Why a library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// No library was found in any of the places where it may lie.
    Absent {
        /// Where it was looked for, in this order.
        tried: Vec<Tried>,
    },
    /// The system's loader does not take the file.
    Broken {
        /// The path of the file.
        path: PathBuf,
        /// The message of the system's loader.
        said: String,
    },
    /// The library is not of this program's version.
    OtherVersion {
        /// The path of the library.
        path: PathBuf,
        /// Its version; this program's is [`super::VERSION`].
        found: u32,
    },
    /// The library lacks a function.
    Lacks {
        /// The path of the library.
        path: PathBuf,
        /// The first function that it lacks.
        symbol: &'static str,
    },
    /// This program cannot load libraries: it is static, or its target knows no such thing.
    Impossible,
}

/// A place without a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The path at which the library was looked for.
    pub path: PathBuf,
    /// The error message of the system.
    pub said: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { tried } => {
                write!(f, "there is no {}; it was looked for in this order:", super::FILE_NAME)?;
                for Tried { path, said } in tried {
                    write!(f, "\n  {}: {said}", path.display())?;
                }
                let variable = super::VARIABLE;
                write!(f, "\nbuild it with `cargo run -p native --example build-dlopen`, or name its path in {variable}")
            }
            Self::Broken { path, said } => write!(f, "{} cannot be loaded: {said}", path.display()),
            Self::OtherVersion { path, found } => write!(
                f,
                "{} has version {found} of the interface, this program needs {}",
                path.display(),
                super::VERSION
            ),
            Self::Lacks { path, symbol } => write!(f, "{} lacks the function {symbol}", path.display()),
            Self::Impossible => f.write_str(
                "this program cannot load a library: it is linked statically, or its target has no shared libraries",
            ),
        }
    }
}

impl std::error::Error for LoadError {}
