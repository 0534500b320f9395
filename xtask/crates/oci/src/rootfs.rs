//! The tree of a layer: every path with its kind, mode and owner. Only the bytes of files come from this
//! machine's disk.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Bound;
use std::path::PathBuf;

use xtask_files::error::{Error, Result};

/// An ordered tree of files. Paths are relative to the root, with `/` between their parts: `etc/passwd`.
///
/// The order is that of the bytes of the paths. A folder comes before everything in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootFs {
    nodes: BTreeMap<String, Node>,
}

/// One entry of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The kind of the entry, with the content of a file or the target of a link.
    pub kind: FileKind,
    /// The permission bits, with set-uid, set-gid and sticky: 0 to 0o7777.
    pub mode: u32,
    /// The number of the user who owns the entry.
    pub uid: u32,
    /// The number of the group that owns the entry.
    pub gid: u32,
}

/// The kind of an entry: a folder, a regular file or a symbolic link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A folder. Its entries are separate nodes of the tree.
    Dir,
    /// A regular file with the source of its bytes.
    File(Content),
    /// A symbolic link with its target as written.
    Symlink(String),
}

/// The source of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The bytes themselves, in memory.
    Bytes(Cow<'static, [u8]>),
    /// A file on disk, read piece by piece when the layer is written.
    Disk(PathBuf),
    /// A part of a file on disk: an entry in the tar of an unpacked layer, in a cache whose files do not
    /// change.
    Part {
        /// The file on disk that holds the part.
        file: PathBuf,
        /// The offset at which the part begins, in bytes.
        offset: u64,
        /// The length of the part, in bytes.
        size: u64,
    },
}

impl Content {
    /// Reads all bytes of the content.
    ///
    /// # Errors
    /// The file on disk cannot be read, or is shorter than the part.
    pub fn read(&self) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Content::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Content::Disk(path) => std::fs::read(path).map(Cow::Owned),
            Content::Part { file, offset, size } => {
                let mut open = File::open(file)?;
                open.seek(SeekFrom::Start(*offset))?;
                let mut bytes = Vec::new();
                open.take(*size).read_to_end(&mut bytes)?;
                if bytes.len() as u64 == *size { Ok(Cow::Owned(bytes)) } else { Err(short()) }
            }
        }
    }

    /// Reads the first `most` bytes, or all bytes if there are fewer.
    ///
    /// # Errors
    /// The file on disk cannot be read.
    pub fn head(&self, most: usize) -> io::Result<Vec<u8>> {
        let (path, offset, size) = match self {
            Content::Bytes(bytes) => return Ok(bytes.get(..most).unwrap_or(bytes).to_vec()),
            Content::Disk(path) => (path, 0, u64::MAX),
            Content::Part { file, offset, size } => (file, *offset, *size),
        };
        let mut open = File::open(path)?;
        open.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        open.take(size.min(most as u64)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns the size of the content in bytes.
    ///
    /// # Errors
    /// The stat of the file on disk cannot be read.
    pub fn size(&self) -> io::Result<u64> {
        match self {
            Content::Bytes(bytes) => Ok(bytes.len() as u64),
            Content::Disk(path) => std::fs::metadata(path).map(|meta| meta.len()),
            Content::Part { size, .. } => Ok(*size),
        }
    }
}

fn short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was when it was indexed")
}

/// The result of following a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// It leads to this entry, which is not a link. The path is empty for the root.
    Found(String),
    /// It leads to this place, where there is no entry.
    Missing(String),
    /// It leads through a part that is not a folder.
    NotAFolder(String),
    /// It leads through more links than Linux follows, probably in a cycle.
    Loop,
}

/// How many links Linux follows in one path (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// The maximum number of path parts that are followed, including those of links. It is the maximum number of
/// bytes in a path on Linux.
const STEPS_MAX: usize = 4096;

/// Returns the parts of a path, without empty parts and `.`.
fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|part| !matches!(*part, "" | "."))
}

impl Node {
    /// Makes a folder that root owns.
    pub fn dir(mode: u32) -> Self {
        Self { kind: FileKind::Dir, mode, uid: 0, gid: 0 }
    }

    /// Makes a regular file that root owns, with these bytes.
    pub fn bytes(mode: u32, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { kind: FileKind::File(Content::Bytes(bytes.into())), mode, uid: 0, gid: 0 }
    }

    /// Makes a regular file that root owns, with the bytes of a file on disk.
    pub fn disk(mode: u32, path: impl Into<PathBuf>) -> Self {
        Self { kind: FileKind::File(Content::Disk(path.into())), mode, uid: 0, gid: 0 }
    }

    /// Makes a symbolic link that root owns.
    pub fn symlink(target: impl Into<String>) -> Self {
        Self { kind: FileKind::Symlink(target.into()), mode: 0o777, uid: 0, gid: 0 }
    }

