//! New stores: they appear whole, or not at all.
//!
//! Both engines write several pages before a new file makes sense. So it is made under another name, closed, and then
//! linked to its own: whoever is killed on the way leaves a file that nobody looks at.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Engine, StoreError};

/// Makes an empty store. One that another process made in the meantime stays as it is.
pub(super) fn create(path: &Path, engine: Engine) -> Result<(), StoreError> {
    // An empty file is what `touch`, or a bind mount of a single file, leaves. It has no rows to lose and a place that
    // somebody chose, so it becomes the store.
    if fs::metadata(path).is_ok_and(|file| file.is_file()) {
        return engine.open(path).map(drop);
    }
    let new = beside(path);
    let made = engine.open(&new).map(drop).and_then(|()| place(&new, path));
    // Gone if it was renamed, and not needed if it was linked.
    let _ = fs::remove_file(&new);
    match made {
        Err(StoreError::Exists(_)) => Ok(()),
        made => made,
    }
}

/// Gives a finished file its name, which must be free, so that a crash leaves it there or leaves nothing.
pub(super) fn place(new: &Path, path: &Path) -> Result<(), StoreError> {
    let failed = || StoreError::io(format!("make {}", path.display()));
    match fs::hard_link(new, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(StoreError::Exists(path.to_owned()));
        }
        // FAT and some network file systems have no links. There, two processes that make one store at the same moment
        // are not told apart.
        Err(_) if path.exists() => return Err(StoreError::Exists(path.to_owned())),
        Err(_) => fs::rename(new, path).map_err(failed())?,
    }
    sync_folder(path).map_err(failed())
}

/// A name in the same folder that nobody has: the standard library's hasher is seeded with random bits.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{:016x}", RandomState::new().hash_one(path)));
    path.with_file_name(name)
}

/// The name is on the disk, too. Only Unix lets a program ask for that.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
