//! Maps paths of this machine to neutral paths in build outputs. A folder that is reached through a link has
//! two paths, and either may end up in a program. Compilers take maps as `from=to`, and some folders cannot
//! be written in this form.

use std::path::{Path, PathBuf};

use super::invocation::CargoContext;
use xtask_compilers::toolchain::{Link, Toolchain};

/// Folders, each with the path that replaces it. If several match, the last one wins, both in rustc and in C
/// compilers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMaps(Vec<(PathBuf, String)>);

/// The maps for a C toolchain, by how they reach the compiler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CMaps {
    /// Options that can be passed in CFLAGS.
    pub words: Vec<String>,
    /// Options that only our wrapper of the compiler can add, because build systems split CFLAGS at white
    /// space.
    pub filtered: Vec<String>,
    /// Folders that no option can express, with the reason.
    pub unmapped: Vec<UnmappedFolder>,
}

/// A folder whose path remains in the output of a C compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedFolder {
    /// The path of the folder.
    pub folder: PathBuf,
    /// Why it cannot be mapped, and how to fix that.
    pub why: String,
}

impl PathMaps {
    /// Returns the maps of a call: Cargo's home, the cache, the workspace, its target folder, and the renamed
    /// folders. There are none if the paths of this machine are kept.
    pub fn of(site: &CargoContext) -> Self {
        if site.keeps_paths {
            return Self(Vec::new());
        }
        let own = [(site.cache, "/cache"), (site.root, "/src"), (site.target_directory, "/target")];
        let home = site.cargo_home.iter().map(|home| (home.as_path(), "/cargo"));
        let renamed = site.renamed.iter().map(|(from, to)| (from.as_path(), to.as_str()));
        Self::new(home.chain(own).chain(renamed))
    }

    fn new<'p>(folders: impl IntoIterator<Item = (&'p Path, &'p str)>) -> Self {
        let mut maps = Vec::new();
        for (folder, name) in folders {
            // Compilers split a map at its last or at its first `=`.
            let name = name.replace('=', "%3D");
            let real = std::fs::canonicalize(folder).ok().filter(|real| real != folder);
            maps.extend(real.map(|real| (real, name.clone())));
            maps.push((folder.to_owned(), name));
        }
        // The innermost folder comes last: a CARGO_HOME inside the workspace, as some CI caches need it, is
        // still `/cargo`. Otherwise the order does not depend on the folders, because caches of compiled files
        // compare arguments. C compilers compare folders as texts.
        let text = |path: &Path| path.as_os_str().as_encoded_bytes().to_owned();
        let texts: Vec<Vec<u8>> = maps.iter().map(|(from, _): &(PathBuf, String)| text(from)).collect();
        let around = |from: &Path| {
            let own = text(from);
            texts.iter().filter(|other| own.starts_with(other) && own.len() > other.len()).count()
        };
        maps.sort_by_cached_key(|(from, to)| (around(from), to.clone()));
        Self(maps)
    }

    /// Returns the maps as flags of rustc, which accepts any folder.
    pub fn rustc(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
    }

    /// Returns the maps as options of a C compiler.
    pub fn c(&self, toolchain: &Toolchain) -> CMaps {
        let mut maps = CMaps::default();
        for (from, to) in &self.0 {
            let text = from.display().to_string();
            let option = format!("-ffile-prefix-map={text}={to}");
            if text.contains('=') && !splits_at_last(toolchain) {
                let why = format!(
                    "`-ffile-prefix-map` of {} cannot contain a path with `=`; move it to a folder without",
                    toolchain.version
                );
                maps.unmapped.push(UnmappedFolder { folder: from.clone(), why });
            } else if text.chars().all(is_plain) && to.chars().all(is_plain) {
                maps.words.push(option);
            } else if toolchain.link.rules().filter.is_some() {
                maps.filtered.push(option);
            } else {
                let why = "build systems split CFLAGS at white space and expand quotes, so that no option there can hold it; \
                           move it to a folder without";
                maps.unmapped.push(UnmappedFolder { folder: from.clone(), why: why.to_owned() });
            }
        }
        maps
    }
}