    /// Returns the same node with another owner and group.
    #[must_use]
    pub fn owned(mut self, uid: u32, gid: u32) -> Self {
        self.uid = uid;
        self.gid = gid;
        self
    }

    /// Returns what a user without privileges may do with it: 4 to read, 2 to write, 1 to execute or to
    /// enter.
    pub fn rights(&self, uid: u32, gid: u32) -> u32 {
        let class = match (self.uid == uid, self.gid == gid) {
            (true, _) => 6,
            (false, true) => 3,
            (false, false) => 0,
        };
        self.mode >> class & 0o7
    }
}

impl RootFs {
    /// Makes a tree without any entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry, and missing parent folders (0755, root). A folder may be added again: the later mode
    /// and owner apply.
    ///
    /// # Errors
    /// The path is not plain (see [`RootFs`]), another entry is already there, or a parent is not a folder.
    pub fn insert(&mut self, path: &str, node: Node) -> Result<()> {
        check(path, &node)?;
        for (slash, _) in path.match_indices('/') {
            let parent = &path[..slash];
            match self.nodes.get(parent).map(|n| &n.kind) {
                Some(FileKind::Dir) => {}
                Some(_) => return Err(refused(path, format!("/{parent} is not a folder"))),
                None => {
                    self.nodes.insert(parent.to_owned(), Node::dir(0o755));
                }
            }
        }
        match self.nodes.get(path).map(|n| &n.kind) {
            None => {}
            Some(FileKind::Dir) if node.kind == FileKind::Dir => {}
            Some(_) => return Err(refused(path, "the path exists already")),
        }
        self.nodes.insert(path.to_owned(), node);
        Ok(())
    }

    /// Returns the entry at a path. Links are not followed.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Replaces the entry at a path, as unpacking a layer does: links above it are followed inside the root,
    /// and missing folders are made (0755, root). A folder that replaces a folder keeps its content.
    /// Otherwise the old entry is removed with its content.
    ///
    /// # Errors
    /// The path is not plain (see [`RootFs`]), links above it form a cycle, or a parent is not a folder.
    pub fn put(&mut self, path: &str, node: Node) -> Result<()> {
        check(path, &node)?;
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let above = match above {
            "" => String::new(),
            above => match self.resolve(above) {
                Resolved::Found(folder) => folder,
                Resolved::Missing(folder) => folder,
                Resolved::Loop => return Err(refused(path, "the links above it lead in a circle")),
                Resolved::NotAFolder(other) => {
                    return Err(refused(path, format!("/{other} is not a folder")));
                }
            },
        };
        let place = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        match self.nodes.get(&place) {
            Some(old) if old.kind == FileKind::Dir && node.kind == FileKind::Dir => {}
            Some(_) => self.remove(&place),
            None => {}
        }
        self.insert(&place, node)
    }

    /// Removes an entry with all its content. Links are not followed.
    pub fn remove(&mut self, path: &str) {
        self.nodes.remove(path);
        let inside = format!("{path}/");
        let gone: Vec<String> = self.below(&inside).map(|(path, _)| path.to_owned()).collect();
        for path in gone {
            self.nodes.remove(&path);
        }
    }

    /// Returns everything in a folder, at any depth. `inside` is the folder's path with a `/` at its end, or
    /// empty for all.
    pub fn below<'a>(&'a self, inside: &'a str) -> impl Iterator<Item = (&'a str, &'a Node)> {
        let from = self.nodes.range::<str, _>((Bound::Included(inside), Bound::Unbounded));
        from.take_while(move |(path, _)| path.starts_with(inside)).map(|(path, node)| (path.as_str(), node))
    }

    /// Follows all links of a path inside the root, as a kernel with this root does: an absolute link begins
    /// at the root, and `..` cannot leave it. `path` may begin with `/` and contain `.` and `..`.
    pub fn resolve(&self, path: &str) -> Resolved {
        // The parents of an entry in the tree are folders. So an entry that is not a link is at its path.
        // This is the most frequent case.
        if self.nodes.get(path).is_some_and(|node| !matches!(node.kind, FileKind::Symlink(_))) {
            return Resolved::Found(path.to_owned());
        }
        // The remaining parts, in reverse order.
        let mut ahead: Vec<String> = parts(path).map(str::to_owned).rev().collect();
        let mut place: Vec<String> = Vec::new();
        let (mut links, mut steps) = (0, 0);
        while let Some(part) = ahead.pop() {
            steps += 1;
            if steps > STEPS_MAX {
                return Resolved::Loop;
            }
            if part == ".." {
                place.pop();
                continue;
            }
            place.push(part);
            let here = place.join("/");
            match self.nodes.get(&here).map(|node| &node.kind) {
                Some(FileKind::Symlink(target)) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Resolved::Loop;
                    }
                    if target.starts_with('/') {
                        place.clear();
                    } else {
                        place.pop();
                    }
                    ahead.extend(parts(target).map(str::to_owned).rev());
                }
                Some(FileKind::File(_)) if !ahead.is_empty() => return Resolved::NotAFolder(here),
                Some(_) => {}
                None => {
                    // No part below a missing place is a link, but `..` may lead back.
                    if ahead.iter().any(|part| part == "..") {
                        continue;
                    }
                    place.extend(ahead.into_iter().rev());
                    return Resolved::Missing(place.join("/"));
                }
            }
        }
        match place.join("/") {
            root if root.is_empty() => Resolved::Found(root),
            here if self.nodes.contains_key(&here) => Resolved::Found(here),
            here => Resolved::Missing(here),
        }
    }

    /// Returns the regular file to which a path leads through links, with the path of the file.
    pub fn file(&self, path: &str) -> Option<(String, &Content)> {
        let Resolved::Found(place) = self.resolve(path) else { return None };
        match &self.nodes.get(&place)?.kind {
            FileKind::File(content) => Some((place.clone(), content)),
            _ => None,
        }
    }

    /// Returns all entries, a folder before its content.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }
}

