//! What a release is made from: sources, locks, versions and settings, each as a name with a value. Shards that differ in one
//! of them are parts of different releases.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::plan::{ModeRequest, PlanRequest};
use crate::rebuild::repository;
use crate::session::Session;
use crate::toolchain_lock;
use xtask_base::distroless;
use xtask_config::{Config, FILE_NAME};
use xtask_files::error::{Error, Result};
use xtask_oci::{Digest, Hasher};

/// The name of the time of all files, in seconds since 1970.
pub const CREATED: &str = "SOURCE_DATE_EPOCH";

/// The inputs that joining shards uses itself. They must be those of the checkout in which shards are joined.
const JOINING: [&str; 6] = ["app", "commit", "package", FILE_NAME, "version", "xtask"];

/// The inputs of a release, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseInputs(BTreeMap<String, String>);

/// An input that two parts of a release do not share. None: a part has no such input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputDifference {
    /// The name of the input.
    pub name: String,
    /// The values of both parts.
    pub values: [Option<String>; 2],
}

impl ReleaseInputs {
    /// Reads the inputs of a checkout, without settings of the run.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of_checkout(session: &Session, config: &Config) -> Result<Self> {
        let root = &session.workspace.root;
        let package = session.package(config)?;
        let mut inputs = Self::default();
        inputs.add("app", &config.app.bin);
        inputs.add("package", &package.name);
        inputs.add("version", package.version.to_string());
        inputs.add("xtask", env!("CARGO_PKG_VERSION"));
        if let Some(commit) = repository::commit(root).ok().flatten() {
            inputs.add("commit", commit);
        }
        // `--config` may name a file with another name in another folder.
        inputs.add_file(FILE_NAME, &config.file)?;
        inputs.add_file("Cargo.lock", &session.workspace.lock_file)?;
        inputs.add_file(toolchain_lock::FILE_NAME, &session.toolchain_lock())?;
        for entry in std::fs::read_dir(session.locks()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension().is_some_and(|extension| extension == "lock") {
                inputs.add_file(&format!("{}/{name}", distroless::LOCKS), &entry.path())?;
            }
        }
        Ok(inputs)
    }

    /// Reads the inputs of a run: those of the checkout, the digest of all its files, and the settings. `created` is
    /// `SOURCE_DATE_EPOCH`, or 0.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of_run(session: &Session, config: &Config, request: &PlanRequest, created: u64) -> Result<Self> {
        let mut inputs = Self::of_checkout(session, config)?;
        inputs.add("sources", sources(&session.workspace.root, &session.workspace.target_directory)?);
        let rustc = &session.rustc;
        let commit = rustc.commit.as_deref().unwrap_or("unknown commit");
        inputs.add("rustc", format!("{} ({commit})", rustc.version));
        inputs.add(CREATED, created.to_string());
        let mode = match &request.mode {
            None => FILE_NAME,
            Some(ModeRequest::Auto) => "auto",
            Some(ModeRequest::All) => "all",
            Some(ModeRequest::Named(name)) => name,
        };
        inputs.add("--mode", mode);
        if let Some(providers) = &request.providers {
            let names: Vec<&str> = providers.iter().map(|provider| provider.name()).collect();
            inputs.add("--providers", names.join(","));
        }
        Ok(inputs)
    }

    /// Returns the time of all files, in seconds since 1970.
    pub fn created(&self) -> u64 {
        self.0.get(CREATED).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Returns the inputs that two parts of one release do not share.
    pub fn differences(&self, other: &Self) -> Vec<InputDifference> {
        let mut names: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        names.sort();
        names.dedup();
        names.into_iter().filter_map(|name| self.difference(other, name)).collect()
    }

    /// Returns the inputs in which a shard differs from the checkout that joins it, as far as joining uses them.
    pub fn differences_to_join(&self, checkout: &Self) -> Vec<InputDifference> {
        JOINING.iter().filter_map(|name| self.difference(checkout, name)).collect()
    }

    fn difference(&self, other: &Self, name: &str) -> Option<InputDifference> {
        let values = [self, other].map(|inputs| inputs.0.get(name).cloned());
        (values[0] != values[1]).then(|| InputDifference { name: name.to_owned(), values })
    }

    fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Adds the digest of a file, if the file exists.
    fn add_file(&mut self, name: &str, path: &Path) -> Result<()> {
        match xtask_files::read(path) {
            Ok(bytes) => self.add(name, Digest::of(&bytes).to_string()),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io("cannot read", path, &e)),
        }
        Ok(())
    }
}

