//! Reads the content of a layer. It is remembered by the layer's digest.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};

use xtask_files::Memo;
use xtask_files::StagedFile;
use xtask_files::error::{Error, Result};
use xtask_oci::Blobs;
use xtask_oci::decompress::decompress;
use xtask_oci::document::Descriptor;
use xtask_oci::untar::{TarReader, Type};

/// The content of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    /// The compression of the blob.
    pub(super) compression: String,
    /// The length of the tar, in bytes.
    pub(super) unpacked: u64,
    /// The number of entries in the tar.
    pub(super) entries: usize,
    /// The paths of regular files with their sizes in bytes, and those of other entries with none.
    pub(super) paths: BTreeMap<String, Option<u64>>,
    /// The paths of lower layers that it removes.
    pub(super) removes: Vec<String>,
    /// The folders whose content from lower layers it removes.
    pub(super) clears: Vec<String>,
}

/// Reads a layer. The unpacked tar is in `work` while it is read.
pub(super) fn contents(blob: &Descriptor, blobs: &Blobs, work: &Path, memo: &Memo) -> Result<Contents> {
    let key = blob.digest.hex();
    if let Some(known) = memo.get("contents", key) {
        return Ok(known);
    }
    let failed = |e: std::io::Error| Error::io("cannot unpack the layer", &blobs.path(&blob.digest), &e);
    let mut tar = StagedFile::new(work)?;
    let source = blobs.open(&blob.digest)?;
    let (kind, unpacked) = decompress(source, &mut tar, |_| Ok(())).map_err(failed)?;
    let read = File::open(tar.path()).and_then(|file| list(TarReader::new(file)?)).map_err(failed)?;
    let (entries, paths, removes, clears) = read;
    let compression = format!("{kind:?}").to_lowercase();
    let contents = Contents { compression, unpacked, entries, paths, removes, clears };
    memo.put("contents", key, &contents);
    Ok(contents)
}

type ListedFile = (usize, BTreeMap<String, Option<u64>>, Vec<String>, Vec<String>);

/// Lists the entries of a layer's tar. Whiteouts are handled as in `layer.md` of the OCI image specification.
fn list(reader: TarReader<File>) -> std::io::Result<ListedFile> {
    let (mut entries, mut paths, mut removes, mut clears) = (0, BTreeMap::new(), Vec::new(), Vec::new());
    for entry in reader {
        let entry = entry?;
        entries += 1;
        let raw = String::from_utf8_lossy(&entry.path);
        let path = raw.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/");
        let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            clears.push(above.to_owned());
        } else if let Some(gone) = name.strip_prefix(".wh.") {
            removes.push(if above.is_empty() { gone.to_owned() } else { format!("{above}/{gone}") });
        } else if !path.is_empty() {
            paths.insert(path, (entry.kind == Type::File).then_some(entry.size));
        }
    }
    Ok((entries, paths, removes, clears))
}

impl Contents {
    /// Returns whether this layer hides a file of a lower layer.
    pub(super) fn hides(&self, path: &str) -> bool {
        let below = |folder: &String| {
            folder.is_empty() || path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        // A file in place of a folder hides everything in the folder.
        let replaced =
            path.match_indices('/').any(|(at, _)| self.paths.get(&path[..at]).is_some_and(Option::is_some));
        self.paths.contains_key(path)
            || replaced
            || self.removes.iter().any(|gone| gone == path || below(gone))
            || self.clears.iter().any(below)
    }
}
