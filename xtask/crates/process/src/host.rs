//! The facts about this machine that are read once: variables and PATH. Code that decides gets them as an
//! argument, so that tests need not change the environment of the process.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::exec::Cmd;
use xtask_files::error::{Error, Result};
use xtask_triple::Triple;

mod paths;
mod shell;

use shell::ShellRecord;

/// The variables that are read with [`Host::var`], except those whose names contain a target ([`TOOLS`]). The
/// proxy variables may also be in lower case.
pub const READ: [&str; 44] = [
    "ALL_PROXY",
    "CARGO_BUILD_JOBS",
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CONTAINER_CONNECTION",
    "CONTAINER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "GITHUB_ACTIONS",
    "GITHUB_STEP_SUMMARY",
    "GITLAB_CI",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LOCALAPPDATA",
    "MACOSX_DEPLOYMENT_TARGET",
    "NO_PROXY",
    "REGISTRY_AUTH_FILE",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_TOOLCHAIN_SOURCE",
    "SDKROOT",
    "SOURCE_DATE_EPOCH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "USERPROFILE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "XTASK_CACHE_DIR",
    "XTASK_PLAIN_HTTP",
    "XTASK_REGISTRY",
    "XTASK_REGISTRY_PASSWORD",
    "XTASK_REGISTRY_USER",
    "XTASK_UPLOAD_CHUNK",
];

/// The names of the variables for C tools and their flags. They stand alone, after `TARGET_` and `HOST_`, and
/// before `_<triple>`.
pub const TOOLS: [&str; 6] = ["CC", "CXX", "AR", "RANLIB", "CFLAGS", "CXXFLAGS"];

/// A snapshot of the environment.
#[derive(Debug, Clone)]
pub struct Host {
    /// The triple of the machine that builds (rustc's `host`).
    pub triple: Triple,
    vars: BTreeMap<OsString, OsString>,
    /// The variables whose values in [`Host::vars`] differ from those of this process: those with relative
    /// paths, resolved in the folder in which this program was started, and those that `cargo xtask env` set.
    differing: BTreeMap<OsString, Option<OsString>>,
    /// What `cargo xtask env` set in the shell that started this program.
    shell: ShellRecord,
    /// The origin of each variable that does not come from the environment.
    origins: BTreeMap<OsString, String>,
    path: Vec<PathBuf>,
    /// The PATH of the programs that Cargo starts, if it differs.
    build_path: Option<Vec<PathBuf>>,
}

/// The result of a search on PATH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathLookup {
    /// A file that can be executed.
    Program(PathBuf),
    /// A file with this name that cannot be executed.
    NotExecutable(PathBuf),
    /// No file with this name.
    Nothing,
}

