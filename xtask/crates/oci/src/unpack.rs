//! Applies the tar of a layer to the tree of the layers below it, without extracting it: files become parts
//! of the tar (image-spec, `layer.md`).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use super::rootfs::refused;
use super::untar::{TarReader, Type, UntarEntry};
use super::{Content, FileKind, Node, Resolved, RootFs};
use xtask_files::error::{Error, Result};

/// The prefix of an entry's name that removes a file of a lower layer (layer.md, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// The name of an entry that removes everything of lower layers in its folder (layer.md, "Opaque Whiteout").
const OPAQUE: &str = ".wh..wh..opq";
/// The prefix of other internal files of AUFS, which Docker ignores.
const NOTE: &str = ".wh..wh.";
/// The maximum number of entries in a layer. The largest images of whole distributions have some 200,000.
const ENTRIES_MAX: usize = 1_000_000;
/// The maximum length of a path and of a link's target, in bytes. Linux accepts no longer ones.
const PATH_MAX: usize = 4096;
/// The maximum length of a path's part, in bytes.
const PART_MAX: usize = 255;

/// Applies an uncompressed tar file to a tree as a container runtime unpacks it. Whiteouts remove entries of
/// lower layers. Links above an entry are followed inside the root. A hard link becomes the file that it
/// names. Times, extended attributes and the names of owners are ignored.
///
/// The file is not a complete tar, or has too many entries. An entry's path is absolute, leads out of the
/// root or is too long. An entry is not a folder, regular file or link. A hard link names no file.
pub fn apply(tar: &Path, tree: &mut RootFs) -> Result<()> {
    let file = File::open(tar).map_err(|e| Error::io("cannot read", tar, &e))?;
    apply_from(file, tar, tree)
}

/// Works as [`apply`], but reads the bytes from any reader. Files of the tree become parts of the file `tar`.
///
/// # Errors
/// As [`apply`].
pub fn apply_from(from: impl Read + Seek, tar: &Path, tree: &mut RootFs) -> Result<()> {
    let damaged = |e: std::io::Error| {
        Error::failed(format!("{} is not a complete tar", tar.display())).found(e.to_string())
    };
    let reader = TarReader::new(from).map_err(damaged)?;
    // The entries of this layer itself. Its whiteouts do not remove them, in whatever order they come.
    let mut brought = BTreeSet::new();
    // The folders that have no entries of lower layers any more, so that a second whiteout costs nothing.
    let mut cleared = BTreeSet::new();
    for (before, entry) in reader.enumerate() {
        let entry = entry.map_err(damaged)?;
        if before == ENTRIES_MAX {
            return Err(Error::failed(format!("{} has more than {ENTRIES_MAX} entries", tar.display()))
                .help("no base needs that many: check how the layer was made"));
        }
        let path = plain(&entry.path)?;
        let Some(path) = path else { continue };
        let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == OPAQUE {
            if let Resolved::Found(folder) = tree.resolve(above) {
                clear(tree, folder, &brought, &mut cleared);
            }
        } else if name.starts_with(NOTE) {
            // An internal file of AUFS, not of the image.
        } else if let Some(gone) = name.strip_prefix(WHITEOUT) {
            if matches!(gone, "" | "." | "..") {
                return Err(refused(&path, "it is a whiteout that names nothing"));
            }
            let gone = if above.is_empty() { gone.to_owned() } else { format!("{above}/{gone}") };
            match beside(tree, &gone) {
                // The entry of this layer stays, but the lower layers' content below it is removed.
                Some(place) if brought.contains(&place) => clear(tree, place, &brought, &mut cleared),
                Some(place) => tree.remove(&place),
                None => {}
            }
        } else {
            let node = node(&entry, tar, &path, tree)?;
            tree.put(&path, node)?;
            if let Some(place) = beside(tree, &path) {
                bring(&mut brought, &place);
            }
        }
    }
    Ok(())
}

/// Records an entry and its parent folders.
fn bring(brought: &mut BTreeSet<String>, mut place: &str) {
    while !brought.contains(place) {
        brought.insert(place.to_owned());
        let Some((above, _)) = place.rsplit_once('/') else { return };
        place = above;
    }
}

