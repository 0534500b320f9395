//! A shard on disk: the folder of a partial release, and `shard.json`, which lists what it was made from and every file by its
//! digest. `shard.json` is written last, so a folder without one is not finished.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Write as _};
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::inputs::ReleaseInputs;
use super::refusal::{FileDamage, MergeRefusal};
use crate::toolchain_lock::LockedTarget;
use xtask_attest::{PublicKey, SigstoreBundle};
use xtask_files::dist::{self, BUNDLE_SUFFIX};
use xtask_files::error::{Error, Result};
use xtask_files::{STAGING_PREFIX, StagedFile};
use xtask_oci::{Digest, Hashed};

/// The name of the document.
pub const FILE_NAME: &str = "shard.json";

/// The version of the document's format.
const SCHEMA: u32 = 1;

/// The documents of a release that are joined.
const DOCUMENTS: [&str; 2] = ["report.json", "timings.json"];

/// The largest document that is read: a list of some 100,000 files.
const LARGEST_DOCUMENT: u64 = 32 << 20;

/// The document `shard.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardDocument {
    /// The version of the format, which is 1.
    pub schema: u32,
    /// The name of the shard.
    pub id: String,
    /// The targets that it contains, in the order of targets.toml.
    pub targets: Vec<String>,
    /// What it was made from. Shards of one release have equal inputs.
    pub inputs: ReleaseInputs,
    /// The tools that made the program of each target.
    pub toolchains: BTreeMap<String, LockedTarget>,
    /// The files, ordered by path.
    pub files: Vec<ShardFile>,
}

/// A file of a shard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShardFile {
    /// The path below the folder of the shard, with `/`.
    pub path: String,
    /// The number of bytes.
    pub size: u64,
    /// The digest, with `sha256:`.
    pub digest: Digest,
}

/// A shard that another machine may have made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardFolder {
    /// The folder.
    pub dir: PathBuf,
    /// The document in it.
    pub document: ShardDocument,
}

impl ShardDocument {
    /// Lists the files of a partial release in `dir` that joining needs, and removes the tars of images, which are made anew
    /// from the layouts of all shards.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of_release(
        dir: &Path,
        id: String,
        targets: Vec<String>,
        inputs: ReleaseInputs,
        toolchains: BTreeMap<String, LockedTarget>,
    ) -> Result<Self> {
        let tars = dist::tars(dir);
        match std::fs::remove_dir_all(&tars) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(Error::io("cannot remove", &tars, &e)),
            _ => {}
        }
        let mut files = Vec::new();
        for (path, kind) in xtask_files::below(dir, |_| true)? {
            let (place, path) = (dir.join(&path), path.to_string_lossy().replace(MAIN_SEPARATOR, "/"));
            if !kind.is_file() || !is_joined(&path) {
                continue;
            }
            let unreadable = |e: io::Error| Error::io("cannot read", &place, &e);
            let size = std::fs::metadata(&place).map_err(unreadable)?.len();
            let digest = xtask_files::open(&place).and_then(Digest::of_reader).map_err(unreadable)?;
            files.push(ShardFile { path, size, digest });
        }
        files.sort();
        Ok(Self { schema: SCHEMA, id, targets, inputs, toolchains, files })
    }

    /// Returns the text of the document.
    pub fn json(&self) -> String {
        xtask_report::json::pretty(self)
    }

    /// Returns the number of bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

