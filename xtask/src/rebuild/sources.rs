//! Copies everything that a build may read. This is the workspace's folder with its whole content, without
//! build outputs, since a build script may also read ignored files. To it are added the tracked files of the
//! repository around the workspace, and other inputs of the first build. The copy differs as two checkouts
//! differ: in the path and its length, times, modes, and the order in which files were made.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read as _, Result};
use std::path::{Path, PathBuf};

use super::outside::straight;
use super::repository::{Repository, tracked};

/// The file that marks a folder whose content can be made again, such as Cargo's target folders
/// (<https://bford.info/cachedir/>).
const TAG: (&str, &[u8]) = ("CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");

/// A copy of the sources of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCopy {
    /// The workspace's folder in the copy.
    pub root: PathBuf,
    /// The number of copied files.
    pub files: u64,
    /// The total size of the copied files, in bytes.
    pub bytes: u64,
}

/// The state of a copy: what is copied, and how much so far.
struct SourceWalk<'a> {
    /// The outermost folder of everything that is copied.
    from: &'a Path,
    /// The folder into which `from` is copied.
    to: &'a Path,
    /// The paths that are copied with their whole content: the workspace, and files and folders outside of
    /// it.
    taken: BTreeSet<PathBuf>,
    /// Folders that are not copied.
    spare: &'a [PathBuf],
    files: u64,
    bytes: u64,
}

/// Copies the workspace in `root`, the repository around it, and `inputs` into the folder `into`, which is
/// made. `inputs` are files and folders that the first build read. Everything keeps its relative place.
/// Folders in `spare` and folders with a `CACHEDIR.TAG` are not copied, except for tracked files and inputs
/// in the latter. Symbolic links are not followed; a link to a path outside of the copy leads to the original
/// target. Unreadable files are left out, because no build could read them. Files that vanish meanwhile are
/// left out too.
///
/// # Errors
/// The error of the file system.
pub fn copy(
    root: &Path,
    repository: Option<&Repository>,
    inputs: &[PathBuf],
    into: &Path,
    spare: &[PathBuf],
) -> Result<SourceCopy> {
    let repository = repository.filter(|r| !r.within.as_os_str().is_empty());
    // The path as git names it, in case a link leads to the workspace.
    let whole = repository.map_or_else(|| root.to_owned(), |r| r.top.join(&r.within));
    let mut beside: Vec<PathBuf> = Vec::new();
    if let Some(repository) = repository {
        beside.extend(repository.beside.iter().rev().map(|name| repository.top.join(name)));
        beside.push(repository.top.join(".git"));
    }
    let inputs: Vec<PathBuf> = inputs.iter().map(|input| counterpart(input, root, &whole)).collect();
    let top = repository.map_or(whole.as_path(), |r| r.top.as_path());
    let from = inputs.iter().fold(top, |from, input| common(from, input)).to_owned();
    let taken = beside.iter().chain(&inputs).chain([&whole]).cloned().collect();
    let mut walk = SourceWalk { from: &from, to: into, taken, spare, files: 0, bytes: 0 };
    make(into)?;
    walk.folder(&whole, &walk.place(&whole))?;
    for path in &beside {
        walk.entry(path, &walk.place(path))?;
    }
    for input in &inputs {
        walk.input(input)?;
    }
    Ok(SourceCopy { root: walk.place(&whole), files: walk.files, bytes: walk.bytes })
}

/// Returns the common parent folder of both paths, or one of the paths if it contains the other.
fn common<'p>(one: &'p Path, other: &Path) -> &'p Path {
    one.ancestors().find(|above| other.starts_with(above)).unwrap_or(one)
}

/// Returns the path that corresponds to a path below or beside `from` if `to` takes the place of `from`.
pub fn counterpart(path: &Path, from: &Path, to: &Path) -> PathBuf {
    if from == to {
        return path.to_owned();
    }
    let above = common(from, path);
    let depth = from.strip_prefix(above).map_or(0, |rest| rest.components().count());
    match (to.ancestors().nth(depth), path.strip_prefix(above)) {
        (Some(to), Ok(rest)) => to.join(rest),
        _ => path.to_owned(),
    }
}

