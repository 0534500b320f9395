//! Reads the tar of a layer onto the tree of the layers below it, without unpacking a byte: files become parts of the
//! tar (image-spec, `layer.md`).

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use super::rootfs::refused;
use super::{Content, Kind, Node, Resolved, RootFs};
use crate::error::{Error, Result};

/// What the name of an entry begins with that removes a file of a lower layer (layer.md, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// Removes all that lower layers have in its folder (layer.md, "Opaque Whiteout").
const OPAQUE: &str = ".wh..wh..opq";

/// Applies an uncompressed tar file to a tree as a container runtime unpacks it: whiteouts remove what lower layers have,
/// links above an entry are followed inside the root, a hard link becomes the file that it names.
///
/// # Errors
/// The file is no whole tar; an entry's path is absolute or leads out of the root; an entry is no folder, regular file
/// or link; a hard link names no file.
pub fn apply(tar: &Path, tree: &mut RootFs) -> Result<()> {
    let file = File::open(tar).map_err(|e| Error::io("cannot read", tar, &e))?;
    apply_from(file, tar, tree)
}

fn apply_from(from: impl Read + Seek, tar: &Path, tree: &mut RootFs) -> Result<()> {
    let damaged =
        |e: std::io::Error| Error::failed(format!("{} is no whole tar", tar.display())).found(e.to_string());
    let mut archive = ::tar::Archive::new(from);
    // What this layer itself brought, which its whiteouts do not remove, in whatever order they come.
    let mut brought = RootFs::new();
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let raw = entry.path_bytes();
        let path = plain(&raw)?;
        let Some(path) = path else { continue };
        let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == OPAQUE {
            clear(tree, above, &brought);
            continue;
        }
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            let gone = if above.is_empty() { gone.to_owned() } else { format!("{above}/{gone}") };
            if let Some(place) = beside(tree, &gone).filter(|place| brought.get(place).is_none()) {
                tree.remove(&place);
            }
            continue;
        }
        let node = node(&entry, tar, &path, tree)?;
        tree.put(&path, node)?;
        if let Some(place) = beside(tree, &path) {
            brought.put(&place, Node::dir(0o755))?;
        }
    }
    Ok(())
}

/// Where an entry lies whose own name is not followed.
fn beside(tree: &RootFs, path: &str) -> Option<String> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    match tree.resolve(above) {
        Resolved::Found(above) if above.is_empty() => Some(name.to_owned()),
        Resolved::Found(above) => Some(format!("{above}/{name}")),
        _ => None,
    }
}

/// Removes what a folder holds but what this layer brought.
fn clear(tree: &mut RootFs, folder: &str, brought: &RootFs) {
    let Resolved::Found(folder) = tree.resolve(folder) else { return };
    let inside = if folder.is_empty() { folder } else { format!("{folder}/") };
    let gone: Vec<String> = tree
        .below(&inside)
        .map(|(path, _)| path.to_owned())
        .filter(|path| brought.get(path).is_none())
        .collect();
    for path in gone {
        tree.remove(&path);
    }
}

fn node(entry: &::tar::Entry<'_, impl Read>, tar: &Path, path: &str, tree: &RootFs) -> Result<Node> {
    use ::tar::EntryType;
    let header = entry.header();
    let bad = |e: std::io::Error| refused(path, e.to_string());
    let id = |id: std::io::Result<u64>| {
        u32::try_from(id.map_err(bad)?).map_err(|_| refused(path, "its owner is no 32-bit number"))
    };
    let link = || -> Result<String> {
        let name = entry.link_name_bytes().ok_or_else(|| refused(path, "it is a link without a target"))?;
        String::from_utf8(name.into_owned()).map_err(|_| refused(path, "its target is not UTF-8"))
    };
    let kind = match header.entry_type() {
        EntryType::Directory => Kind::Dir,
        EntryType::Regular | EntryType::Continuous => {
            let (offset, size) = (entry.raw_file_position(), entry.size());
            Kind::File(Content::Part { file: tar.to_owned(), offset, size })
        }
        EntryType::Symlink => Kind::Symlink(link()?),
        EntryType::Link => {
            let target = link()?;
            let target = plain(target.as_bytes())?.unwrap_or_default();
            let place = beside(tree, &target).unwrap_or_default();
            let node = tree.get(&place).filter(|node| node.kind != Kind::Dir);
            return node.cloned().ok_or_else(|| {
                refused(path, format!("it is a hard link to {target:?}, which is no file of the layer"))
            });
        }
        EntryType::Char | EntryType::Block => return Err(refused(path, "it is a device node")),
        EntryType::Fifo => return Err(refused(path, "it is a named pipe")),
        other => return Err(refused(path, format!("entries of the kind {other:?} are not supported"))),
    };
    let mode = if matches!(kind, Kind::Symlink(_)) { 0o777 } else { header.mode().map_err(bad)? & 0o7777 };
    Ok(Node { kind, mode, uid: id(header.uid())?, gid: id(header.gid())? })
}

