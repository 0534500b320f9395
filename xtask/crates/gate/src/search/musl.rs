//! The search of musl's loader: `load_library`, `path_open` and `fixup_rpath` in ldso/dynlink.c.

use super::Asker;
use super::token::folder;
use crate::surroundings::LoaderEnvironment;
use crate::tree::Tree;

/// After `lib`, these names refer to the loader itself, because it is the whole C library.
const ITSELF: [&str; 7] = ["c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."];

/// The folders that the loader searches if no file changes them.
const DEFAULT: &str = "/lib:/usr/local/lib:/usr/lib";

/// musl's loader in one tree, with the folders that it searches.
#[derive(Debug)]
pub(crate) struct Musl {
    folders: Vec<String>,
}

impl Musl {
    /// Reads `/etc/ld-musl-<arch>.path`, which replaces the default folders. Like the loader, it searches
    /// this file in the folder two levels above the interpreter.
    pub(super) fn read(interpreter: &str, tree: &Tree<'_>) -> Self {
        let prefix = folder(folder(interpreter));
        let name = interpreter.rsplit('/').next().unwrap_or_default();
        let arch =
            name.strip_prefix("ld-musl-").and_then(|rest| rest.split(".so").next()).unwrap_or_default();
        let list = tree.text(&format!("{prefix}/etc/ld-musl-{arch}.path"));
        let list = list.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let list = list.as_deref().unwrap_or(DEFAULT);
        Self { folders: list.split([':', '\n']).filter(|f| !f.is_empty()).map(str::to_owned).collect() }
    }

    pub(super) fn is_itself(name: &str) -> bool {
        name.strip_prefix("lib").is_some_and(|rest| ITSELF.iter().any(|own| rest.starts_with(own)))
    }

    /// Returns the paths in the folders of `LD_LIBRARY_PATH`, in which tokens have no meaning. Then come the
    /// search paths of the requesting object and of all above it, with no difference between `DT_RUNPATH` and
    /// `DT_RPATH`. Last come the default folders.
    pub(super) fn candidates(
        &self,
        name: &str,
        chain: &[Asker<'_>],
        around: &LoaderEnvironment,
    ) -> Vec<String> {
        let given = around.library_path().split([':', '\n']).filter(|item| !item.is_empty());
        let given = given.map(|item| around.absolute(item));
        let own = chain.iter().flat_map(|asker| {
            let object = asker.object;
            let list = object.runpath.as_ref().unwrap_or(&object.rpath);
            // One unknown token makes the loader ignore the whole list.
            let known =
                list.iter().all(|path| !path.replace("${ORIGIN}", "").replace("$ORIGIN", "").contains('$'));
            let origin = folder(asker.path);
            let list: &[String] = if known { list } else { &[] };
            list.iter().map(move |path| path.replace("${ORIGIN}", origin).replace("$ORIGIN", origin))
        });
        let all =
            given.chain(own).chain(self.folders.iter().cloned()).filter(|folder| folder.starts_with('/'));
        all.map(|folder| format!("{}/{name}", folder.trim_end_matches('/'))).collect()
    }
}
