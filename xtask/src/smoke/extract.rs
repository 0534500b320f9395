//! Writes a tree to disk as folders and files, to be the root of a process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use xtask_files::error::{Error, Result};
use xtask_oci::{Content, FileKind, Node, RootFs};

/// A folder for one run. Dropping it removes the folder, whatever modes the files in it have.
#[derive(Debug)]
pub(super) struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// Makes an empty folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn new(path: PathBuf) -> Result<Self> {
        remove(&path);
        xtask_files::folder(&path)?;
        Ok(Self(path))
    }

    /// Returns the path of the folder.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Who owns the files of a tree on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owners {
    /// The owners are those of the image. Only root can set them.
    Image,
    /// This process owns them, and becomes the image's user in a user namespace. The owner part of each mode
    /// is set to what that user may do with the file in the image. Otherwise it could write wherever root
    /// can.
    One {
        /// The number of the image's user.
        uid: u32,
        /// The number of the group of the image's user.
        gid: u32,
    },
}

impl Owners {
    fn mode(self, node: &Node) -> u32 {
        match self {
            Owners::Image => node.mode,
            Owners::One { uid, gid } => node.mode & !0o700 | node.rights(uid, gid) << 6,
        }
    }
}

/// Removes a folder with everything in it. If this fails, the next run tries again.
pub(super) fn remove(dir: &Path) {
    if fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir()) && fs::remove_dir_all(dir).is_err() {
        // Files in a folder that its owner may not write to cannot be removed.
        open_up(dir);
        let _ = fs::remove_dir_all(dir);
    }
}

fn open_up(dir: &Path) {
    let _ = set_mode(dir, 0o700);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// Makes the tree in an empty folder. As engines do, it adds missing folders for their mounts: `proc`, `sys`
/// and `dev`.
///
/// # Errors
/// A file cannot be written or read.
pub(super) fn onto(tree: &RootFs, root: &Path, owners: Owners) -> Result<()> {
    let mut folders = Vec::new();
    for (path, node) in tree.iter() {
        let place = root.join(path);
        entry(node, &place, owners).map_err(|e| Error::io("cannot write", &place, &e))?;
        if node.kind == FileKind::Dir {
            folders.push((place, owners.mode(node)));
        }
    }
    for name in ["proc", "sys", "dev"] {
        let place = root.join(name);
        if !place.exists() {
            fs::create_dir(&place).map_err(|e| Error::io("cannot create", &place, &e))?;
        }
    }
    // Modes are set last, innermost folders first: a folder may forbid its owner to write.
    for (place, mode) in folders.iter().rev() {
        set_mode(place, *mode).map_err(|e| Error::io("cannot set the mode of", place, &e))?;
    }
    set_mode(root, 0o755).map_err(|e| Error::io("cannot set the mode of", root, &e))
}

fn entry(node: &Node, place: &Path, owners: Owners) -> io::Result<()> {
    match &node.kind {
        FileKind::Dir => fs::create_dir(place)?,
        FileKind::Symlink(target) => link(target, place)?,
        FileKind::File(Content::Disk(from)) => {
            fs::copy(from, place)?;
        }
        FileKind::File(content) => {
            let mut file = File::create_new(place)?;
            io::Write::write_all(&mut file, &content.read()?)?;
        }
    }
    if owners == Owners::Image {
        own(place, node.uid, node.gid)?;
    }
    // Changing the owner clears the set-user-ID bit, so the mode is set afterwards.
    match node.kind {
        FileKind::File(_) => set_mode(place, owners.mode(node)),
        FileKind::Dir | FileKind::Symlink(_) => Ok(()),
    }
}

#[cfg(unix)]
fn set_mode(place: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(place, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(unix)]
fn own(place: &Path, uid: u32, gid: u32) -> io::Result<()> {
    std::os::unix::fs::lchown(place, Some(uid), Some(gid))
}

#[cfg(unix)]
fn link(target: &str, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn own(_: &Path, _: u32, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn link(_: &str, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_tree_becomes_files_and_goes_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut tree = RootFs::new();
        tree.insert("a", Node::dir(0o555)).unwrap();
        tree.insert("a/b", Node::bytes(0o640, &b"x"[..])).unwrap();
        tree.insert("a/up", Node::symlink("/etc/passwd")).unwrap();
        tree.insert("tmp", Node::dir(0o1777)).unwrap();
        tree.insert("mine", Node::dir(0o750).owned(7, 8)).unwrap();
        tree.insert("ours", Node::dir(0o2740).owned(9, 8)).unwrap();
        let scratch = ScratchFolder::new(dir.path().join("s")).unwrap();
        onto(&tree, scratch.path(), Owners::One { uid: 7, gid: 8 }).unwrap();
        let meta = |path: &str| fs::symlink_metadata(scratch.path().join(path)).unwrap();
        let mode = |path: &str| meta(path).permissions().mode() & 0o7777;
        assert_eq!((mode("a"), mode("a/b"), mode("tmp"), mode("dev")), (0o555, 0o040, 0o1777, mode("proc")));
        assert_eq!((mode("mine"), mode("ours")), (0o750, 0o2440));
        assert_eq!(fs::read_link(scratch.path().join("a/up")).unwrap(), Path::new("/etc/passwd"));
        assert_eq!(meta("a").uid(), fs::metadata(dir.path()).unwrap().uid());
        let place = scratch.path().to_owned();
        drop(scratch);
        assert!(!place.exists());
    }
}
