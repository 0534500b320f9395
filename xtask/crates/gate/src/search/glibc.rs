//! The search of glibc's loader: ld.so(8), and elf/dl-load.c (`_dl_map_object`, `_dl_init_paths`).

use object::elf;

use super::token::{Tokens, folder};
use super::{Asker, cache};
use crate::Object;
use crate::level::Level;
use crate::surroundings::LoaderEnvironment;
use crate::tree::Tree;

/// glibc's loader in one tree.
#[derive(Debug)]
pub(crate) struct GlibcLoader {
    /// The folders that are compiled into the loader.
    folders: Vec<String>,
    /// The value of `$LIB`.
    lib: String,
    platform: Option<&'static str>,
    /// The entries of `/etc/ld.so.cache`, if it exists. `/etc/ld.so.conf` has an effect only through this
    /// cache.
    cache: Vec<cache::LdCacheEntry>,
    /// The folders in `glibc-hwcaps` that all machines can use, the best first.
    levels: Vec<String>,
}

/// The maximum size in bytes of a loader that is searched for folders. A usual one has about 200 KB.
const LOADER_MAX: u64 = 16 << 20;

impl GlibcLoader {
    pub(super) fn read(interpreter: &str, program: &Object, tree: &Tree<'_>, level: Level) -> Self {
        let x86 = elf::Machine(program.machine.0) == elf::EM_X86_64;
        let levels = Level::ALL.into_iter().rev().filter(|l| x86 && *l > Level::V1 && *l <= level);
        let small = tree
            .files()
            .file(interpreter)
            .is_some_and(|(_, c)| c.size().is_ok_and(|size| size <= LOADER_MAX));
        let bytes = if small { tree.text(interpreter).unwrap_or_default() } else { Vec::new() };
        let folders = compiled_in(&bytes).unwrap_or_else(usual);
        let lib = folders.first().map_or("lib", |first| first.trim_start_matches("/usr").trim_matches('/'));
        let cached = tree.text("/etc/ld.so.cache").map(|bytes| cache::parse(&bytes, program.endian));
        Self {
            lib: lib.to_owned(),
            platform: platform(elf::Machine(program.machine.0)),
            cache: cached.unwrap_or_default(),
            levels: levels.map(|level| level.to_string()).collect(),
            folders,
        }
    }

