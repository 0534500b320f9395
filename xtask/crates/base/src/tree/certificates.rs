//! The bundle of the certificates that Debian trusts, as `update-ca-certificates` would write it.

use xtask_files::error::{Error, Result};
use xtask_oci::scratch::CERTIFICATES as BUNDLE;
use xtask_oci::{Content, FileKind, Node, RootFs};

const FOLDER: &str = "usr/share/ca-certificates/";
const COPYRIGHT: &str = "usr/share/doc/ca-certificates/copyright";

/// Returns the files that a base takes from the package: the bundle, in the order of the names of the
/// certificates, and the copyright file.
pub(super) fn files(package: &RootFs) -> Result<RootFs> {
    let mut bundle = Vec::new();
    for (path, node) in package.below(FOLDER) {
        if let FileKind::File(content) = &node.kind {
            bundle.extend_from_slice(&read(path, content)?);
            if bundle.last().is_some_and(|last| *last != b'\n') {
                bundle.push(b'\n');
            }
        }
    }
    if bundle.is_empty() {
        return Err(Error::failed(format!("the package ca-certificates has no file in /{FOLDER}")));
    }
    let mut files = RootFs::new();
    files.insert(BUNDLE, Node::bytes(0o555, bundle))?;
    if let Some((path, content)) = package.file(COPYRIGHT) {
        files.insert(COPYRIGHT, Node::bytes(0o555, read(&path, content)?))?;
    }
    Ok(files)
}

/// Returns the bytes of a file of a package.
pub(super) fn read(path: &str, content: &Content) -> Result<Vec<u8>> {
    let bytes =
        content.read().map_err(|e| Error::failed(format!("cannot read /{path} of a package: {e}")))?;
    Ok(bytes.into_owned())
}