/// Returns the digest of the names and contents of all files from which the workspace in `root` may be built: the files of
/// the checkout around it that git does not ignore, or without git all files. `output` is the folder that builds write to.
/// Modes do not count, because they depend on the umask.
///
/// # Errors
/// A file cannot be read.
fn sources(root: &Path, output: &Path) -> Result<String> {
    let (top, mut names) = match repository::top(root).ok().flatten() {
        Some(top) => {
            let names = repository::listed(&top)
                .map_err(|said| Error::failed("git does not list the sources").found(said))?;
            (top, names)
        }
        None => {
            let files = xtask_files::below(root, |folder| folder != output)?;
            (root.to_owned(), files.into_iter().map(|(path, _)| path).collect())
        }
    };
    names.sort();
    names.dedup();
    let mut hasher = Hasher::default();
    for name in names {
        let path = top.join(&name);
        let unreadable = |e: std::io::Error| Error::io("cannot read", &path, &e);
        if path.starts_with(output) {
            continue;
        }
        let content = match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => {
                std::fs::read_link(&path).map_err(unreadable)?.display().to_string()
            }
            Ok(meta) if meta.is_file() => {
                xtask_files::open(&path).and_then(Digest::of_reader).map_err(unreadable)?.to_string()
            }
            // A folder with a repository of its own, a socket, or a file that was removed and is still in git's index.
            _ => continue,
        };
        hasher.update(format!("{}\0{content}\n", name.display()).as_bytes());
    }
    Ok(hasher.finish().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(pairs: &[(&str, &str)]) -> ReleaseInputs {
        ReleaseInputs(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let one = inputs(&[("Cargo.lock", "a"), ("version", "1"), ("--mode", "auto")]);
        let other = inputs(&[("Cargo.lock", "b"), ("version", "1"), ("toolchains.lock", "c")]);
        let found = one.differences(&other);
        let names: Vec<&str> = found.iter().map(|difference| difference.name.as_str()).collect();
        assert_eq!(names, ["--mode", "Cargo.lock", "toolchains.lock"]);
        assert_eq!(found[1].values, [Some("a".into()), Some("b".into())]);
        assert_eq!(found[2].values, [None, Some("c".into())]);
        assert_eq!(one.differences(&one), []);
        // Another lock does not change how shards are joined.
        assert_eq!(one.differences_to_join(&other), []);
        assert_eq!(one.differences_to_join(&inputs(&[("version", "2")])).len(), 1);
    }

    #[test]
    fn sources_are_names_and_contents() {
        let dir = tempfile::tempdir().unwrap();
        let (root, output) = (dir.path().join("ws"), dir.path().join("ws/target"));
        let write = |name: &str, text: &str| xtask_files::write(&root.join(name), text.as_bytes()).unwrap();
        write("a/b.rs", "fn b() {}");
        write("target/x", "1");
        let first = sources(&root, &output).unwrap();
        write("target/x", "2");
        assert_eq!(sources(&root, &output).unwrap(), first, "what builds write does not count");
        write("a/b.rs", "fn c() {}");
        let second = sources(&root, &output).unwrap();
        assert_ne!(second, first);
        std::fs::rename(root.join("a/b.rs"), root.join("a/c.rs")).unwrap();
        assert_ne!(sources(&root, &output).unwrap(), second);
    }
}
