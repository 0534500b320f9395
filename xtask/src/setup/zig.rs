//! zig from the Python package `ziglang`, in a folder of our own.

use std::path::{Path, PathBuf};

/// The zig that setup installed, where it is there.
pub fn program(cache: &Path) -> Option<PathBuf> {
    let _ = cache;
    None
}