impl Host {
    /// Makes the snapshot of this process.
    pub fn read(triple: Triple) -> Self {
        // A service or a container may have no HOME. Then the home folder comes from the password database,
        // as in Cargo.
        let home = std::env::home_dir().filter(|_| cfg!(unix) && std::env::var_os("HOME").is_none());
        let vars = std::env::vars_os().chain(home.map(|home| ("HOME".into(), home.into())));
        let mut vars: BTreeMap<_, _> = vars.collect();
        let (shell, mut differing) = ShellRecord::undo(&mut vars);
        let resolved = std::env::current_dir().map(|dir| paths::resolved(&vars, &dir)).unwrap_or_default();
        differing.extend(resolved.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
        vars.extend(resolved);
        Self { differing, shell, ..Self::new(triple, vars) }
    }

    /// Makes a host with only these variables.
    pub fn new(triple: Triple, vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let vars: BTreeMap<_, _> = vars.into_iter().collect();
        let path =
            vars.get(OsStr::new("PATH")).map(|p| std::env::split_paths(p).collect()).unwrap_or_default();
        Self {
            triple,
            vars,
            differing: BTreeMap::new(),
            shell: ShellRecord::default(),
            origins: BTreeMap::new(),
            path,
            build_path: None,
        }
    }

    /// Prepares a command for the folder `dir`. Variables with relative paths are replaced by their resolved
    /// values, because they would mean another path in `dir`. Variables that `cargo xtask env` set get the
    /// values that they had before.
    #[must_use]
    pub fn settled(&self, cmd: Cmd, dir: &Path) -> Cmd {
        let mut cmd = cmd.cwd(dir);
        for (key, value) in &self.differing {
            cmd.env.entry(key.clone()).or_insert_with(|| value.clone());
        }
        cmd
    }

    /// Adds to the variables that a shell is to set (`Some`) or remove the record of them, by which a command
    /// in that shell finds the values of before.
    pub fn record(&self, variables: &mut BTreeMap<String, Option<String>>) {
        let text = self.shell.with(variables, &self.vars);
        variables.insert(shell::RECORD.to_owned(), Some(text));
    }

    /// Adds a variable from a configuration file of Cargo. A variable of the environment takes precedence,
    /// unless `force` is set. `origin` describes the file.
    pub fn configure(&mut self, key: &str, value: &OsStr, force: bool, origin: &str) {
        if key == "PATH" {
            self.build_path = force.then(|| std::env::split_paths(value).collect());
            return;
        }
        if force || !self.vars.contains_key(OsStr::new(key)) {
            self.vars.insert(key.into(), value.to_owned());
            self.origins.insert(key.into(), origin.to_owned());
        }
    }

    /// Returns the variable with its value, as text for the user: `CC=gcc`. The origin is added if it is not
    /// the environment.
    pub fn said(&self, key: &str) -> String {
        let value = self.var(key).unwrap_or_default();
        match self.origins.get(OsStr::new(key)) {
            Some(origin) => format!("{key}={value} ({origin})"),
            None => format!("{key}={value}"),
        }
    }

    /// Returns a variable that is set and UTF-8, even if it is empty. Cargo distinguishes an empty variable
    /// from one that is not set.
    pub fn given(&self, key: &str) -> Option<&str> {
        self.vars.get(OsStr::new(key)).and_then(|v| v.to_str())
    }

    /// Returns a variable that is set, not empty and UTF-8.
    pub fn var(&self, key: &str) -> Option<&str> {
        self.vars.get(OsStr::new(key)).and_then(|v| v.to_str()).filter(|v| !v.is_empty())
    }

    /// Returns a variable that is set and not empty, with any bytes. It is meant for paths that are only
    /// passed on.
    pub fn var_os(&self, key: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(key)).map(OsString::as_os_str).filter(|v| !v.is_empty())
    }

    /// Rejects non-UTF-8 values of the variables that xtask reads. A variable whose name contains a target is
    /// checked only for `targets`.
    ///
    /// # Errors
    /// A value is not UTF-8.
    pub fn understood(&self, targets: &BTreeSet<String>) -> Result<()> {
        let odd = self.vars.iter().filter(|(_, value)| value.to_str().is_none());
        let odd: Vec<&str> =
            odd.filter_map(|(key, _)| key.to_str()).filter(|key| is_read(key, targets)).collect();
        if odd.is_empty() {
            return Ok(());
        }
        let is = if odd.len() == 1 { "the variable" } else { "the variables" };
        Err(Error::usage(format!("the value of {is} {} is not UTF-8", odd.join(", ")))
            .help("set it to UTF-8 text, or remove it"))
    }

    /// Returns the program Cargo: the one in `CARGO`, which Cargo sets for every program that it starts, or
    /// else the one on PATH. It is returned as a path, because the started command may have another PATH.
    pub fn cargo(&self) -> PathBuf {
        let named = self.var_os("CARGO").map(PathBuf::from);
        named.or_else(|| self.program("cargo")).unwrap_or_else(|| "cargo".into())
    }

    /// Returns Cargo's home folder: `CARGO_HOME`, or the default one.
    pub fn cargo_home(&self) -> Option<PathBuf> {
        let home =
            || self.var("HOME").or_else(|| self.var("USERPROFILE")).map(|h| Path::new(h).join(".cargo"));
        self.var("CARGO_HOME").map(PathBuf::from).or_else(home)
    }

    /// Returns all variables of the environment, as pairs of name and value.
    pub fn vars(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars.iter().map(|(k, v)| (k.as_os_str(), v.as_os_str()))
    }

    /// Returns the folders of PATH, in order.
    pub fn path(&self) -> &[PathBuf] {
        &self.path
    }

    /// Returns the folders of the PATH that build scripts and compilers get from Cargo.
    pub fn build_path(&self) -> &[PathBuf] {
        self.build_path.as_deref().unwrap_or(&self.path)
    }

