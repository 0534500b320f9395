//! Puts one tree over another.

use xtask_files::error::{Error, Result};
use xtask_oci::{FileKind, Node, RootFs};

/// The folders of the root that are links into `usr` since Debian 13, and folders in 12.
const MERGED: [&str; 6] = ["bin", "lib", "lib32", "lib64", "libx32", "sbin"];

/// Puts the entries of `files`, which belong to `owner`, over a tree. They replace the entries at their
/// paths, but a folder keeps its content.
///
/// # Errors
/// A path has entries of different kinds.
pub(super) fn onto(tree: &mut RootFs, files: &RootFs, owner: &str, debian: u8) -> Result<()> {
    for (path, node) in files.iter() {
        let Some(path) = place(path, node, debian) else { continue };
        if let Some(there) = tree.get(&path) {
            if kind(there) != kind(node) {
                let (there, here) = (kind(there), kind(node));
                return Err(Error::failed(format!("the packages of the base do not match at /{path}"))
                    .found(format!("it is {here} in {owner}, and {there} in a package before")));
            }
            if node.kind != FileKind::Dir {
                tree.remove(&path);
            }
        }
        tree.insert(&path, node.clone())?;
    }
    Ok(())
}

/// Returns the path of an entry in the base, or none for a folder that is a link there.
fn place(path: &str, node: &Node, debian: u8) -> Option<String> {
    let first = path.split('/').next().unwrap_or_default();
    if debian < 13 || !MERGED.contains(&first) {
        return Some(path.to_owned());
    }
    match (path == first, &node.kind) {
        (true, FileKind::Dir) => None,
        (true, _) => Some(path.to_owned()),
        (false, _) => Some(format!("usr/{path}")),
    }
}

fn kind(node: &Node) -> &'static str {
    match node.kind {
        FileKind::Dir => "a folder",
        FileKind::File(_) => "a file",
        FileKind::Symlink(_) => "a link",
    }
}
