//! What a registry keeps, read from its own folder: what a client is told is not asked here.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder in which docker-registry stores everything.
#[derive(Clone)]
pub(crate) struct KeptFiles(PathBuf);

impl KeptFiles {
    /// What a registry keeps in this folder.
    pub(crate) fn new(storage: &Path) -> Self {
        Self(storage.join("docker/registry/v2"))
    }

    /// The digest that a tag points at; none where there is no such tag.
    pub(crate) fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        let link = self.repository(repository).join(format!("_manifests/tags/{tag}/current/link"));
        std::fs::read_to_string(link).ok()
    }

    /// Every digest that a tag ever pointed at.
    pub(crate) fn history(&self, repository: &str, tag: &str) -> Vec<String> {
        let folder = self.repository(repository).join(format!("_manifests/tags/{tag}/index/sha256"));
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| format!("sha256:{}", entry.file_name().to_string_lossy())).collect()
    }

    /// The bytes of a blob or a manifest, if they have its digest.
    pub(crate) fn bytes(&self, digest: &str) -> Option<Vec<u8>> {
        let hex = digest.strip_prefix("sha256:")?;
        let file = self.0.join("blobs/sha256").join(hex.get(..2)?).join(hex).join("data");
        std::fs::read(file).ok().filter(|bytes| xtask_files::sha256_hex(bytes) == hex)
    }

    /// Whether a repository has a blob.
    pub(crate) fn has_blob(&self, repository: &str, digest: &str) -> bool {
        self.linked(repository, "_layers", digest) && self.bytes(digest).is_some()
    }

    /// Whether a repository has a manifest or an index.
    pub(crate) fn has_manifest(&self, repository: &str, digest: &str) -> bool {
        self.linked(repository, "_manifests/revisions", digest) && self.bytes(digest).is_some()
    }

    /// The digests below a manifest or an index that a repository does not have.
    pub(crate) fn lacking(&self, repository: &str, document: &[u8]) -> Vec<String> {
        let Ok(document) = serde_json::from_slice::<Value>(document) else {
            return vec!["no document".to_owned()];
        };
        let digest = |entry: &Value| entry["digest"].as_str().unwrap_or_default().to_owned();
        let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
        let mut lacking = Vec::new();
        for platform in list("manifests").iter().map(digest) {
            match self.bytes(&platform).filter(|_| self.has_manifest(repository, &platform)) {
                Some(bytes) => lacking.extend(self.lacking(repository, &bytes)),
                None => lacking.push(platform),
            }
        }
        let config = Some(&document["config"]).filter(|config| !config.is_null()).map(digest);
        let blobs = list("layers").iter().map(digest).chain(config).collect::<Vec<_>>();
        lacking.extend(blobs.into_iter().filter(|blob| !self.has_blob(repository, blob)));
        lacking
    }

    /// The files that say that a repository has a blob, one for each.
    pub(crate) fn layer_links(&self, repository: &str) -> Vec<PathBuf> {
        let folder = self.repository(repository).join("_layers/sha256");
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("link")).collect()
    }

    fn linked(&self, repository: &str, kind: &str, digest: &str) -> bool {
        let hex = digest.trim_start_matches("sha256:");
        self.repository(repository).join(kind).join("sha256").join(hex).join("link").is_file()
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.0.join("repositories").join(name)
    }
}