impl UnmappedFolder {
    /// Returns whether a program contains the path of the folder.
    pub fn is_in(&self, program: &[u8]) -> bool {
        let path = self.folder.as_os_str().as_encoded_bytes();
        program.windows(path.len().max(1)).any(|window| window == path)
    }
}

/// Returns whether a compiler splits a map at its last `=`. gcc has done so since some version before 12.
/// LLVM splits at the first one.
fn splits_at_last(toolchain: &Toolchain) -> bool {
    let major = toolchain
        .version
        .strip_prefix("gcc ")
        .and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    toolchain.link != Link::Zig && major.is_some_and(|major| major >= 12)
}

/// Returns whether a character has no special meaning in CFLAGS for `cc`, CMake, make and shells.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "/._-+=,:@%~^".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_compilers::toolchain::Provider;

    fn toolchain(version: &str, link: Link) -> Toolchain {
        Toolchain {
            provider: Provider::Env,
            version: version.into(),
            id: String::new(),
            driver: PathBuf::new(),
            cc: PathBuf::new(),
            cxx: None,
            ar: None,
            ranlib: None,
            linker: PathBuf::new(),
            link,
        }
    }

    #[test]
    fn a_folder_that_no_option_can_hold_is_left_out_with_its_reason() {
        let maps = PathMaps::new([
            (Path::new("/w/a=1,b"), "/src"),
            (Path::new("/w/c d"), "/out=1"),
            (Path::new("/h"), "/x"),
        ]);
        let rustc: Vec<String> = maps.rustc().collect();
        assert_eq!(rustc[..2], ["--remap-path-prefix=/w/c d=/out%3D1", "--remap-path-prefix=/w/a=1,b=/src"]);
        let of = |version, link| {
            let CMaps { words, filtered, unmapped } = maps.c(&toolchain(version, link));
            (
                words.len(),
                filtered.len(),
                unmapped.into_iter().map(|u| u.folder.display().to_string()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(of("gcc 12.2.0", Link::Driver), (2, 0, vec!["/w/c d".into()]));
        assert_eq!(of("gcc 9.4.0", Link::Driver), (1, 0, vec!["/w/c d".into(), "/w/a=1,b".into()]));
        assert_eq!(of("clang 14.0.6", Link::Driver), (1, 0, vec!["/w/c d".into(), "/w/a=1,b".into()]));
        assert_eq!(of("zig 0.15.2", Link::Zig), (1, 1, vec!["/w/a=1,b".into()]));
    }

    #[test]
    fn the_order_depends_on_what_lies_in_what_alone() {
        let of = |list: &[(&str, &'static str)]| -> String {
            let PathMaps(maps) = PathMaps::new(list.iter().map(|(from, to)| (Path::new(*from), *to)));
            maps.into_iter().map(|(_, to)| to).collect()
        };
        let order = "/cache/cargo/src/target";
        assert_eq!(
            of(&[("/h", "/cargo"), ("/l/o/n/g", "/cache"), ("/w", "/src"), ("/w/t", "/target")]),
            order
        );
        assert_eq!(
            of(&[("/home/me/c", "/cargo"), ("/l", "/cache"), ("/v/w", "/src"), ("/v/w/t", "/target")]),
            order
        );
        // A text that begins another one is around it.
        assert_eq!(of(&[("/w/a-b", "/1"), ("/w/a", "/2"), ("/w", "/3"), ("/x", "/4")]), "/3/4/2/1");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_behind_a_link_is_mapped_under_both_names() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (std::fs::canonicalize(dir.path()).unwrap().join("real"), dir.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let PathMaps(maps) = PathMaps::new([(link.as_path(), "/src")]);
        assert_eq!(
            maps.iter().map(|(from, _)| from.clone()).collect::<std::collections::BTreeSet<_>>(),
            [real, link].into()
        );
    }
}
