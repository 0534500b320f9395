//! An OCI image layout on disk (image-spec, `image-layout.md`): blobs, `oci-layout`, and `index.json`,
//! written last.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::document::{Descriptor, annotation, media_type, to_bytes};
use xtask_files::{sweep, write_changed};

use super::{Blobs, Digest};
use xtask_files as files;
use xtask_files::error::{Error, Result};

/// The content of the file `oci-layout`.
pub(super) const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A layout that contains several images, each under its own name.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// Returns the layout in this folder, which may not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns the folder of the layout, which holds `oci-layout`, `index.json` and `blobs`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the blobs of the layout.
    pub fn blobs(&self) -> Blobs {
        Blobs::of_layout(&self.dir)
    }

    /// Returns the digest to which a name refers, or none if no entry has that name.
    ///
    /// # Errors
    /// `index.json` exists but is not valid.
    pub fn find(&self, name: &str) -> Result<Option<Digest>> {
        let index = self.index()?;
        let entries = index.get("manifests").and_then(Value::as_array).into_iter().flatten();
        let entry = entries.into_iter().find(|entry| ref_name(entry) == Some(name));
        Ok(entry.and_then(|entry| Digest::parse(entry.get("digest")?.as_str()?)))
    }

    /// Lets these names refer to these documents. All other entries are kept unchanged, even those that xtask
    /// does not understand. The blobs must already exist, and the caller holds the lock.
    ///
    /// # Errors
    /// `index.json` exists but is not valid, or it cannot be written.
    pub fn name(&self, images: &[(&str, Descriptor)]) -> Result<()> {
        let names: Vec<&str> = images.iter().map(|(name, _)| *name).collect();
        self.rename(&names, images)
    }

    /// Removes the entries of these names. The blobs stay until packing finds that nothing needs them. The
    /// caller holds the lock.
    ///
    /// # Errors
    /// As [`Layout::name`].
    pub fn forget(&self, names: &[&str]) -> Result<()> {
        self.rename(names, &[])
    }

    /// Removes the entries of some names and sets others, in one step.
    pub(super) fn rename(&self, gone: &[&str], images: &[(&str, Descriptor)]) -> Result<()> {
        let mut index = self.index()?;
        let entries = entries(&mut index, &self.index_path())?;
        entries.retain(|entry| gone.iter().all(|name| ref_name(entry) != Some(name)));
        for (name, descriptor) in images {
            let entry = descriptor.clone().annotated(annotation::REF_NAME, *name);
            entries.push(serde_json::to_value(entry).map_err(|e| Error::failed(e.to_string()))?);
        }
        // The order is fixed, so that the file does not depend on which image was packed first.
        entries.sort_by_cached_key(|entry| (ref_name(entry).map(str::to_owned), entry.to_string()));
        sweep(&self.dir);
        write_changed(&self.dir.join("oci-layout"), MARKER)?;
        write_changed(&self.index_path(), &to_bytes(&index)?)?;
        Ok(())
    }

    /// Reads `index.json` as JSON, or makes a new one if it does not exist.
    pub(super) fn index(&self) -> Result<Map<String, Value>> {
        let path = self.index_path();
        let json = match files::read(&path) {
            Ok(json) => json,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(new_index()),
            Err(e) => return Err(Error::io("cannot read", &path, &e)),
        };
        serde_json::from_slice(&json).map_err(|e| foreign(&path, &e.to_string()))
    }

    fn index_path(&self) -> PathBuf {
        self.dir.join("index.json")
    }
}

fn new_index() -> Map<String, Value> {
    let index = json!({ "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": [] });
    index.as_object().cloned().unwrap_or_default()
}

fn entries<'a>(index: &'a mut Map<String, Value>, path: &Path) -> Result<&'a mut Vec<Value>> {
    let manifests = index.get_mut("manifests").and_then(Value::as_array_mut);
    manifests.ok_or_else(|| foreign(path, "it has no list \"manifests\""))
}

fn ref_name(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(annotation::REF_NAME)?.as_str()
}

fn foreign(path: &Path, why: &str) -> Error {
    let folder = path.parent().unwrap_or(path).display();
    Error::failed(format!("{} is not the index of an image layout", path.display()))
        .found(why)
        .help(format!("cargo xtask did not write this file; to start over, remove the folder {folder}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(layout: &Layout) -> String {
        fs::read_to_string(layout.index_path()).unwrap()
    }

    #[test]
    fn what_others_left_stays() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().join("oci"));
        let one = Descriptor::of(media_type::INDEX, b"one");
        layout.name(&[("b", one.clone()), ("a", one.clone())]).unwrap();
        let foreign =
            read(&layout).replace(r#""manifests":["#, r#""x-other":1,"manifests":[{"x-unknown":true},"#);
        fs::write(layout.index_path(), foreign).unwrap();
        let two = Descriptor::of(media_type::INDEX, b"two");
        layout.name(&[("a", two.clone())]).unwrap();
        let index = layout.index().unwrap();
        assert_eq!(index["x-other"], 1);
        let entries = index["manifests"].as_array().unwrap();
        assert_eq!(entries[0], json!({ "x-unknown": true }));
        let digest = |at: usize| entries[at]["digest"].as_str().unwrap();
        assert_eq!((entries.len(), digest(1), digest(2)), (3, two.digest.as_str(), one.digest.as_str()));
    }

    #[test]
    fn the_order_of_packing_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (Layout::new(dir.path().join("1")), Layout::new(dir.path().join("2")));
        let image = Descriptor::of(media_type::INDEX, b"image");
        one.name(&[("a", image.clone())]).unwrap();
        one.name(&[("b", image.clone())]).unwrap();
        two.name(&[("b", image.clone()), ("a", image)]).unwrap();
        assert_eq!(read(&one), read(&two));
    }

    #[test]
    fn a_file_that_is_no_index_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        for text in ["", "{", "[]", "{}", r#"{"manifests":{}}"#] {
            fs::write(layout.index_path(), text).unwrap();
            let error = layout.name(&[("a", Descriptor::of(media_type::INDEX, b""))]).unwrap_err();
            assert!(error.to_string().contains("index.json is not the index"), "{error}");
            assert_eq!(read(&layout), text);
        }
    }
}