fn check(path: &str, node: &Node) -> Result<()> {
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refused(path, "a path must have no leading or doubled '/', and no '.' or '..'"));
    }
    if path.contains('\0') || matches!(&node.kind, FileKind::Symlink(target) if target.contains('\0')) {
        return Err(refused(path, "a path cannot contain NUL"));
    }
    if matches!(&node.kind, FileKind::Symlink(target) if target.is_empty()) {
        return Err(refused(path, "a symbolic link must have a target"));
    }
    if node.mode > 0o7777 {
        return Err(refused(path, format!("0o{:o} is not a mode", node.mode)));
    }
    Ok(())
}

pub(super) fn refused(path: &str, why: impl Into<String>) -> Error {
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
    fn rights_are_those_of_one_class() {
        let folder = Node::dir(0o1753).owned(1, 2);
        assert_eq!(
            [(1, 9), (9, 2), (1, 2), (9, 9), (0, 0)].map(|(u, g)| folder.rights(u, g)),
            [7, 5, 7, 3, 3]
        );
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

    fn text(bytes: &'static [u8]) -> Node {
        Node::bytes(0o644, bytes)
    }

    #[test]
    fn links_are_followed_inside_the_root() {
        let mut tree = RootFs::new();
        tree.insert("usr/lib/libc.so.6", text(b"c")).unwrap();
        tree.insert("lib", Node::symlink("usr/lib")).unwrap();
        tree.insert("usr/lib/abs", Node::symlink("/lib/libc.so.6")).unwrap();
        tree.insert("up", Node::symlink("../../../usr")).unwrap();
        tree.insert("round", Node::symlink("about")).unwrap();
        tree.insert("about", Node::symlink("/round")).unwrap();
        let found = |path: &str| Resolved::Found(path.into());
        for path in ["/lib/libc.so.6", "lib/./abs", "up/lib/abs", "usr/../lib/abs", "no/../lib/abs"] {
            assert_eq!(tree.resolve(path), found("usr/lib/libc.so.6"), "{path}");
        }
        assert_eq!(tree.resolve("/"), found(""));
        assert_eq!(tree.resolve("round/x"), Resolved::Loop);
        assert_eq!(tree.resolve("lib/x/y"), Resolved::Missing("usr/lib/x/y".into()));
        assert_eq!(tree.resolve("lib/abs/y"), Resolved::NotAFolder("usr/lib/libc.so.6".into()));
        assert_eq!(tree.file("lib/abs").unwrap().1.read().unwrap(), &b"c"[..]);
    }

    #[test]
    fn a_layer_goes_onto_those_below_it() {
        let mut tree = RootFs::new();
        tree.put("usr/lib/a", text(b"1")).unwrap();
        tree.put("lib", Node::symlink("usr/lib")).unwrap();
        tree.put("lib/b/c", text(b"2")).unwrap();
        assert_eq!(tree.get("usr/lib/b/c"), Some(&text(b"2")));
        tree.put("usr/lib", Node::dir(0o700)).unwrap();
        assert!(tree.get("usr/lib/a").is_some(), "a folder keeps what is in it");
        tree.put("usr/lib/b", text(b"3")).unwrap();
        assert_eq!((tree.get("usr/lib/b"), tree.get("usr/lib/b/c")), (Some(&text(b"3")), None));
        tree.put("lib", Node::dir(0o755)).unwrap();
        assert_eq!(tree.get("lib"), Some(&Node::dir(0o755)), "the last part of a path is not followed");
        assert!(tree.put("usr/lib/a/x", text(b"")).is_err());
        tree.put("loop", Node::symlink("loop")).unwrap();
        assert!(tree.put("loop/x", text(b"")).is_err());
    }
}
