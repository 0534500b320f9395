//! The backend that finds the C component as a shared library when the program runs. Needs the feature `dlopen`, and no
//! C compiler to build the program.
//!
//! # Who makes the library
//!
//! `cargo run -p native --example build-dlopen` compiles the same sources as the linked backend with whatever C compiler
//! the crate `cc` finds, and puts [`FILE_NAME`] beside the programs of the same profile.
//!
//! # Where it is looked for
//!
//! 1. If the variable `NATIVE_LIBRARY` is set: at that path, and nowhere else.
//! 2. In the folder of the running program.
//! 3. In the folder `lib` beside that folder.
//! 4. Where the system's loader looks for a library of that name. (Not on Windows, where that takes in the current folder.)
//!
//! The first file that exists is the one: if it cannot be used, that is the error, and no other is tried.
//!
//! # What it must be
//!
//! It defines `native_abi_version`, which is called before anything else and returns [`VERSION`], and every function of
//! `c/native.h`. It is never unloaded, so that nothing can refer to code that is gone.
//!
//! A static musl program cannot load a library at all; there, [`load`] says so.
#![cfg_attr(loadable, expect(unsafe_code, reason = "loading a library runs code that no compiler has seen"))]

mod error;

pub use error::{LoadError, Tried};

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The name of the library's file, which holds the version of its interface.
pub const FILE_NAME: &str = if cfg!(windows) {
    "native_c-1.dll"
} else if cfg!(target_vendor = "apple") {
    "libnative_c.1.dylib"
} else {
    "libnative_c.so.1"
};

/// What `native_abi_version` of a library that fits returns.
pub const VERSION: u32 = 1;

/// The variable that names the library's path.
pub const VARIABLE: &str = "NATIVE_LIBRARY";

/// A library that was found, and is a backend.
#[derive(Debug)]
pub struct Dlopen {
    #[cfg(loadable)]
    table: &'static crate::ffi::FunctionTable,
    path: PathBuf,
}

impl Dlopen {
    /// Where the library was found; its name alone where the system's loader found it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The library of this program, looked for at the first call.
///
/// # Errors
/// What was found instead. The answer stays the same for as long as the program runs.
pub fn load() -> Result<&'static Dlopen, &'static LoadError> {
    static LOADED: OnceLock<Result<&'static Dlopen, LoadError>> = OnceLock::new();
    LOADED.get_or_init(find).as_ref().copied()
}

fn find() -> Result<&'static Dlopen, LoadError> {
    if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return open(Path::new(&path));
    }
    let mut tried = Vec::new();
    for path in std::env::current_exe().map(|exe| beside(&exe)).unwrap_or_default() {
        match open(&path) {
            Err(LoadError::Absent { tried: here }) => tried.extend(here),
            other => return other,
        }
    }
    if cfg!(windows) {
        return Err(LoadError::Absent { tried });
    }
    match open_file(Path::new(FILE_NAME)) {
        // The loader does not say whether it found nothing or something that it did not like, but its words do.
        Err(LoadError::Broken { path, said }) => {
            tried.push(Tried { path, said });
            Err(LoadError::Absent { tried })
        }
        other => other,
    }
}

/// The places that belong to a program.
fn beside(program: &Path) -> Vec<PathBuf> {
    let Some(folder) = program.parent() else { return Vec::new() };
    let lib = folder.parent().map(|above| above.join("lib").join(FILE_NAME));
    std::iter::once(folder.join(FILE_NAME)).chain(lib).collect()
}

/// The library in this file. Each call makes another backend, which counts for itself and stays for good.
///
/// # Errors
/// Why the file cannot be used.
pub fn open(path: &Path) -> Result<&'static Dlopen, LoadError> {
    if let Err(error) = path.metadata() {
        return Err(LoadError::Absent { tried: vec![Tried { path: path.into(), said: error.to_string() }] });
    }
    // A name without a folder would be looked for by the loader, somewhere else.
    match std::path::absolute(path) {
        Ok(absolute) => open_file(&absolute),
        Err(error) => Err(LoadError::Broken { path: path.into(), said: error.to_string() }),
    }
}

#[cfg(not(loadable))]
fn open_file(_: &Path) -> Result<&'static Dlopen, LoadError> {
    Err(LoadError::Impossible)
}

#[cfg(loadable)]
fn open_file(path: &Path) -> Result<&'static Dlopen, LoadError> {
    if cfg!(all(unix, target_feature = "crt-static")) {
        return Err(LoadError::Impossible);
    }
    let broken = |error: libloading::Error| LoadError::Broken { path: path.into(), said: error.to_string() };
    // SAFETY: this runs the library's constructors. The component has none; that the file is the component is what
    // whoever put it in one of the places above answers for, as for the program itself.
    let library = unsafe { libloading::Library::new(path) }.map_err(broken)?;
    // Never unloaded: handles and threads may outlive whatever would hold it.
    let library: &'static libloading::Library = Box::leak(Box::new(library));

    // SAFETY: a library that defines this name defines it as native.h does, in every version.
    let version = unsafe { library.get::<unsafe extern "C" fn() -> u32>("native_abi_version") };
    let Ok(version) = version else {
        return Err(LoadError::Lacks { path: path.into(), symbol: "native_abi_version" });
    };
    // SAFETY: it takes nothing and returns a number.
    let found = unsafe { version() };
    if found != VERSION {
        return Err(LoadError::OtherVersion { path: path.into(), found });
    }
    let heap: &'static crate::ffi::Heap = Box::leak(Box::new(crate::ffi::Heap::new(usize::MAX)));
    // SAFETY: a library of this version has the functions of that header, and is never unloaded.
    let table = unsafe { crate::ffi::FunctionTable::find(heap, library) }
        .map_err(|symbol| LoadError::Lacks { path: path.into(), symbol })?;
    Ok(Box::leak(Box::new(Dlopen { table: Box::leak(Box::new(table)), path: path.into() })))
}

#[cfg(loadable)]
impl crate::ffi::Calls for Dlopen {
    fn name(&self) -> &'static str {
        "dlopen"
    }

    #[inline]
    fn table(&self) -> &'static crate::ffi::FunctionTable {
        self.table
    }
}
