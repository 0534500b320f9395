//! Masks: traps that are mounted over the compilers themselves. A cargo call gets its own view of the file
//! system, in which every C compiler in the usual folders is a trap. So an absolute path reaches a trap, as a
//! name does. A trap passes a call on to the real compiler through a second, read-only view of the root.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::TRAP;
use crate::compile_cache::{SCCACHE, front_script};
use xtask_compilers::toolchain::compilers::{compiles_c, is_archiver_or_driver};
use xtask_compilers::toolchain::wrapper::executable;
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_process::host::{self, Host};

/// The name of the folder that shows the whole file system without masks.
const VIEW: &str = "beyond";

/// The kind of a trap that is mounted over a compiler.
pub(super) const MASK: &str = "mask";

/// Folders that hold compilers, on PATH or not, and folders whose subfolders have a `bin` with compilers.
const FOLDERS: [&str; 5] = ["/usr/local/bin", "/usr/bin", "/bin", "/opt/bin", "/usr/lib/ccache"];
const PREFIXES: [&str; 3] = ["/usr/lib", "/usr/local", "/opt"];

/// The time limit for a test of the masks.
const TRIAL: Duration = Duration::from_secs(15);

/// Makes the second view, mounts the masks and executes the command. `$1` is the second view, `$2` the number
/// of masks. Each mask follows with the file over which it is mounted. The second view is read-only, because
/// it lies in a folder that may be removed with its contents.
const MOUNT: &str = r#"
set -e
beyond=$1 masks=$2
shift 2
mount --bind / "$beyond"
mount -o remount,bind,ro "$beyond"
while [ "$masks" -gt 0 ]; do
    mount --bind "$1" "$2"
    shift 2
    masks=$((masks - 1))
done
exec "$@"
"#;

/// Checks that each mask is mounted and that its compiler can be reached in the second view, read-only. The
/// arguments are groups of three: mask, compiler, compiler in the second view.
const CHECK: &str = r#"
while [ $# -gt 0 ]; do
    [ "$1" -ef "$2" ] && [ -x "$3" ] && ! [ "$3" -ef "$1" ] && ! (: >>"$3") 2>/dev/null || exit 1
    shift 3
done
"#;

/// Compilers and the masks mounted over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masks {
    way: MaskWay,
    /// The folder of the second view of the root.
    beyond: PathBuf,
    /// Each compiler with its mask.
    over: BTreeMap<PathBuf, PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum MaskWay {
    /// `unshare`, as root of this machine.
    Root(PathBuf),
    /// bubblewrap (`bwrap`), in a user namespace.
    Bubblewrap(PathBuf),
}

impl Masks {
    /// Writes the masks below `dir` and tests them. Beside the compilers in the usual folders, `compilers` are
    /// masked, and `cache`, the program of the compile cache. Returns none if there is no compiler, or no way to mount the masks here.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn set(
        dir: &Path,
        host: &Host,
        compilers: &BTreeSet<PathBuf>,
        cache: Option<&Path>,
        this: &Path,
    ) -> Result<Option<Self>> {
        let beyond = dir.join(VIEW);
        std::fs::create_dir_all(&beyond).map_err(|e| Error::io("cannot make the folder", &beyond, &e))?;
        let mut over = BTreeMap::new();
        let own = compilers.iter().filter_map(|path| std::fs::canonicalize(path).ok());
        let own = own.filter(|path| path.is_file());
        for compiler in usual_compilers(&folders(host)).into_iter().chain(own) {
            let mask = dir.join("masks").join(file_name(&compiler));
            let mut words = Cmd::new(this).args([TRAP, MASK]).arg(&beyond);
            words = words.arg(&compiler);
            // The name by which it is called shows whether it compiles C or C++.
            executable(&mask, &format!("#!/bin/sh\nexec {} \"$0\" \"$@\"\n", words.line()))?;
            over.insert(compiler, mask);
        }
        // Its server lives outside of this view, and would reach the compilers behind the masks.
        let caches = folders(host).into_iter().map(|dir| dir.join(SCCACHE)).chain(cache.map(Path::to_owned));
        let caches = caches.filter_map(|file| std::fs::canonicalize(file).ok());
        for sccache in caches.filter(|file| file.is_file()) {
            let mask = dir.join("masks").join(file_name(&sccache));
            executable(&mask, &front_script(this, &self::beyond(&beyond, &sccache), true))?;
            over.insert(sccache, mask);
        }
        if over.is_empty() {
            return Ok(None);
        }
        let ways = [
            host.program("unshare").filter(|_| host::is_root()).map(MaskWay::Root),
            host.program("bwrap").map(MaskWay::Bubblewrap),
        ];
        let all =
            ways.into_iter().flatten().map(|way| Self { way, beyond: beyond.clone(), over: over.clone() });
        Ok(all.into_iter().find(Self::works))
    }

    /// Returns the number of masked compilers.
    pub fn count(&self) -> usize {
        self.over.len()
    }

    /// Returns whether files of other users appear with the owner `nobody`. ssh, for example, rejects such
    /// files.
    pub fn hides_owners(&self) -> bool {
        matches!(self.way, MaskWay::Bubblewrap(_))
    }

    /// Wraps the command so that it runs in a view of the file system with masks over compilers.
    pub fn around(&self, cmd: &Cmd) -> Cmd {
        let outer = match &self.way {
            MaskWay::Root(unshare) => {
                let count = self.over.len().to_string();
                let outer =
                    Cmd::new(unshare).args(["--mount", "--propagation", "private", "/bin/sh", "-c", MOUNT]);
                let outer = outer.arg("sh").arg(&self.beyond).arg(count);
                self.over.iter().fold(outer, |outer, (compiler, mask)| outer.arg(mask).arg(compiler))
            }
            MaskWay::Bubblewrap(bwrap) => {
                let outer =
                    Cmd::new(bwrap).args(["--dev-bind", "/", "/", "--ro-bind", "/"]).arg(&self.beyond);
                let bind = |outer: Cmd, (compiler, mask): (&PathBuf, &PathBuf)| {
                    outer.arg("--ro-bind").arg(mask).arg(compiler)
                };
                self.over.iter().fold(outer, bind).arg("--")
            }
        };
        cmd.behind(outer)
    }

    fn works(&self) -> bool {
        let check = Cmd::new("/bin/sh").args(["-c", CHECK, "sh"]);
        let each = |check: Cmd, (compiler, mask): (&PathBuf, &PathBuf)| {
            check.arg(mask).arg(compiler).arg(beyond(&self.beyond, compiler))
        };
        let check = self.over.iter().fold(check, each);
        self.around(&check).capture(TRIAL).is_ok_and(|output| output.ok())
    }
}