    /// Searches a program as a shell does: a name on PATH, a text with a separator as a path. The result is
    /// absolute, because the program is started from other folders.
    pub fn find(&self, program: &str) -> PathLookup {
        let candidates: Vec<PathBuf> = if Path::new(program).components().count() > 1 {
            vec![PathBuf::from(program)]
        } else {
            let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
            self.path.iter().map(|dir| dir.join(&name)).collect()
        };
        let mut unusable = None;
        for file in candidates {
            let file = std::path::absolute(&file).unwrap_or(file);
            match executable(&file) {
                Some(true) => return PathLookup::Program(file),
                Some(false) => unusable = unusable.or(Some(file)),
                None => {}
            }
        }
        unusable.map_or(PathLookup::Nothing, PathLookup::NotExecutable)
    }

    /// Works as [`Host::find`], but returns only a file that can be executed.
    pub fn program(&self, program: &str) -> Option<PathBuf> {
        match self.find(program) {
            PathLookup::Program(path) => Some(path),
            _ => None,
        }
    }
}

/// Whether a variable names a C tool or its flags, for any target: `CC`, `TARGET_AR`,
/// `CFLAGS_x86_64-unknown-linux-gnu`.
pub fn names_tool(key: &str) -> bool {
    let bare = key.strip_prefix("TARGET_").or_else(|| key.strip_prefix("HOST_")).unwrap_or(key);
    let of_target = |tool: &str| key.strip_prefix(tool).is_some_and(|rest| rest.starts_with('_'));
    TOOLS.contains(&bare) || TOOLS.into_iter().any(of_target)
}

fn is_read(key: &str, targets: &BTreeSet<String>) -> bool {
    if READ.contains(&key) {
        return true;
    }
    if key.ends_with("_proxy") && READ.contains(&key.to_ascii_uppercase().as_str()) {
        return true;
    }
    let bare = key.strip_prefix("TARGET_").or_else(|| key.strip_prefix("HOST_")).unwrap_or(key);
    if TOOLS.contains(&bare) {
        return true;
    }
    let of_target = TOOLS.iter().find_map(|tool| key.strip_prefix(tool)?.strip_prefix('_'));
    let triples = targets.iter().map(|target| Triple::parse(target));
    match (of_target, key.strip_prefix("CARGO_TARGET_")) {
        (Some(rest), _) => triples.into_iter().any(|t| rest == t.as_str() || rest == t.underscored()),
        (None, Some(rest)) => {
            let name = ["_RUSTFLAGS", "_RUNNER", "_LINKER"].iter().find_map(|end| rest.strip_suffix(end));
            name.is_some_and(|name| triples.into_iter().any(|t| name == t.shouted()))
        }
        (None, None) => false,
    }
}

/// Whether this process is root of this machine, or of its user namespace.
pub fn is_root() -> bool {
    #[cfg(unix)]
    let root = rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    let root = false;
    root
}

/// Whether a file can be executed, or none if there is no file.
fn executable(file: &Path) -> Option<bool> {
    let meta = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    #[cfg(unix)]
    let usable = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let usable = meta.is_file();
    Some(usable)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn what_is_read_and_is_no_text_is_refused() {
        let targets = BTreeSet::from(["aarch64-unknown-linux-musl".to_owned()]);
        let refused = |key: &str| {
            let host = Host::new(Triple::parse("x"), [(key.into(), OsString::from_vec(vec![b'/', 0xff]))]);
            let first = host.understood(&BTreeSet::new()).is_err();
            let error = host.understood(&targets).err().map(|error| error.to_string());
            assert!(error.as_ref().is_none_or(|said| said.contains(key)), "{error:?}");
            (first, error.is_some())
        };
        for key in READ.into_iter().chain(["https_proxy", "CC", "TARGET_AR", "HOST_CXX"]) {
            assert_eq!(refused(key), (true, true), "{key}");
        }
        for key in [
            "CC_aarch64-unknown-linux-musl",
            "CFLAGS_aarch64_unknown_linux_musl",
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUSTFLAGS",
        ] {
            assert_eq!(refused(key), (false, true), "{key}");
        }
        for key in
            ["PATH", "LD_LIBRARY_PATH", "CARGO", "CC_x", "CC_HOME", "OTHER", "CARGO_TARGET_DIR", "_proxy"]
        {
            assert_eq!(refused(key), (false, false), "{key}");
        }
    }
}
