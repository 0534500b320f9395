//! Writes bills into `target/dist/sbom`, and finds those that need not be made again.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cargo::units::Manifests;
use crate::record::BillFile;
use xtask_files::error::Result;
use xtask_files::{Memo, dist, write_changed};
use xtask_oci::Digest;

/// A new bill: its text, and the manifests on which it depends in addition to its key.
pub(super) type Made = (String, Manifests);

/// The remembered fact about a bill: the key and the manifests from which it was made, and its digest.
#[derive(Serialize, Deserialize)]
struct BillFact {
    key: Digest,
    manifests: Manifests,
    digest: Digest,
}

/// Writes the bill of this name to a staging file and renames it. If the bill exists and neither its key nor
/// its manifests have changed, `make` is not called. If the new bill has the same bytes, the file is not
/// replaced.
///
/// # Errors
/// As `make`, or a file cannot be written.
pub(super) fn write(
    name: &str,
    key: &Digest,
    dist: &Path,
    memo: &Memo,
    make: impl FnOnce() -> Result<Made>,
) -> Result<BillFile> {
    let path = dist::bills(dist).join(name);
    let written = |digest: Digest| BillFile { path: format!("{}/{name}", dist::BILLS), digest };
    let holds = |known: &BillFact| known.key == *key && known.manifests.hold();
    if let Some(known) = memo.output("sboms", &path).filter(holds) {
        return Ok(written(known.digest));
    }
    let (text, manifests) = make()?;
    write_changed(&path, text.as_bytes())?;
    let digest = Digest::of(text.as_bytes());
    memo.remember_output("sboms", &path, BillFact { key: key.clone(), manifests, digest: digest.clone() });
    Ok(written(digest))
}

/// Removes the bills of an image, for all platforms, that was removed from `target/dist`.
pub fn withdraw(image: &str, version: &str, dist: &Path) {
    let begin = format!("{image}-{version}-linux-");
    for entry in std::fs::read_dir(dist::bills(dist)).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&begin) {
            // A bill that cannot be removed belongs to an image that no report names any more.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_made_once_and_left_alone_where_it_is_equal() {
        let dir = tempfile::tempdir().unwrap();
        let memo = Memo::new(dir.path().join("memo"));
        let key = Digest::of(b"one");
        let write = |key: &Digest, text: Option<&str>| {
            let make = || Ok((text.expect("known").to_owned(), Manifests::default()));
            write("a.cdx.json", key, dir.path(), &memo, make).unwrap()
        };
        let first = write(&key, Some("{}"));
        assert_eq!((first.path.as_str(), &first.digest), ("sbom/a.cdx.json", &Digest::of(b"{}")));
        assert_eq!(write(&key, None), first);
        let stat = |()| xtask_files::Stat::of(&dir.path().join("sbom/a.cdx.json")).unwrap();
        let before = stat(());
        assert_eq!(write(&Digest::of(b"two"), Some("{}")), first);
        assert_eq!(stat(()), before, "equal bytes are not written again");
        assert_eq!(write(&Digest::of(b"two"), None), first);
        // The file was changed by hand.
        std::fs::write(dir.path().join("sbom/a.cdx.json"), "{ }").unwrap();
        assert_eq!(write(&Digest::of(b"two"), Some("{}")), first);
        withdraw("a", "1", dir.path());
        assert!(dir.path().join("sbom/a.cdx.json").is_file());
    }
}
