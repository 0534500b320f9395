//! Divides the inputs of a link by their origin: objects of rustc, Rust's std, and the C library with the
//! toolchain's runtime. All other inputs are foreign. This module is pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::pe::is_windows_library;
use super::record::{LinkRecord, LinkedFile, LinkedObject};
use super::shared::SharedLibrary;

/// The origins of the bytes of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkAccount {
    /// The bytes that rustc compiled from the program's packages.
    pub rust: u64,
    /// The bytes of Rust's std.
    pub std: u64,
    /// The bytes of the C library, of start files and of the compiler's runtime. No package requests these.
    pub c_library: u64,
    /// The files whose code or data has none of these origins.
    pub foreign: Vec<ForeignFile>,
    /// The shared libraries that the program loads, except those of the C library and those that rustc made.
    pub shared: Vec<ForeignLibrary>,
}

/// A file whose objects are in a program although rustc did not make them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignFile {
    /// The path of the object, or of the archive.
    pub path: PathBuf,
    /// The objects. Those of an archive are given by their names.
    pub objects: Vec<LinkedObject>,
}

/// A shared library that a program needs and that rustc did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignLibrary {
    /// The name under which the program needs it.
    pub name: String,
    /// The library that was linked against, if its path is known.
    pub found: Option<SharedLibrary>,
}

impl ForeignFile {
    /// Returns the number of bytes of code and data from this file.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().fold(0, |sum, object| sum.saturating_add(object.bytes))
    }

    /// Returns the compilers that the objects name. The set is empty if an assembler made all of them, or if
    /// they could not be read.
    pub fn makers(&self) -> BTreeSet<&str> {
        self.objects
            .iter()
            .flat_map(|object| &object.notes)
            .flat_map(|notes| &notes.makers)
            .map(String::as_str)
            .collect()
    }
}

impl LinkAccount {
    /// Makes the account of a link. `std` holds the folders of the std that was linked.
    pub fn of(record: &LinkRecord, std: &[PathBuf]) -> Self {
        let mut account = Self::default();
        for file in &record.files {
            let place = place(record, file, std);
            let mut foreign = Vec::new();
            for object in &file.objects {
                let sum = match place {
                    Some(TrustedPlace::Std) => &mut account.std,
                    Some(TrustedPlace::CLibrary) => &mut account.c_library,
                    // The code of the function is in the DLL, which is among the shared libraries.
                    None if object.notes.as_ref().is_some_and(|notes| notes.import) => &mut account.c_library,
                    None if object.notes.as_ref().is_some_and(super::ObjectNotes::is_rust) => {
                        &mut account.rust
                    }
                    None => {
                        foreign.push(object.clone());
                        continue;
                    }
                };
                *sum = sum.saturating_add(object.bytes);
            }
            if !foreign.is_empty() {
                account.foreign.push(ForeignFile { path: file.path.clone(), objects: foreign });
            }
        }
        account.shared = shared(record);
        account
    }

    /// Whether all of the program is Rust, except for the C library.
    pub fn is_pure(&self) -> bool {
        self.foreign.is_empty() && self.shared.is_empty()
    }

    /// Returns the number of foreign bytes in the program.
    pub fn foreign_bytes(&self) -> u64 {
        self.foreign.iter().fold(0, |sum, file| sum.saturating_add(file.bytes()))
    }
}

/// An origin that every program may have.
#[derive(Clone, Copy)]
enum TrustedPlace {
    Std,
    CLibrary,
}

fn place(record: &LinkRecord, file: &LinkedFile, std: &[PathBuf]) -> Option<TrustedPlace> {
    if std.iter().any(|folder| file.path.starts_with(folder)) {
        // In rustup's stds for musl, this folder contains the C library.
        let own = file.path.parent().and_then(Path::file_name).is_some_and(|name| name == "self-contained");
        return Some(if own { TrustedPlace::CLibrary } else { TrustedPlace::Std });
    }
    is_runtime(record, &file.path).then_some(TrustedPlace::CLibrary)
}