/// The path as a tree has it; none for the root itself. `./` in front and `/` at the end are usual.
fn plain(raw: &[u8]) -> Result<Option<String>> {
    let text = std::str::from_utf8(raw)
        .map_err(|_| refused(&String::from_utf8_lossy(raw), "its path is not UTF-8"))?;
    if text.starts_with('/') {
        return Err(refused(text, "its path is absolute"));
    }
    if text.split('/').any(|part| part == "..") {
        return Err(refused(text, "its path leads out of the root by `..`"));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Ok((!parts.is_empty()).then(|| parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path, kind, link or content.
    type Line<'a> = (&'a str, ::tar::EntryType, &'a str);

    fn tar_of(entries: &[Line<'_>]) -> tempfile::NamedTempFile {
        let mut builder = ::tar::Builder::new(tempfile::NamedTempFile::new().unwrap());
        for (path, kind, text) in entries {
            let mut header = ::tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o640);
            header.set_uid(7);
            header.set_gid(8);
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            let content = if *kind == ::tar::EntryType::Regular { text.as_bytes() } else { b"" };
            if kind.is_symlink() || kind.is_hard_link() {
                header.set_link_name_literal(text).unwrap();
            }
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    use ::tar::EntryType::{Block, Directory, Fifo, Link, Regular, Symlink};

    fn paths(tree: &RootFs) -> Vec<&str> {
        tree.iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn layers_become_one_tree() {
        let low = tar_of(&[
            ("./", Directory, ""),
            ("./usr/lib/", Directory, ""),
            ("./usr/lib/one", Regular, "1"),
            ("./usr/lib/two", Link, "usr/lib/one"),
            ("./lib", Symlink, "/usr/lib"),
            ("./etc/gone", Regular, "x"),
            ("./old/a/b", Regular, "x"),
        ]);
        let high = tar_of(&[
            ("lib/three", Regular, "333"),
            ("etc/.wh.gone", Regular, ""),
            ("old/new", Regular, "y"),
            ("old/.wh..wh..opq", Regular, ""),
        ]);
        let mut tree = RootFs::new();
        apply(low.path(), &mut tree).unwrap();
        apply(high.path(), &mut tree).unwrap();
        let all =
            ["etc", "lib", "old", "old/new", "usr", "usr/lib", "usr/lib/one", "usr/lib/three", "usr/lib/two"];
        assert_eq!(paths(&tree), all);
        assert_eq!(tree.file("/lib/three").unwrap().1.read().unwrap(), &b"333"[..]);
        assert_eq!(tree.file("/lib/two").unwrap().1.read().unwrap(), &b"1"[..]);
        let one = tree.get("usr/lib/one").unwrap();
        assert_eq!((one.mode, one.uid, one.gid), (0o640, 7, 8));
    }

    #[test]
    fn what_no_layer_may_hold() {
        let cases: [(&[Line<'_>], &str); 6] = [
            (&[("../x", Regular, "")], "leads out of the root"),
            (&[("/etc/x", Regular, "")], "is absolute"),
            (&[("dev/sda", Block, "")], "device node"),
            (&[("pipe", Fifo, "")], "named pipe"),
            (&[("x", Link, "no/such")], "hard link"),
            (&[("a", Symlink, "b"), ("b", Symlink, "a"), ("a/x", Regular, "")], "circle"),
        ];
        for (entries, words) in cases {
            let error = apply(tar_of(entries).path(), &mut RootFs::new()).unwrap_err();
            assert!(error.to_string().contains(words), "{entries:?}: {error}");
        }
    }

    #[test]
    fn a_link_that_leads_out_stays_in() {
        let mut tree = RootFs::new();
        let tar = tar_of(&[("out", Symlink, "../../.."), ("out/etc/x", Regular, "z")]);
        apply(tar.path(), &mut tree).unwrap();
        assert_eq!(paths(&tree), ["etc", "etc/x", "out"]);
    }
}