impl SourceWalk<'_> {
    /// Returns the place of a path's copy.
    fn place(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(self.from).unwrap_or(path) {
            // Joining an empty path would add a slash.
            inside if inside.as_os_str().is_empty() => self.to.to_owned(),
            inside => self.to.join(inside),
        }
    }

    /// Copies an input of the first build that has not been copied yet: it lies in a cache folder, or outside
    /// of all copied paths.
    fn input(&mut self, from: &Path) -> Result<()> {
        let to = self.place(from);
        if fs::symlink_metadata(&to).is_ok() || self.is_spare(from) {
            return Ok(());
        }
        match fs::metadata(from) {
            // An input is a source even in a folder that is marked as a cache.
            Ok(meta) if meta.is_dir() => self.folder(from, &to),
            _ => self.entry(from, &to),
        }
    }

    fn is_spare(&self, path: &Path) -> bool {
        self.spare.iter().any(|dir| path.starts_with(dir))
    }

    /// Returns whether a path of this machine has a copy.
    fn comes_along(&self, path: &Path) -> bool {
        let taken = |taken: &PathBuf| path.starts_with(taken) || taken.starts_with(path);
        path.starts_with(self.from) && !self.is_spare(path) && self.taken.iter().any(taken)
    }

    fn folder(&mut self, from: &Path, to: &Path) -> Result<()> {
        let Some(entries) = readable(fs::read_dir(from))? else { return Ok(()) };
        make(to)?;
        // Some file systems list files in the order in which they were made.
        let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        names.reverse();
        names.iter().try_for_each(|name| self.entry(&from.join(name), &to.join(name)))
    }

    fn entry(&mut self, from: &Path, to: &Path) -> Result<()> {
        let Some(meta) = readable(fs::symlink_metadata(from))? else { return Ok(()) };
        let git = from.file_name().is_some_and(|name| name == ".git");
        if let Some(parent) = to.parent() {
            make(parent)?;
        }
        if meta.is_symlink() {
            let Some(target) = readable(fs::read_link(from))? else { return Ok(()) };
            link(&self.led(from, &target), to)
        } else if git && meta.is_file() {
            self.linked(from, to)
        } else if meta.is_dir() {
            if self.spare.iter().any(|dir| dir == from) {
                return Ok(());
            }
            if is_cache(from) {
                // Tracked files are sources, even in a folder that is marked as a cache.
                let kept = tracked(from).unwrap_or_default();
                return kept.iter().rev().try_for_each(|name| self.entry(&from.join(name), &to.join(name)));
            }
            self.folder(from, to)
        } else if meta.is_file() {
            self.file(from, to)
        } else {
            // Sockets and pipes belong to running processes.
            Ok(())
        }
    }

    fn file(&mut self, from: &Path, to: &Path) -> Result<()> {
        let inside = from.strip_prefix(self.from).unwrap_or(from);
        let mut parts = inside.components().map(|part| part.as_os_str());
        // git never changes an object, and there may be gigabytes of them. So they are linked, not copied.
        let object = parts.by_ref().any(|part| part == ".git") && parts.any(|part| part == "objects");
        if !(object && fs::hard_link(from, to).is_ok()) {
            let Some(bytes) = readable(fs::copy(from, to))? else { return Ok(()) };
            for_owner(to)?;
            self.bytes += bytes;
        }
        self.files += 1;
        Ok(())
    }

    /// Copies the `.git` of a linked worktree, a file that names a folder. The copy gets that folder, so that
    /// git does not record the copy's files in the index of the original.
    fn linked(&mut self, from: &Path, to: &Path) -> Result<()> {
        let Some(text) = readable(fs::read_to_string(from))? else { return Ok(()) };
        let place = text.trim().strip_prefix("gitdir:").unwrap_or_default().trim();
        let place = straight(&from.parent().unwrap_or(self.from).join(place));
        if self.comes_along(&place) {
            // The `.git` of a submodule, whose folder is copied too.
            return self.file(from, to);
        }
        self.folder(&place, to)?;
        if let Ok(common) = fs::read_to_string(place.join("commondir")) {
            let common = straight(&place.join(common.trim()));
            fs::write(to.join("commondir"), common.as_os_str().as_encoded_bytes())?;
        }
        Ok(())
    }

    /// Returns the target for the copy of a link. It leads to the copy of the original target, or to the
    /// original if that is not copied.
    fn led(&self, from: &Path, target: &Path) -> PathBuf {
        let whole = straight(&from.parent().unwrap_or(self.from).join(target));
        match (self.comes_along(&whole), target.is_relative()) {
            (true, true) => target.to_owned(),
            (true, false) => self.place(&whole),
            (false, _) => whole,
        }
    }
}

/// Returns none for a file that has vanished or may not be read.
fn readable<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Makes a folder that can be removed again, whatever mode the original has.
fn make(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn is_cache(folder: &Path) -> bool {
    let (name, signature) = TAG;
    let mut begin = vec![0; signature.len()];
    let read = fs::File::open(folder.join(name)).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == signature
}

/// Removes the rights of group and others from a mode, as another umask would.
#[cfg(unix)]
fn for_owner(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(file)?.permissions().mode();
    fs::set_permissions(file, fs::Permissions::from_mode(mode & 0o700))
}

#[cfg(unix)]
fn link(target: &Path, place: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(not(unix))]
fn for_owner(_: &Path) -> Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_beside_a_folder_goes_along_where_it_is_renamed() {
        let moved = |path: &str, from: &str, to: &str| {
            counterpart(Path::new(path), Path::new(from), Path::new(to)).display().to_string()
        };
        assert_eq!(moved("/a/ws/x", "/a/ws", "/b/real"), "/b/real/x");
        assert_eq!(moved("/a/README", "/a/ws", "/b/real"), "/b/README");
        assert_eq!(moved("/a/README", "/a/ws", "/a/ws"), "/a/README");
        // There is no folder that far up.
        assert_eq!(moved("/x", "/a/b/ws", "/real"), "/x");
    }
}
