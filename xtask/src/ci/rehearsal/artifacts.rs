//! What jobs hand on to others: folders in place of the artifacts of the service.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use xtask_files::error::{Error, Result};

/// The artifacts of a run, each in a folder of its name.
pub(super) struct ArtifactStore {
    folder: PathBuf,
}

/// The inputs of a step, by name.
type Inputs = BTreeMap<String, String>;

impl ArtifactStore {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Takes what `actions/upload-artifact` would take of a checkout: a file, or the files of a folder without hidden ones.
    /// Returns the number of bytes.
    ///
    /// # Errors
    /// There is no such file, an artifact of this name exists, or the path is a pattern.
    pub(super) fn take(&self, inputs: &Inputs, root: &Path) -> Result<u64> {
        let (name, path) = (artifact_name(input(inputs, "name")?)?, inside(input(inputs, "path")?)?);
        if path.contains(['*', '?', '\n', '!']) {
            return Err(Error::failed(format!(
                "artifact {name}: patterns of paths are not rehearsed: {path}"
            )));
        }
        let (from, to) = (root.join(path), self.folder.join(name));
        if to.exists() {
            return Err(Error::failed(format!("two steps make the artifact {name}")));
        }
        let bytes = match from.is_file() {
            true => copy(&from, &to.join(from.file_name().unwrap_or_default()))?,
            false if from.is_dir() => copy_folder(&from, &to, true)?,
            false => 0,
        };
        match to.exists() {
            true => Ok(bytes),
            false => Err(Error::failed(format!("artifact {name}: there is no file {path}"))),
        }
    }

    /// Puts what `actions/download-artifact` would put into a checkout. Returns the number of bytes.
    ///
    /// # Errors
    /// There is no such artifact.
    pub(super) fn put(&self, inputs: &Inputs, root: &Path) -> Result<u64> {
        let place = root.join(inside(input(inputs, "path")?)?);
        if let Some(name) = inputs.get("name") {
            let name = artifact_name(name)?;
            let from = self.folder.join(name);
            return match from.is_dir() {
                true => copy_folder(&from, &place, false),
                false => Err(Error::failed(format!("no step made the artifact {name}"))),
            };
        }
        let pattern = input(inputs, "pattern")?;
        let merged = inputs.get("merge-multiple").is_some_and(|value| value == "true");
        let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
        let mut bytes = 0;
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let fits = name.strip_prefix(before).is_some_and(|rest| rest.ends_with(after));
            if fits && (pattern.contains('*') || name == pattern) {
                let place = if merged { place.clone() } else { place.join(name) };
                bytes += copy_folder(&entry.path(), &place, false)?;
            }
        }
        Ok(bytes)
    }
}

/// Returns the name of an artifact, as far as the service takes it too.
fn artifact_name(name: &str) -> Result<&str> {
    match name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
        false => Ok(name),
        true => Err(Error::failed(format!("`{name}` is no name of an artifact"))),
    }
}

/// Returns a path that stays below the workspace.
fn inside(path: &str) -> Result<&str> {
    use std::path::Component;
    match Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        true => Ok(path),
        false => Err(Error::failed(format!("the path of an artifact leaves the workspace: {path}"))),
    }
}

fn input<'i>(inputs: &'i Inputs, name: &str) -> Result<&'i str> {
    inputs
        .get(name)
        .map(String::as_str)
        .ok_or_else(|| Error::failed(format!("the input `{name}` is missing")))
}

/// Copies the files of a folder, and returns the number of bytes.
fn copy_folder(from: &Path, to: &Path, without_hidden: bool) -> Result<u64> {
    let mut bytes = 0;
    for (path, _) in xtask_files::below(from, |_| true)? {
        let hidden = path.iter().any(|part| part.as_encoded_bytes().starts_with(b"."));
        if !(hidden && without_hidden) {
            bytes += copy(&from.join(&path), &to.join(&path))?;
        }
    }
    Ok(bytes)
}

/// Copies a file. As in an artifact of the service, everybody may read it and nobody may execute it.
fn copy(from: &Path, to: &Path) -> Result<u64> {
    let failed = |e: std::io::Error| Error::io("cannot copy", from, &e);
    xtask_files::folder(to.parent().unwrap_or(to))?;
    let bytes = std::fs::copy(from, to).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(pairs: &[(&str, &str)]) -> Inputs {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn artifacts_are_handed_on_as_the_service_does_it() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let store = ArtifactStore::new(dir.path().join("artifacts"));
        for name in ["out/a/x", "out/a/.hidden", "out/.b/y", "z.tar"] {
            xtask_files::write(&one.join(name), name.as_bytes()).unwrap();
        }
        let take = |pairs: &[(&str, &str)]| store.take(&inputs(pairs), &one);
        assert_eq!(take(&[("name", "shard-0"), ("path", "out")]).unwrap(), 7);
        assert_eq!(take(&[("name", "shard-1"), ("path", "z.tar")]).unwrap(), 5);
        for (name, path, words) in [
            ("shard-0", "out", "two steps"),
            ("n", "none", "no file none"),
            ("n", "*.tar", "patterns"),
            ("../n", "out", "no name of an artifact"),
            ("n", "../one/out", "leaves the workspace"),
            ("n", "/etc", "leaves the workspace"),
        ] {
            let error = take(&[("name", name), ("path", path)]).unwrap_err().what;
            assert!(error.contains(words), "{error}");
        }
        let put = |pairs: &[(&str, &str)]| store.put(&inputs(pairs), &two);
        let several = [("pattern", "shard-*"), ("path", "in")];
        assert_eq!(put(&several).unwrap(), 12);
        assert!(two.join("in/shard-0/a/x").exists() && !two.join("in/shard-0/a/.hidden").exists());
        put(&[&several[..], &[("merge-multiple", "true")]].concat()).unwrap();
        assert!(two.join("in/a/x").exists() && two.join("in/z.tar").exists());
        put(&[("name", "shard-1"), ("path", "alone")]).unwrap();
        assert!(two.join("alone/z.tar").exists());
        assert!(put(&[("name", "none"), ("path", "x")]).unwrap_err().what.contains("no step made"));
    }
}