impl ShardFolder {
    /// Reads the document of a shard. With a key, it must be signed by that key.
    ///
    /// # Errors
    /// The folder is not a finished shard, the document is not one that this program reads, or a signature is missing or not
    /// valid.
    pub fn read(dir: &Path, key: Option<&PublicKey>) -> std::result::Result<Self, MergeRefusal> {
        let refused = |why: String| MergeRefusal::Unreadable { dir: dir.to_owned(), why };
        let file = dir.join(FILE_NAME);
        let large = std::fs::metadata(&file).is_ok_and(|meta| meta.len() > LARGEST_DOCUMENT);
        if large {
            return Err(refused(format!("{FILE_NAME} is too large")));
        }
        let bytes = match xtask_files::read(&file) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(MergeRefusal::Unfinished { dir: dir.to_owned() });
            }
            bytes => bytes.map_err(|e| refused(format!("cannot read {FILE_NAME}: {e}")))?,
        };
        if let Some(key) = key {
            let bundle = xtask_files::read(&dir.join(format!("{FILE_NAME}{BUNDLE_SUFFIX}"))).ok();
            let bundle = bundle.ok_or_else(|| MergeRefusal::Unsigned { dir: dir.to_owned() })?;
            if !SigstoreBundle::parse(&bundle).is_some_and(|bundle| bundle.verifies_file(&bytes, key)) {
                return Err(MergeRefusal::OtherSigner { dir: dir.to_owned(), key: key.hint() });
            }
        }
        let schema = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
        if let Some(schema) = schema.and_then(|document| document["schema"].as_u64())
            && schema != u64::from(SCHEMA)
        {
            return Err(refused(format!(
                "its format has version {schema}; this program reads version {SCHEMA}"
            )));
        }
        let document: ShardDocument =
            serde_json::from_slice(&bytes).map_err(|e| refused(format!("{FILE_NAME}: {e}")))?;
        let mut paths = BTreeSet::new();
        for ShardFile { path, .. } in &document.files {
            if !is_safe(path) || !is_joined(path) {
                return Err(refused(format!(
                    "{FILE_NAME} lists a file that is no part of a shard: {path:?}"
                )));
            }
            if !paths.insert(path) {
                return Err(refused(format!("{FILE_NAME} lists a file twice: {path:?}")));
            }
        }
        Ok(Self { dir: dir.to_owned(), document })
    }

    /// Checks every file against the document, and returns what is wrong.
    pub fn damage(&self) -> Vec<MergeRefusal> {
        let wrong = |file: &ShardFile| {
            let damage = self.check(file)?;
            let (dir, id) = (self.dir.clone(), self.document.id.clone());
            Some(MergeRefusal::Damaged { dir, id, file: file.path.clone(), damage })
        };
        self.document.files.iter().filter_map(wrong).collect()
    }

    fn check(&self, file: &ShardFile) -> Option<FileDamage> {
        let path = self.dir.join(&file.path);
        let meta = match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() => meta,
            Ok(_) => return Some(FileDamage::NoFile),
            Err(_) => return Some(FileDamage::Missing),
        };
        if meta.len() < file.size {
            return Some(FileDamage::Short { has: meta.len(), of: file.size });
        }
        match xtask_files::open(&path).and_then(Digest::of_reader) {
            Ok(digest) if digest == file.digest => None,
            Ok(digest) => Some(FileDamage::OtherBytes { has: digest, listed: file.digest.clone() }),
            Err(e) => Some(FileDamage::Unreadable(e.to_string())),
        }
    }

    /// Copies a file to `place`, and checks once more that it has the listed digest.
    ///
    /// # Errors
    /// The file changed since it was checked, or a file cannot be read or written.
    pub fn copy(&self, file: &ShardFile, place: &Path) -> Result<()> {
        let from = self.dir.join(&file.path);
        let mut source = xtask_files::open(&from).map_err(|e| Error::io("cannot read", &from, &e))?;
        let mut copy = Hashed::new(StagedFile::beside(place)?);
        io::copy(&mut source, &mut copy).map_err(|e| Error::io("cannot copy", &from, &e))?;
        copy.flush().map_err(|e| Error::io("cannot write", place, &e))?;
        let (staged, digest, _) = copy.finish();
        if digest != file.digest {
            return Err(Error::failed(format!("{} changed while the shards were joined", from.display())));
        }
        staged.put(place)
    }
}

/// Whether joining needs the file at this path of a partial release. The statements about an index are made anew.
fn is_joined(path: &str) -> bool {
    let (folder, rest) = path.split_once('/').unwrap_or(("", path));
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.starts_with(STAGING_PREFIX) {
        return false;
    }
    match folder {
        "" => DOCUMENTS.contains(&path),
        "provenance" => !rest.rsplit('/').next().is_some_and(|name| name.starts_with("index.")),
        "oci" => rest == "index.json" || rest == "oci-layout" || rest.starts_with("blobs/"),
        folder => ["bin", dist::ARCHIVES, dist::BILLS, "docker"].contains(&folder),
    }
}