/// Returns the name of the mask over a file.
fn file_name(masked: &Path) -> String {
    masked.to_string_lossy().trim_matches('/').replace('/', "+")
}

/// Returns the path of a file on this machine. A compiler behind the masks names its own files by the view of
/// the file system that it was started in, which exists only during the build.
pub fn outside_view(path: &Path) -> PathBuf {
    let parts: Vec<_> = path.components().collect();
    let at = parts.iter().rposition(|part| part.as_os_str() == VIEW);
    let inside = at.map(|at| Path::new("/").join(parts[at + 1..].iter().collect::<PathBuf>()));
    inside.filter(|_| !path.exists()).unwrap_or_else(|| path.to_owned())
}

/// Returns the path in the second view for a path of this machine.
pub(super) fn beyond(view: &Path, path: &Path) -> PathBuf {
    view.join(path.strip_prefix("/").unwrap_or(path))
}

/// Returns the program to which a mask passes its call: the compiler in the second view. If the called name
/// leads to the same compiler there, it is used. A link with an absolute path would lead back to the mask.
pub(super) fn real(view: &Path, compiler: &Path, called: &Path) -> PathBuf {
    let compiler = beyond(view, compiler);
    let own = compiler.parent().zip(called.file_name()).map(|(folder, name)| folder.join(name));
    let leads = |path: &PathBuf| std::fs::canonicalize(path).is_ok_and(|real| real == compiler);
    own.filter(leads).unwrap_or(compiler)
}

fn folders(host: &Host) -> BTreeSet<PathBuf> {
    let below = |prefix: &&str| std::fs::read_dir(prefix).into_iter().flatten().flatten();
    let bins = PREFIXES.iter().flat_map(below).map(|entry| entry.path().join("bin"));
    host.path().iter().cloned().chain(FOLDERS.map(PathBuf::from)).chain(bins).collect()
}

/// Finds the files that are C compilers both by their own name and by the name under which they are found. A
/// program that is a compiler only by a link's name, such as ccache, starts one of these.
fn usual_compilers(folders: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let compiler = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        compiles_c(&name) && !is_archiver_or_driver(&name)
    };
    let entries = folders.iter().flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten());
    let named = entries.filter(|entry| compiler(&entry.file_name()));
    let files = named.filter_map(|entry| std::fs::canonicalize(entry.path()).ok());
    files.filter(|file| file.is_file() && file.file_name().is_some_and(compiler)).collect()
}
