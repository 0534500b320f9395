//! Finds the shared libraries that a program needs and that lie in folders of its build. Cargo, build
//! scripts, packages and the workspace bring such libraries.

use std::path::{Path, PathBuf};

use crate::cargo::invocation::{CargoContext, flags};
use crate::record::BuiltProgram;
use xtask_gate::{Facts, PrivateLibrary};

/// Returns the libraries of a program that lie in folders that only the linker of this build searches: in the
/// build folder, in the workspace or among the sources of packages. Libraries of the system are left out.
pub(super) fn private_libraries(
    facts: &Facts,
    built: &BuiltProgram,
    site: &CargoContext,
) -> Vec<PrivateLibrary> {
    let folders = folders(built, site);
    let find = |name: &String| {
        let path = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())?;
        Some(PrivateLibrary { name: name.clone(), path })
    };
    facts.needed.iter().filter(|name| !name.contains('/')).filter_map(find).collect()
}

/// Returns the folders that were passed to the linker and that belong to the build.
fn folders(built: &BuiltProgram, site: &CargoContext) -> Vec<PathBuf> {
    let made = built.program.parent().unwrap_or(Path::new(""));
    let scripts = built.scripts.iter().flat_map(|script| script.linked_paths.iter().map(String::as_str));
    let flags = flags(&built.job, site);
    let told = scripts.map(str::to_owned).chain(search_paths(&flags)).map(|path| {
        let path = path.split_once('=').map_or(path.as_str(), |(_, path)| path);
        site.root.join(path)
    });
    let own = [made, site.root, site.target_directory];
    let own: Vec<&Path> = own.into_iter().chain(site.cargo_home.as_deref()).collect();
    let told = told.filter(|path| own.iter().any(|own| path.starts_with(own)));
    [made.join("deps"), made.to_owned()].into_iter().chain(told).collect()
}

/// Returns the values of `-L` in a list of flags.
fn search_paths(flags: &[String]) -> Vec<String> {
    let before = std::iter::once("").chain(flags.iter().map(String::as_str));
    let value = |(before, flag): (&str, &String)| match before {
        "-L" => Some(flag.clone()),
        _ => flag.strip_prefix("-L").filter(|path| !path.is_empty()).map(str::to_owned),
    };
    before.zip(flags).filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::search_paths;

    #[test]
    fn folders_of_flags_in_both_spellings() {
        let flags = ["-Lnative=a", "-L", "all=b", "-Copt-level=3", "-Lc"].map(str::to_owned);
        assert_eq!(search_paths(&flags), ["native=a", "all=b", "c"]);
    }
}
