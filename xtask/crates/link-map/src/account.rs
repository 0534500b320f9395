//! Holds every input of a link against what a program of Rust is made of: what rustc made, Rust's std, and the C library with
//! the runtime of the toolchain. The rest is foreign. Pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::record::{LinkRecord, LinkedFile, LinkedObject};
use super::shared::SharedLibrary;

/// Where the bytes of a program come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkAccount {
    /// The bytes that rustc made of the program's packages.
    pub rust: u64,
    /// The bytes of Rust's std.
    pub std: u64,
    /// The bytes of the C library, of start files and of the runtime of the compiler, which no package asks for.
    pub c_library: u64,
    /// The files with code or data that are none of these.
    pub foreign: Vec<ForeignFile>,
    /// The shared libraries that the program runs and that belong to no C library and were not made by rustc.
    pub shared: Vec<ForeignLibrary>,
}

/// A file with objects that are in a program and that rustc did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignFile {
    /// The path of the object, or of the archive.
    pub path: PathBuf,
    /// The objects, those of the archive by their names.
    pub objects: Vec<LinkedObject>,
}

/// A shared library that a program names and that rustc did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignLibrary {
    /// The name by which the program asks for it.
    pub name: String,
    /// The library that was linked against, where its place is known.
    pub found: Option<SharedLibrary>,
}

impl ForeignFile {
    /// How many bytes of code and data it gave.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().fold(0, |sum, object| sum.saturating_add(object.bytes))
    }

    /// How its compilers signed; empty where an assembler made all of it, or where it could not be read.
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
    /// Makes the account of a link. `std` are the folders of the std that was linked.
    pub fn of(record: &LinkRecord, std: &[PathBuf]) -> Self {
        let mut account = Self::default();
        for file in &record.files {
            let place = place(record, file, std);
            let mut foreign = Vec::new();
            for object in &file.objects {
                let sum = match place {
                    Some(TrustedPlace::Std) => &mut account.std,
                    Some(TrustedPlace::CLibrary) => &mut account.c_library,
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

    /// Whether all of the program is Rust, but for the C library.
    pub fn is_pure(&self) -> bool {
        self.foreign.is_empty() && self.shared.is_empty()
    }

    /// How many bytes of the program are foreign.
    pub fn foreign_bytes(&self) -> u64 {
        self.foreign.iter().fold(0, |sum, file| sum.saturating_add(file.bytes()))
    }
}

/// A place that every program is linked from.
#[derive(Clone, Copy)]
enum TrustedPlace {
    Std,
    CLibrary,
}

fn place(record: &LinkRecord, file: &LinkedFile, std: &[PathBuf]) -> Option<TrustedPlace> {
    if std.iter().any(|folder| file.path.starts_with(folder)) {
        // The folder that rustup's stds for musl bring, with the C library.
        let own = file.path.parent().and_then(Path::file_name).is_some_and(|name| name == "self-contained");
        return Some(if own { TrustedPlace::CLibrary } else { TrustedPlace::Std });
    }
    is_runtime(record, &file.path).then_some(TrustedPlace::CLibrary)
}

/// Whether a file belongs to the C library or to the runtime of the compiler: it has such a name, nobody named its path, and
/// it does not lie in a folder that somebody had searched, unless a start file came from there as well.
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

/// The objects with which a driver begins and ends every program: of the C library, of gcc and of LLVM.
fn is_start_file(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["crt0.o", "crt1.o", "Scrt1.o", "rcrt1.o", "gcrt1.o", "grcrt1.o", "crti.o", "crtn.o"];
    let parts = ["crtbegin", "crtend", "clang_rt.crtbegin", "clang_rt.crtend", "crtfastmath"];
    NAMES.contains(&name) || (name.ends_with(".o") && parts.iter().any(|part| name.starts_with(part)))
}

/// The archives of C libraries, and those with what compilers call by themselves.
fn is_runtime_archive(name: &str) -> bool {
    const NAMES: [&str; 18] = [
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
    ];
    let Some(name) = name.strip_prefix("lib").and_then(|name| name.strip_suffix(".a")) else { return false };
    // glibc's libm.a is a script that names `libm-2.36.a`.
    NAMES.contains(&name) || name.starts_with("clang_rt.builtins") || name.starts_with("m-2.")
}

/// The shared libraries that a program names and that are neither a C library's nor rustc's.
fn shared(record: &LinkRecord) -> Vec<ForeignLibrary> {
    // A library that was named by its path and has no name of its own is asked for by that path.
    let is = |library: &SharedLibrary, name: &str| library.name == name || library.path == Path::new(name);
    let found = |name: &String| record.shared.iter().find(|library| is(library, name)).cloned();
    let foreign = |name: &String| {
        let found = found(name);
        // The start files of the toolchain sign, too, in every library.
        let rust =
            found.as_ref().is_some_and(|found| found.notes.makers.iter().any(|maker| super::is_rustc(maker)));
        (!rust && !is_system_library(name)).then(|| ForeignLibrary { name: name.clone(), found })
    };
    record.needed.iter().filter_map(foreign).collect()
}

/// The shared libraries of glibc, of musl and of gcc's runtime, by the beginnings of their names.
fn is_system_library(name: &str) -> bool {
    const NAMES: [&str; 15] = [
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
    ];
    NAMES.iter().any(|known| name.starts_with(known)) || name.starts_with("ld.so")
}
