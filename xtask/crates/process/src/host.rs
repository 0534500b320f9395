//! What this machine says of itself, read once: variables and PATH. Everything that decides takes this as an argument,
//! so that decisions can be tested without touching the process's own environment.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::exec::Cmd;
use xtask_files::error::{Error, Result};
use xtask_triple::Triple;

mod paths;

/// The variables that [`Host::var`] is asked for, those apart whose names hold a target ([`TOOLS`]). Proxies also have
/// names in small letters.
pub const READ: [&str; 39] = [
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
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LOCALAPPDATA",
    "NO_PROXY",
    "REGISTRY_AUTH_FILE",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_TOOLCHAIN_SOURCE",
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

/// What names a target's C tools and their flags, alone, after `TARGET_` and `HOST_`, and before `_<triple>`.
pub const TOOLS: [&str; 6] = ["CC", "CXX", "AR", "RANLIB", "CFLAGS", "CXXFLAGS"];

/// A snapshot of the environment.
#[derive(Debug, Clone)]
pub struct Host {
    /// The triple of the machine that builds (rustc's `host`).
    pub triple: Triple,
    vars: BTreeMap<OsString, OsString>,
    /// Variables whose values in the environment of this program mean something else in another folder.
    resolved: BTreeMap<OsString, OsString>,
    /// Where a variable stands that is not of the environment.
    origins: BTreeMap<OsString, String>,
    path: Vec<PathBuf>,
    /// The PATH of what Cargo starts, where that is another one.
    build_path: Option<Vec<PathBuf>>,
}

/// What a look-up on PATH found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathLookup {
    /// A file that can be executed.
    Program(PathBuf),
    /// A file of that name that cannot be executed.
    NotExecutable(PathBuf),
    /// Nothing of that name.
    Nothing,
}

impl Host {
    /// Takes the snapshot of this process.
    pub fn read(triple: Triple) -> Self {
        // A service or a container may have no HOME; the password database then has one, as Cargo asks for it too.
        let home = std::env::home_dir().filter(|_| cfg!(unix) && std::env::var_os("HOME").is_none());
        let vars = std::env::vars_os().chain(home.map(|home| ("HOME".into(), home.into())));
        let mut vars: BTreeMap<_, _> = vars.collect();
        let resolved = std::env::current_dir().map(|dir| paths::resolved(&vars, &dir)).unwrap_or_default();
        vars.extend(resolved.clone());
        Self { resolved, ..Self::new(triple, vars) }
    }

    /// A host with just these variables.
    pub fn new(triple: Triple, vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let vars: BTreeMap<_, _> = vars.into_iter().collect();
        let path =
            vars.get(OsStr::new("PATH")).map(|p| std::env::split_paths(p).collect()).unwrap_or_default();
        Self { triple, vars, resolved: BTreeMap::new(), origins: BTreeMap::new(), path, build_path: None }
    }

    /// The command, started in the folder `dir`: with the variables that would mean something else there than in the folder
    /// that this program was started in.
    #[must_use]
    pub fn settled(&self, cmd: Cmd, dir: &Path) -> Cmd {
        let mut cmd = cmd.cwd(dir);
        for (key, value) in &self.resolved {
            cmd.env.entry(key.clone()).or_insert_with(|| Some(value.clone()));
        }
        cmd
    }

    /// Takes a variable over that a file of Cargo's configuration has. One of the environment goes before it, unless it is
    /// forced. `origin` says where it stands.
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

    /// The variable with its value, for a person: `CC=gcc`, with the place where it stands if that is not the environment.
    pub fn said(&self, key: &str) -> String {
        let value = self.var(key).unwrap_or_default();
        match self.origins.get(OsStr::new(key)) {
            Some(origin) => format!("{key}={value} ({origin})"),
            None => format!("{key}={value}"),
        }
    }

    /// A variable that is set and UTF-8, also where it is empty: to Cargo that is not the same as one that is not set.
    pub fn given(&self, key: &str) -> Option<&str> {
        self.vars.get(OsStr::new(key)).and_then(|v| v.to_str())
    }

    /// A variable that is set, not empty and UTF-8.
    pub fn var(&self, key: &str) -> Option<&str> {
        self.vars.get(OsStr::new(key)).and_then(|v| v.to_str()).filter(|v| !v.is_empty())
    }

    /// A variable that is set and not empty, whatever its bytes: for paths that are only handed on.
    pub fn var_os(&self, key: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(key)).map(OsString::as_os_str).filter(|v| !v.is_empty())
    }

    /// Refuses values that [`Host::var`] would take for none, of variables that it is asked for: of those whose names hold a
    /// target where it is one of these.
    ///
    /// # Errors
    /// One that is not UTF-8.
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

    /// The program Cargo: `CARGO` names it, as it does wherever Cargo starts a program. Else the one on PATH, by its path,
    /// since what it is started with may have another PATH.
    pub fn cargo(&self) -> PathBuf {
        let named = self.var_os("CARGO").map(PathBuf::from);
        named.or_else(|| self.program("cargo")).unwrap_or_else(|| "cargo".into())
    }

    /// Cargo's home folder: `CARGO_HOME`, or where it is when nothing says.
    pub fn cargo_home(&self) -> Option<PathBuf> {
        let home =
            || self.var("HOME").or_else(|| self.var("USERPROFILE")).map(|h| Path::new(h).join(".cargo"));
        self.var("CARGO_HOME").map(PathBuf::from).or_else(home)
    }

    /// Returns all variables of the environment, as pairs of name and value.
    pub fn vars(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars.iter().map(|(k, v)| (k.as_os_str(), v.as_os_str()))
    }

    /// The folders of PATH, in order.
    pub fn path(&self) -> &[PathBuf] {
        &self.path
    }

    /// The folders of the PATH that build scripts and compilers get from Cargo.
    pub fn build_path(&self) -> &[PathBuf] {
        self.build_path.as_deref().unwrap_or(&self.path)
    }

    /// Looks a program up as a shell would: a name on PATH, anything with a separator as a path. What is found is
    /// absolute, since it is started from other folders.
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

    /// Like [`Host::find`] where only a usable program counts.
    pub fn program(&self, program: &str) -> Option<PathBuf> {
        match self.find(program) {
            PathLookup::Program(path) => Some(path),
            _ => None,
        }
    }
}

/// Whether a variable names a C tool or its flags, for whichever target: `CC`, `TARGET_AR`, `CFLAGS_x86_64-unknown-linux-gnu`.
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

/// Whether this process is root of this machine, or of the user namespace that it is in.
pub fn is_root() -> bool {
    #[cfg(unix)]
    let root = rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    let root = false;
    root
}

/// Whether a file can be executed; none where there is no file.
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