    /// Returns the names in `/etc/ld.so.preload`. They are separated by white space and colons; `#` starts a
    /// comment (elf/rtld.c).
    pub(super) fn preloads(tree: &Tree<'_>) -> Vec<String> {
        let text = tree.text("/etc/ld.so.preload").unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let names = lines.flat_map(|line| line.split([' ', '\t', ':']));
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn candidates(
        &self,
        name: &str,
        chain: &[Asker<'_>],
        around: &LoaderEnvironment,
    ) -> Vec<String> {
        let (Some(asker), Some(program)) = (chain.first(), chain.last()) else { return Vec::new() };
        if name.contains('/') {
            let path = self.tokens(asker.path).expand(name);
            return path.iter().map(|path| around.absolute(path)).collect();
        }
        let mut folders = Vec::new();
        // DT_RPATH of the requesting object and of all above it, unless the requesting object has a
        // DT_RUNPATH. An object with both is treated as if it had no DT_RPATH.
        if asker.object.runpath.is_none() {
            let lists = chain.iter().filter(|above| above.object.runpath.is_none());
            folders.extend(lists.flat_map(|above| self.expand(&above.object.rpath, above.path)));
        }
        // LD_LIBRARY_PATH. Its tokens have the values of the program, and an empty item is the folder in
        // which the program starts.
        if !around.library_path().is_empty() {
            let tokens = self.tokens(program.path);
            let items = around.library_path().split([':', ';']).filter_map(|item| tokens.expand(item));
            folders.extend(items.map(|item| around.absolute(&item)));
        }
        // DT_RUNPATH of the requesting object only.
        if let Some(list) = &asker.object.runpath {
            folders.extend(self.expand(list, asker.path));
        }
        let mut found: Vec<String> = folders.iter().flat_map(|folder| self.at(folder, name)).collect();
        let own = |path: &str| self.folders.iter().any(|folder| path.starts_with(folder.as_str()));
        let cached = self.cache.iter().filter(|entry| entry.name == name && self.counts(entry));
        let cached = cached.filter(|entry| !(asker.object.no_default_folders && own(&entry.path)));
        found.extend(cached.map(|entry| entry.path.clone()));
        if !asker.object.no_default_folders {
            found.extend(self.folders.iter().flat_map(|folder| self.at(folder, name)));
        }
        found
    }

    /// Returns the paths in one folder: those for higher processor levels first.
    fn at(&self, folder: &str, name: &str) -> Vec<String> {
        let folder = folder.trim_end_matches('/');
        let better = self.levels.iter().map(|level| format!("{folder}/glibc-hwcaps/{level}/{name}"));
        better.chain([format!("{folder}/{name}")]).collect()
    }

    /// Whether all machines can use an entry of the cache.
    fn counts(&self, entry: &cache::LdCacheEntry) -> bool {
        match entry.path.split_once("/glibc-hwcaps/") {
            Some((_, rest)) => self.levels.iter().any(|level| rest.split('/').next() == Some(level)),
            None => entry.hwcap == 0,
        }
    }

    /// Returns the token values for an object that was opened by this path.
    fn tokens<'a>(&'a self, path: &'a str) -> Tokens<'a> {
        Tokens { origin: folder(path), lib: &self.lib, platform: self.platform }
    }

    fn expand(&self, list: &[String], path: &str) -> Vec<String> {
        let tokens = self.tokens(path);
        // A relative folder depends on the folder in which the program is started, which is not known.
        list.iter()
            .filter_map(|folder| tokens.expand(folder))
            .filter(|folder| folder.starts_with('/'))
            .collect()
    }
}

/// Returns the folders that were compiled into a loader: the first of the longest sequences of strings that
/// begin and end with `/`. On Debian these are `/lib/x86_64-linux-gnu/`, `/usr/lib/x86_64-linux-gnu/`,
/// `/lib/` and `/usr/lib/`, on Fedora `/lib64/` and `/usr/lib64/` (elf/dl-load.c, `system_dirs`).
fn compiled_in(loader: &[u8]) -> Option<Vec<String>> {
    let (mut best, mut row): (Vec<&[u8]>, Vec<&[u8]>) = (Vec::new(), Vec::new());
    for string in loader.split(|byte| *byte == 0) {
        if matches!(string, [b'/', .., b'/']) {
            row.push(string);
            continue;
        }
        if row.len() > best.len() {
            best.clone_from(&row);
        }
        row.clear();
    }
    let folders: Option<Vec<String>> = best.iter().map(|f| String::from_utf8(f.to_vec()).ok()).collect();
    folders.filter(|folders| !folders.is_empty())
}

/// Returns the default folders of glibc's own build, for a loader that cannot be read.
fn usual() -> Vec<String> {
    ["/lib64/", "/usr/lib64/", "/lib/", "/usr/lib/"].map(str::to_owned).to_vec()
}

/// Returns the value of `$PLATFORM`: `AT_PLATFORM`, as Linux sets it (`ELF_PLATFORM` in
/// arch/*/include/asm/elf.h). On x86-64 it is not known, because glibc before 2.37 uses the name of a
/// processor.
fn platform(machine: elf::Machine) -> Option<&'static str> {
    (machine == elf::EM_AARCH64).then_some("aarch64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_the_longest_row_of_strings() {
        let loader = b"/\0x/\0/proc/\0junk\0/lib/x/\0/usr/lib/x/\0/lib/\0\0/a/\0/b/\0";
        assert_eq!(compiled_in(loader).unwrap(), ["/lib/x/", "/usr/lib/x/", "/lib/"]);
        assert_eq!(compiled_in(b"nothing\0here"), None);
    }
}