/// Whether a file belongs to the C library or to the compiler's runtime. It must have a name of such a file,
/// and its path must not be an argument of the link. It must not lie in a folder that the arguments name,
/// unless a start file also came from there.
fn is_runtime(record: &LinkRecord, path: &Path) -> bool {
    let name = file_name(path);
    if !(is_start_file(name) || is_runtime_archive(name))
        || record.given.files.iter().any(|file| file == path)
    {
        return false;
    }
    let folder = path.parent();
    let searched = record.given.folders.iter().any(|given| Some(given.as_path()) == folder);
    let starts = |file: &LinkedFile| {
        is_start_file(file_name(&file.path))
            && file.path.parent() == folder
            && !record.given.files.contains(&file.path)
    };
    !searched || record.files.iter().any(starts)
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Whether a file is an object with which a driver begins or ends every program, of the C library, of gcc or
/// of LLVM.
fn is_start_file(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "crt0.o",
        "crt1.o",
        "Scrt1.o",
        "rcrt1.o",
        "gcrt1.o",
        "grcrt1.o",
        "crti.o",
        "crtn.o",
        // Of MinGW-w64, and the same in zig.
        "crt2.o",
        "crt2u.o",
        "crt2.obj",
        "crt2u.obj",
    ];
    let parts = ["crtbegin", "crtend", "clang_rt.crtbegin", "clang_rt.crtend", "crtfastmath"];
    NAMES.contains(&name) || (name.ends_with(".o") && parts.iter().any(|part| name.starts_with(part)))
}

/// Whether a file is an archive of a C library, or of functions that compilers call implicitly.
fn is_runtime_archive(name: &str) -> bool {
    const NAMES: [&str; 23] = [
        "c",
        "c_nonshared",
        "m",
        "mvec",
        "pthread",
        "pthread_nonshared",
        "rt",
        "dl",
        "util",
        "resolv",
        "gcc",
        "gcc_eh",
        "unwind",
        "atomic",
        "ssp_nonshared",
        "compiler_rt",
        "ubsan_rt",
        "zigc",
        // Of MinGW-w64.
        "mingw32",
        "mingwex",
        "moldname",
        "msvcrt",
        "ucrt",
    ];
    // zig's archives for Windows have the other ending, with and without the prefix.
    let of_windows = || name.strip_suffix(".lib").map(|name| name.strip_prefix("lib").unwrap_or(name));
    let of_unix = name.strip_prefix("lib").and_then(|name| name.strip_suffix(".a"));
    let Some(name) = of_unix.or_else(of_windows) else { return false };
    // glibc's libm.a is a linker script that names `libm-2.36.a`.
    NAMES.contains(&name) || name.starts_with("clang_rt.builtins") || name.starts_with("m-2.")
}

/// Returns the shared libraries that a program needs, except those of a C library and those that rustc made.
fn shared(record: &LinkRecord) -> Vec<ForeignLibrary> {
    // A library that was linked by its path and has no soname is needed under that path.
    let is = |library: &SharedLibrary, name: &str| library.name == name || library.path == Path::new(name);
    let found = |name: &String| record.shared.iter().find(|library| is(library, name)).cloned();
    let foreign = |name: &String| {
        let found = found(name);
        // Every library also contains the compiler names of the toolchain's start files.
        let rust =
            found.as_ref().is_some_and(|found| found.notes.makers.iter().any(|maker| super::is_rustc(maker)));
        (!rust && !is_system_library(name)).then(|| ForeignLibrary { name: name.clone(), found })
    };
    record.needed.iter().filter_map(foreign).collect()
}

/// Whether a name is that of a shared library of glibc, of musl, of gcc's runtime, of macOS or of Windows. Only the
/// beginning is compared. macOS has its libraries in two folders, and its system calls only in them. Windows has its own
/// in DLLs.
fn is_system_library(name: &str) -> bool {
    const NAMES: [&str; 18] = [
        "libc.so",
        "libc.musl-",
        "libm.so",
        "libmvec.so",
        "libpthread.so",
        "libdl.so",
        "librt.so",
        "libutil.so",
        "libresolv.so",
        "libgcc_s.so",
        "libatomic.so",
        "libunwind.so",
        "ld-linux",
        "ld-musl",
        "ld64.so",
        "libgcc_s_",
        "libunwind.dll",
        "libwinpthread-",
    ];
    let of_macos =
        name.starts_with("/System/Library/") || name.starts_with("/usr/lib/") && name.ends_with(".dylib");
    of_macos
        || is_windows_library(name)
        || NAMES.iter().any(|known| name.starts_with(known))
        || name.starts_with("ld.so")
}
