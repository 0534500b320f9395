//! What this machine says of itself, read once: variables and PATH. Everything that decides takes this as an argument,
//! so that decisions can be tested without touching the process's own environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::triple::Triple;

/// A snapshot of the environment.
#[derive(Debug, Clone)]
pub struct Host {
    /// The triple of the machine that builds (rustc's `host`).
    pub triple: Triple,
    vars: BTreeMap<OsString, OsString>,
    path: Vec<PathBuf>,
}

/// What a look-up on PATH found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file that can be executed.
    Program(PathBuf),
    /// A file of that name that cannot be executed.
    NotExecutable(PathBuf),
    /// Nothing of that name.
    Nothing,
}

impl Host {
    /// Takes the snapshot of this process.
    pub fn read(triple: Triple) -> Self {
        Self::new(triple, std::env::vars_os())
    }

    /// A host with just these variables.
    pub fn new(triple: Triple, vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let vars: BTreeMap<_, _> = vars.into_iter().collect();
        let path =
            vars.get(OsStr::new("PATH")).map(|p| std::env::split_paths(p).collect()).unwrap_or_default();
        Self { triple, vars, path }
    }

    /// A variable that is set, not empty and UTF-8.
    pub fn var(&self, key: &str) -> Option<&str> {
        self.vars.get(OsStr::new(key)).and_then(|v| v.to_str()).filter(|v| !v.is_empty())
    }

    /// All variables.
    pub fn vars(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars.iter().map(|(k, v)| (k.as_os_str(), v.as_os_str()))
    }

    /// The folders of PATH, in order.
    pub fn path(&self) -> &[PathBuf] {
        &self.path
    }

    /// Looks a program up as a shell would: a name on PATH, anything with a separator as a path. What is found is
    /// absolute, since it is started from other folders.
    pub fn find(&self, program: &str) -> Found {
        let candidates: Vec<PathBuf> = if Path::new(program).components().count() > 1 {
            vec![PathBuf::from(program)]
        } else {
            let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
            self.path.iter().map(|dir| dir.join(&name)).collect()
        };
        let mut unusable = None;
        for file in candidates {
            let file = std::path::absolute(&file).unwrap_or(file);
            match executable(&file) {
                Some(true) => return Found::Program(file),
                Some(false) => unusable = unusable.or(Some(file)),
                None => {}
            }
        }
        unusable.map_or(Found::Nothing, Found::NotExecutable)
    }

    /// Like [`Host::find`] where only a usable program counts.
    pub fn program(&self, program: &str) -> Option<PathBuf> {
        match self.find(program) {
            Found::Program(path) => Some(path),
            _ => None,
        }
    }
}

/// Whether a file can be executed; none where there is no file.
fn executable(file: &Path) -> Option<bool> {
    let meta = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    #[cfg(unix)]
    let usable = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let usable = meta.is_file();
    Some(usable)
}