/// Returns the place of an entry in the tree. Links above the entry are followed, but not the entry itself.
fn beside(tree: &RootFs, path: &str) -> Option<String> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    match tree.resolve(above) {
        Resolved::Found(above) if above.is_empty() => Some(name.to_owned()),
        Resolved::Found(above) => Some(format!("{above}/{name}")),
        _ => None,
    }
}

/// Removes the content of lower layers in a folder. The path of the root is empty.
fn clear(tree: &mut RootFs, folder: String, brought: &BTreeSet<String>, cleared: &mut BTreeSet<String>) {
    let inside = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    if !cleared.insert(folder) {
        return;
    }
    let below = tree.below(&inside).map(|(path, _)| path.to_owned());
    let gone: Vec<String> = below.filter(|path| !brought.contains(path)).collect();
    for path in gone {
        tree.remove(&path);
    }
}

fn node(entry: &UntarEntry, tar: &Path, path: &str, tree: &RootFs) -> Result<Node> {
    let id = |id: u64| u32::try_from(id).map_err(|_| refused(path, "its owner is not a 32-bit number"));
    let kind = match entry.kind {
        Type::Dir => FileKind::Dir,
        Type::File => {
            FileKind::File(Content::Part { file: tar.to_owned(), offset: entry.offset, size: entry.size })
        }
        Type::Symlink => FileKind::Symlink(target(entry, path)?),
        Type::HardLink => {
            let target = target(entry, path)?;
            // The target is relative to the root of the layer, in whatever form it is written.
            let place = plain(target.trim_start_matches('/').as_bytes())?.unwrap_or_default();
            let place = beside(tree, &place).unwrap_or_default();
            let node = tree.get(&place).filter(|node| node.kind != FileKind::Dir);
            return node.cloned().ok_or_else(|| {
                refused(path, format!("it is a hard link to {target:?}, which is not a file of the layer"))
            });
        }
        Type::Char | Type::Block => return Err(refused(path, "it is a device node")),
        Type::Fifo => return Err(refused(path, "it is a named pipe")),
        Type::Sparse => {
            return Err(refused(path, "it is a sparse file, which layers should not have (layer.md)")
                .help("make the layer without tar's --sparse"));
        }
        Type::Other(letter) => {
            let letter = char::from(letter).escape_default();
            return Err(refused(path, format!("entries of the kind '{letter}' are not supported")));
        }
    };
    // Linux uses this mode for every link.
    let mode = if matches!(kind, FileKind::Symlink(_)) { 0o777 } else { (entry.mode & 0o7777) as u32 };
    Ok(Node { kind, mode, uid: id(entry.uid)?, gid: id(entry.gid)? })
}

/// Returns the target of a link.
fn target(entry: &UntarEntry, path: &str) -> Result<String> {
    if entry.link.is_empty() {
        return Err(refused(path, "it is a link without a target"));
    }
    if entry.link.len() > PATH_MAX {
        return Err(refused(path, format!("its target has more than {PATH_MAX} bytes")));
    }
    String::from_utf8(entry.link.clone()).map_err(|_| refused(path, "its target is not UTF-8"))
}

/// Returns the path in the tree's form, or none for the root itself. A `./` in front and a `/` at the end are
/// usual. A `/` in front means the root of the layer, as in engines.
fn plain(raw: &[u8]) -> Result<Option<String>> {
    let shown = String::from_utf8_lossy(&raw[..raw.len().min(100)]);
    if raw.len() > PATH_MAX || raw.split(|b| *b == b'/').any(|part| part.len() > PART_MAX) {
        let why = format!("its path has more than {PATH_MAX} bytes, or a part of it more than {PART_MAX}");
        return Err(refused(&format!("{shown}…"), why));
    }
    let text = std::str::from_utf8(raw).map_err(|_| refused(&shown, "its path is not UTF-8"))?;
    if text.split('/').any(|part| part == "..") {
        return Err(refused(text, "its path leaves the root with `..`"));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Ok((!parts.is_empty()).then(|| parts.join("/")))
}

#[cfg(test)]
mod tests;
