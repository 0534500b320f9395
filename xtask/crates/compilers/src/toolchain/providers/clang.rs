//! clang with a sysroot for the target.

use std::path::Path;

use super::{Definition, Finds, Search};
use crate::toolchain::names::llvm_target;
use xtask_process::host::Host;
use xtask_triple::Os;

pub(super) const CLANG: Definition = Definition {
    name: "clang",
    only: None,
    find: Some(find),
    compilers: &["clang", "clang++"],
    supply: |_| None,
};

/// The names of clang. The unversioned name comes first, then the newest version, so that an old clang beside
/// a new one does no harm.
const NAMES: [&str; 13] = [
    "clang", "clang-23", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16",
    "clang-15", "clang-14", "clang-13", "clang-11",
];

/// The folders in which distributions keep the headers of wasi-libc: Debian, wasi-sdk and Arch, Fedora.
const WASI_HEADERS: [&str; 3] = [
    "/usr/include/wasm32-wasi",
    "/usr/share/wasi-sysroot/include/wasm32-wasi",
    "/usr/wasm32-wasi/include/wasm32-wasi",
];

fn find(search: &Search) -> Finds {
    let Search { target, host, .. } = *search;
    let Some(llvm) = llvm_target(target) else { return Finds::default() };
    let missing = |what: String| Finds { candidates: Vec::new(), looked_for: Some(what) };
    let Some(name) = NAMES.into_iter().find(|name| host.program(name).is_some()) else {
        return missing("clang, clang-23 … clang-11 on PATH".into());
    };
    let mut command = format!("{name} --target={llvm}");
    if target.os() == Os::Wasi {
        // clang looks for headers in a folder with the name of the target, and build scripts name another
        // target than distributions. `/usr/include` has headers of this machine.
        let Some(headers) = WASI_HEADERS.iter().find(|dir| Path::new(dir).join("stdio.h").is_file()) else {
            return missing(format!("the headers of wasi-libc in {}", WASI_HEADERS.join(" or ")));
        };
        command = format!("{command} -nostdlibinc -isystem {headers}");
    }
    let mut candidate = search.named(format!("{command}, {name} being on PATH"), &command);
    // The archiver must read the objects of the target. LLVM's archiver reads those of every architecture.
    if *target != host.triple {
        let suffix = name.strip_prefix("clang").unwrap_or("");
        let llvm =
            |tool: &str| llvm_tool(tool, suffix, Path::new(&candidate.cc[0]), host).map(|tool| vec![tool]);
        let (ar, ranlib) = (llvm("ar"), llvm("ranlib"));
        candidate.ar = ar.or(candidate.ar);
        candidate.ranlib = ranlib.or(candidate.ranlib);
    }
    Finds { candidates: vec![candidate], looked_for: None }
}

/// Returns the path of a tool of LLVM: with the suffix of clang on PATH, or beside the program to which the
/// path of clang links.
fn llvm_tool(tool: &str, suffix: &str, clang: &Path, host: &Host) -> Option<String> {
    let beside = || {
        let folder = std::fs::canonicalize(clang).ok()?;
        host.program(&folder.with_file_name(format!("llvm-{tool}")).to_string_lossy())
    };
    let found = host.program(&format!("llvm-{tool}{suffix}")).or_else(beside)?;
    Some(found.to_string_lossy().into_owned())
}
