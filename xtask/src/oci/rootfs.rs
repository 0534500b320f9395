//! The tree that a layer ships: every path with its kind, mode and owner, none of it taken from this machine's disk
//! but the bytes of the files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// An ordered tree of files. Paths are relative to the root, with `/` between their parts: `etc/passwd`.
///
/// The order is that of the bytes of the paths, in which a folder comes before all that is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootFs {
    nodes: BTreeMap<String, Node>,
}

/// One entry of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// The permission bits, with set-uid, set-gid and sticky: 0 to 0o7777.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Dir,
    /// A regular file.
    File(Content),
    /// A symbolic link with its target as written.
    Symlink(String),
}

/// Where a file's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Cow<'static, [u8]>),
    /// A file on disk, read piece by piece when the layer is written.
    Disk(PathBuf),
}

impl Node {
    /// A folder of root.
    pub fn dir(mode: u32) -> Self {
        Self { kind: Kind::Dir, mode, uid: 0, gid: 0 }
    }

    /// A file of root with these bytes.
    pub fn bytes(mode: u32, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { kind: Kind::File(Content::Bytes(bytes.into())), mode, uid: 0, gid: 0 }
    }

    /// A file of root with the bytes of a file on disk.
    pub fn disk(mode: u32, path: impl Into<PathBuf>) -> Self {
        Self { kind: Kind::File(Content::Disk(path.into())), mode, uid: 0, gid: 0 }
    }

    /// A symbolic link of root.
    pub fn symlink(target: impl Into<String>) -> Self {
        Self { kind: Kind::Symlink(target.into()), mode: 0o777, uid: 0, gid: 0 }
    }

    /// The same with owner and group.
    #[must_use]
    pub fn owned(mut self, uid: u32, gid: u32) -> Self {
        self.uid = uid;
        self.gid = gid;
        self
    }
}

impl RootFs {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry, and the folders above it (0755, root) where they are not there yet. A folder may be added
    /// again: the later mode and owner count.
    ///
    /// # Errors
    /// The path is not plain (see [`RootFs`]), something else is there already, or a part above it is no folder.
    pub fn insert(&mut self, path: &str, node: Node) -> Result<()> {
        check(path, &node)?;
        for (slash, _) in path.match_indices('/') {
            let parent = &path[..slash];
            match self.nodes.get(parent).map(|n| &n.kind) {
                Some(Kind::Dir) => {}
                Some(_) => return Err(refused(path, format!("/{parent} is no folder"))),
                None => {
                    self.nodes.insert(parent.to_owned(), Node::dir(0o755));
                }
            }
        }
        match self.nodes.get(path).map(|n| &n.kind) {
            None => {}
            Some(Kind::Dir) if node.kind == Kind::Dir => {}
            Some(_) => return Err(refused(path, "something is there already")),
        }
        self.nodes.insert(path.to_owned(), node);
        Ok(())
    }

    /// The entry at a path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// All entries, a folder before what is in it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }
}

fn check(path: &str, node: &Node) -> Result<()> {
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refused(path, "a path has plain parts only: no leading or doubled '/', no '.' or '..'"));
    }
    if path.contains('\0') || matches!(&node.kind, Kind::Symlink(target) if target.contains('\0')) {
        return Err(refused(path, "a path holds no NUL"));
    }
    if matches!(&node.kind, Kind::Symlink(target) if target.is_empty()) {
        return Err(refused(path, "a symbolic link has a target"));
    }
    if node.mode > 0o7777 {
        return Err(refused(path, format!("0o{:o} is no mode", node.mode)));
    }
    Ok(())
}

fn refused(path: &str, why: impl Into<String>) -> Error {
    Error::failed(format!("cannot put {path:?} into an image")).found(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_there_and_come_first() {
        let mut tree = RootFs::new();
        tree.insert("a/b/c", Node::bytes(0o644, &b"x"[..])).unwrap();
        tree.insert("a-b", Node::symlink("a")).unwrap();
        tree.insert("a/b", Node::dir(0o700).owned(7, 8)).unwrap();
        let paths: Vec<&str> = tree.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a", "a-b", "a/b", "a/b/c"]);
        assert_eq!(tree.get("a/b"), Some(&Node::dir(0o700).owned(7, 8)));
    }

    #[test]
    fn what_is_refused() {
        let mut tree = RootFs::new();
        tree.insert("f", Node::bytes(0o644, &b""[..])).unwrap();
        tree.insert("d/f", Node::bytes(0o644, &b""[..])).unwrap();
        for path in ["", "/", "/a", "a/", "a//b", ".", "a/../b", "a/./b", "a\0b", "f", "f/g", "d"] {
            assert!(tree.insert(path, Node::bytes(0o644, &b""[..])).is_err(), "{path:?}");
        }
        assert!(tree.insert("m", Node::dir(0o10000)).is_err());
        assert!(tree.insert("l", Node::symlink("")).is_err());
        assert_eq!(tree.iter().count(), 3, "nothing of what was refused is in");
    }
}
