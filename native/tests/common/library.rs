//! The shared library, built once per test program.

#[path = "../../build/shared.rs"]
pub(crate) mod shared;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use native::Backend;
use native::dlopen::{FILE_NAME, open};
use xtask_test_support::skip::skipped;

/// Where each test program has a folder to itself.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("library-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Builds the component, or other sources, into this file.
pub(crate) fn build(file: &Path, other: Option<&str>) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = other.map_or(super::sources::SOURCES.to_vec(), |other| vec![other]);
    shared::build(package, &sources, env!("NATIVE_TARGET"), file).unwrap();
}

/// The library as a backend, if a compiler is there to build it. Its file is gone at once: what is loaded stays.
pub(crate) fn backend() -> Option<&'static dyn Backend> {
    static BACKEND: OnceLock<Option<&'static native::dlopen::Dlopen>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        if !can_build() {
            skipped("the backend dlopen", "a C compiler to build its library");
            return None;
        }
        let folder = folder("backend");
        let file = folder.join(FILE_NAME);
        build(&file, None);
        let backend = open(&file).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        Some(backend)
    });
    backend.map(|backend| backend as &dyn Backend)
}

/// Whether there is a C compiler for this target.
pub(crate) fn can_build() -> bool {
    shared::has_compiler(env!("NATIVE_TARGET"))
}
