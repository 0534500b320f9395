//! Lists the file names of the shared libraries that programs of this machine can load. Some build scripts
//! load such libraries.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xtask_process::host::Host;

/// Returns the names of the files in the library folders: those of `LD_LIBRARY_PATH`, those of the system,
/// and the folders one and two levels below `/usr/lib`. Distributions keep libraries of architectures
/// (`x86_64-linux-gnu`) and of LLVM (`llvm-19/lib`) there.
pub fn host_libraries(host: &Host) -> BTreeSet<String> {
    let named = host.var_os("LD_LIBRARY_PATH").map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>());
    let fixed = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let llvm = ["/usr/lib/llvm", "/usr/lib64/llvm"].map(PathBuf::from);
    let below = entries(Path::new("/usr/lib")).into_iter().filter(|path| path.is_dir());
    let below = below.flat_map(|path| [path.join("lib"), path]);
    let folders = named.into_iter().flatten().chain(fixed).chain(llvm).chain(below);
    let files = folders.flat_map(|folder| entries(&folder));
    let names = files.filter_map(|file| Some(file.file_name()?.to_str()?.to_owned()));
    names.filter(|name| name.contains(".so")).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_c_library_is_found() {
        let host = Host::read(xtask_triple::Triple::parse("x86_64-unknown-linux-gnu"));
        let found = host_libraries(&host);
        assert!(found.iter().any(|name| name.starts_with("libc.so")), "{found:?}");
        assert!(!found.iter().any(|name| name.starts_with("libdoes-not-exist")));
    }
}