/// Whether a path of another machine stays below the folder that it is joined with.
fn is_safe(path: &str) -> bool {
    !path.contains(['\\', '\0', ':']) && path.split('/').all(|part| !["", ".", ".."].contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_of_a_release_are_joined() {
        for path in [
            "bin/x/pure/app",
            "archives/a.tar.gz",
            "sbom/a.cdx.json",
            "docker/rootfs.tar",
            "provenance/app/linux-amd64.slsa.json",
            "oci/index.json",
            "oci/blobs/sha256/00",
            "report.json",
            "timings.json",
        ] {
            assert!(is_joined(path) && is_safe(path), "{path}");
        }
        for path in [
            "images/app.tar",
            "report.html",
            "SHA256SUMS",
            "provenance/app/index.slsa.json",
            ".oci.lock",
            "oci/.staging-1",
            "shard.json",
            "elsewhere/x",
        ] {
            assert!(!is_joined(path), "{path}");
        }
        for path in [
            "",
            "../x",
            "bin/../../x",
            "/etc/passwd",
            "bin/./x",
            "bin//x",
            "bin/x/",
            "bin\\x",
            "c:/x",
            "bin/a\0",
        ] {
            assert!(!is_safe(path), "{path:?}");
        }
    }

    #[test]
    fn a_changed_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        for name in ["bin/a", "bin/b", "bin/c", "images/app.tar"] {
            xtask_files::write(&place(name), name.as_bytes()).unwrap();
        }
        let [id, targets] = ["x", "x"].map(str::to_owned);
        let inputs = ReleaseInputs::default();
        let document =
            ShardDocument::of_release(dir.path(), id, vec![targets], inputs, BTreeMap::new()).unwrap();
        assert!(!place("images").exists());
        assert!(matches!(ShardFolder::read(dir.path(), None), Err(MergeRefusal::Unfinished { .. })));
        xtask_files::write(&place(FILE_NAME), document.json().as_bytes()).unwrap();
        let shard = ShardFolder::read(dir.path(), None).unwrap();
        assert_eq!((shard.document.files.len(), shard.damage()), (3, vec![]));
        std::fs::write(place("bin/a"), "bin/").unwrap();
        std::fs::write(place("bin/b"), "bin/x").unwrap();
        std::fs::remove_file(place("bin/c")).unwrap();
        let said: Vec<String> = shard.damage().iter().map(ToString::to_string).collect();
        assert!(said[0].contains("bin/a: it is cut off: 4 of 5 bytes"), "{said:?}");
        assert!(said[1].contains("bin/b: its digest is sha256:"), "{said:?}");
        assert!(said[2].contains("bin/c: it is missing"), "{said:?}");
        let copied = shard.copy(&shard.document.files[1], &place("copy")).unwrap_err();
        assert!(copied.what.contains("changed while"), "{copied}");
        assert!(!place("copy").exists());
    }

    #[test]
    fn documents_of_others_are_refused_without_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let write = |text: &str| xtask_files::write(&dir.path().join(FILE_NAME), text.as_bytes()).unwrap();
        let digest = Digest::of(b"x");
        let listing = |path: &str| {
            format!(
                r#"{{"schema":1,"id":"x","targets":[],"inputs":{{}},"toolchains":{{}},"files":[{{"path":"{path}","size":1,"digest":"{digest}"}}]}}"#
            )
        };
        for (text, words) in [
            ("", "EOF"),
            ("{}", "missing field"),
            (r#"{"schema":2}"#, "its format has version 2"),
            (&listing("../../etc/passwd"), "no part of a shard"),
            (&listing("/etc/passwd"), "no part of a shard"),
        ] {
            write(text);
            let refusal = ShardFolder::read(dir.path(), None).unwrap_err().to_string();
            assert!(refusal.contains(words), "{refusal}");
        }
        let once = listing("bin/x");
        write(&once);
        assert!(ShardFolder::read(dir.path(), None).is_ok());
        let file = &once[once.find("{\"path\"").unwrap()..once.len() - 2];
        write(&once.replace("\"files\":[", &format!("\"files\":[{file},")));
        let twice = ShardFolder::read(dir.path(), None).unwrap_err().to_string();
        assert!(twice.contains("lists a file twice: \"bin/x\""), "{twice}");
    }
}
