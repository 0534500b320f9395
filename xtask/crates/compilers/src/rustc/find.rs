//! Finds the rustc that Cargo would use, and the other rustcs that could serve if it lacks a target's std.

use std::path::{Path, PathBuf};

use super::{Rustc, Version, facts};
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_process::host::{Host, PathLookup};

/// The other rustcs, or the reason why none of them may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// Stable releases first, in the order in which they were found.
    pub rustcs: Vec<Rustc>,
    /// What ties this workspace to the active rustc, as shown to the user. If it is set, `rustcs` is empty.
    pub bound: Option<String>,
}

/// Finds the rustc that Cargo would use in `workspace`: `RUSTC`, then `CARGO_BUILD_RUSTC`, then `rustc` on
/// PATH. `Host::configure` sets `CARGO_BUILD_RUSTC` from `build.rustc` of config files too. A rustup proxy is
/// followed to the compiler itself. This function determines the host triple, so it does not read
/// `host.triple`.
///
/// # Errors
/// There is no rustc, or it does not work.
pub fn active(host: &Host, workspace: &Path, cache: &Path) -> Result<Rustc> {
    let named = named(host);
    let name = named.map_or("rustc", |(_, value)| value);
    let program = match host.find(name) {
        PathLookup::Program(path) => path,
        PathLookup::NotExecutable(path) => {
            return Err(Error::missing(format!("{} is not executable", path.display())));
        }
        PathLookup::Nothing => {
            let said = named.map_or("there is no rustc on PATH".to_owned(), |(key, _)| {
                format!("{} does not name a program", host.said(key))
            });
            return Err(Error::missing(said).help("install Rust with rustup, or set RUSTC to a rustc"));
        }
    };
    Rustc::at(&follow(&program, host, workspace)?, cache)
}

/// Finds the other rustcs: on PATH, in /usr/bin and among rustup's toolchains. Each is at least version
/// `at_least` (the workspace's `rust-version`). The list is empty if something ties the workspace to the
/// active rustc.
pub fn others(
    active: &Rustc,
    host: &Host,
    workspace: &Path,
    at_least: Option<&Version>,
    cache: &Path,
) -> Others {
    if let Some(bound) = binding(host, workspace) {
        return Others { rustcs: Vec::new(), bound: Some(bound) };
    }
    let name = format!("rustc{}", std::env::consts::EXE_SUFFIX);
    let usual = cfg!(unix).then(|| PathBuf::from("/usr/bin"));
    let on_path = host.path().iter().cloned().chain(usual).map(|dir| dir.join(&name));
    let in_rustup = toolchains(host).into_iter().map(|dir| dir.join("bin").join(&name));
    let mut seen = vec![real(&active.program)];
    let mut rustcs = Vec::new();
    for program in on_path.filter(|p| !is_proxy(p)).chain(in_rustup) {
        let identity = real(&program);
        if !program.is_file() || seen.contains(&identity) {
            continue;
        }
        seen.push(identity);
        // A rustc that does not work cannot serve.
        let Ok(rustc) = Rustc::at(&program, cache) else { continue };
        if rustc.host == active.host && at_least.is_none_or(|least| rustc.version >= *least) {
            rustcs.push(rustc);
        }
    }
    // A nightly may serve, but a stable release is preferred.
    rustcs.sort_by_key(|r| r.version.pre.is_some());
    Others { rustcs, bound: None }
}

/// Returns the folders of rustup's toolchains, sorted by name.
pub fn toolchains(host: &Host) -> Vec<PathBuf> {
    let Some(home) = rustup_home(host) else { return Vec::new() };
    let Ok(dirs) = std::fs::read_dir(home.join("toolchains")) else { return Vec::new() };
    let mut dirs: Vec<PathBuf> = dirs.flatten().map(|d| d.path()).collect();
    dirs.sort();
    dirs
}

fn named(host: &Host) -> Option<(&'static str, &str)> {
    ["RUSTC", "CARGO_BUILD_RUSTC"].into_iter().find_map(|key| host.var(key).map(|value| (key, value)))
}

/// Returns what ties the workspace to the active rustc: a variable that names it, or a toolchain file in the
/// workspace.
fn binding(host: &Host, workspace: &Path) -> Option<String> {
    if let Some((key, _)) = named(host) {
        return Some(host.said(key));
    }
    let files = ["rust-toolchain.toml", "rust-toolchain"];
    let file = workspace.ancestors().flat_map(|dir| files.map(|f| dir.join(f))).find(|f| f.is_file());
    if let Some(file) = file {
        return Some(file.display().to_string());
    }
    // rustup sets RUSTUP_TOOLCHAIN for every program that runs under it. Since 1.29 it also sets the source
    // of the choice. With the source `default`, the user did not choose a toolchain for this run.
    match (host.var("RUSTUP_TOOLCHAIN_SOURCE"), host.var("RUSTUP_TOOLCHAIN")) {
        (Some(source), Some(toolchain)) if source != "default" => {
            Some(format!("rustup's toolchain {toolchain}, chosen by {source}"))
        }
        _ => None,
    }
}

/// Follows a rustup proxy to the compiler that the proxy would start.
fn follow(program: &Path, host: &Host, workspace: &Path) -> Result<PathBuf> {
    if !is_proxy(program) {
        return Ok(program.to_owned());
    }
    let rustc = format!("rustc{}", std::env::consts::EXE_SUFFIX);
    if let Some(toolchain) = host.var("RUSTUP_TOOLCHAIN") {
        // If `toolchain` is an absolute path, `join` returns it unchanged.
        let dir = rustup_home(host).unwrap_or_default().join("toolchains").join(toolchain);
        let program = dir.join("bin").join(&rustc);
        if program.is_file() {
            return Ok(program);
        }
    }
    let cmd = Cmd::new(program).args(["--print", "sysroot"]);
    let sysroot = facts::answer(&host.settled(cmd, workspace))?;
    let found = PathBuf::from(sysroot).join("bin").join(&rustc);
    Ok(if found.is_file() { found } else { program.to_owned() })
}

/// Whether a program is a proxy of rustup. Proxies are links to `rustup` in the same folder, or copies of it.
fn is_proxy(program: &Path) -> bool {
    let rustup = program.with_file_name(format!("rustup{}", std::env::consts::EXE_SUFFIX));
    if real(program).file_stem().is_some_and(|n| n == "rustup") {
        return true;
    }
    let size = |p: &Path| std::fs::metadata(p).ok().map(|m| m.len());
    size(&rustup).is_some() && size(&rustup) == size(program)
}

fn rustup_home(host: &Host) -> Option<PathBuf> {
    let home = || host.var("HOME").or_else(|| host.var("USERPROFILE")).map(|h| Path::new(h).join(".rustup"));
    host.var("RUSTUP_HOME").map(PathBuf::from).or_else(home)
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use xtask_triple::Triple;

    /// A folder with scripts that answer like a rustc.
    struct FakeRustcs(PathBuf);

    impl FakeRustcs {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("xtask-rustc-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&dir);
            std::fs::create_dir_all(&dir).unwrap();
            Self(real(&dir))
        }

        fn rustc(&self, sysroot: &str, version: &str) -> PathBuf {
            let sysroot = self.0.join(sysroot);
            let program = sysroot.join("bin/rustc");
            let script = format!(
                "#!/bin/sh\necho asked >> {log}\ncase $1 in -vV) echo 'release: {version}'; echo 'host: x86_64-unknown-linux-gnu';; \
                 *) echo {sysroot}; echo {version}-target;; esac\n",
                log = self.0.join("log").display(),
                sysroot = sysroot.display()
            );
            self.write(&program, &script);
            program
        }

        fn write(&self, file: &Path, text: &str) {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
            std::fs::set_permissions(file, PermissionsExt::from_mode(0o755)).unwrap();
        }

        fn host(&self, path: &str, vars: &[(&str, &str)]) -> Host {
            let path = path.split(':').map(|dir| self.0.join(dir).join("bin").display().to_string());
            let path = path.collect::<Vec<_>>().join(":");
            let own = [("PATH", path.as_str()), ("HOME", self.0.to_str().unwrap())];
            let vars = own.iter().chain(vars).map(|(k, v)| ((*k).into(), (*v).into()));
            Host::new(Triple::parse("x86_64-unknown-linux-gnu"), vars)
        }

        fn active(&self, host: &Host) -> Result<Rustc> {
            active(host, &self.0, &self.0.join("cache"))
        }

        fn others(&self, host: &Host, least: &str) -> Others {
            let active = self.active(host).unwrap();
            let mut others =
                others(&active, host, &self.0, Version::parse(least).as_ref(), &self.0.join("cache"));
            // The rustcs in this machine's /usr/bin are not part of the test.
            others.rustcs.retain(|r| r.program.starts_with(&self.0));
            others
        }
    }

    impl Drop for FakeRustcs {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_rustc_is_asked_once() {
        let lab = FakeRustcs::new("once");
        lab.rustc("a", "1.95.0");
        let host = lab.host("a", &[]);
        let first = lab.active(&host).unwrap();
        assert_eq!(first, lab.active(&host).unwrap());
        assert!(first.known_targets().contains("1.95.0-target"));
        assert_eq!(std::fs::read_to_string(lab.0.join("log")).unwrap().lines().count(), 2);
        lab.rustc("a", "1.96.0-changed");
        assert_eq!(lab.active(&host).unwrap().version.to_string(), "1.96.0-changed");
    }

    #[test]
    fn a_proxy_of_rustup_is_followed() {
        let lab = FakeRustcs::new("proxy");
        let stable = lab.rustc(".rustup/toolchains/stable", "1.95.0");
        lab.write(&lab.0.join("proxy/bin/rustup"), "#!/bin/sh\nexit 9\n");
        std::os::unix::fs::symlink("rustup", lab.0.join("proxy/bin/rustc")).unwrap();
        let host = lab.host("proxy", &[("RUSTUP_TOOLCHAIN", "stable")]);
        assert_eq!(lab.active(&host).unwrap().program, stable);
        // Without the variable the proxy itself is asked; this one fails.
        assert!(lab.active(&lab.host("proxy", &[])).is_err());
    }

    #[test]
    fn others_are_new_enough_and_releases_first() {
        let lab = FakeRustcs::new("others");
        lab.rustc("a", "1.95.0");
        lab.rustc(".rustup/toolchains/nightly", "1.98.0-nightly");
        lab.rustc("old", "1.63.0");
        lab.rustc("new", "1.96.0");
        let versions = |o: Others| o.rustcs.iter().map(|r| r.version.to_string()).collect::<Vec<_>>();
        let found = lab.others(&lab.host("a:old:new", &[("RUSTUP_TOOLCHAIN_SOURCE", "default")]), "1.95");
        assert_eq!(versions(found), ["1.96.0", "1.98.0-nightly"]);
    }

    #[test]
    fn what_a_person_chose_is_not_replaced() {
        let lab = FakeRustcs::new("bound");
        let a = lab.rustc("a", "1.95.0");
        lab.rustc("new", "1.96.0");
        let cases: [&[(&str, &str)]; 2] = [
            &[("RUSTC", a.to_str().unwrap())],
            &[("RUSTUP_TOOLCHAIN", "1.95"), ("RUSTUP_TOOLCHAIN_SOURCE", "cli")],
        ];
        for vars in cases {
            let found = lab.others(&lab.host("a:new", vars), "1.95");
            assert!(found.bound.is_some() && found.rustcs.is_empty(), "{found:?}");
        }
        std::fs::write(lab.0.join("rust-toolchain.toml"), "").unwrap();
        let found = lab.others(&lab.host("a:new", &[]), "1.95");
        assert!(found.bound.unwrap().ends_with("rust-toolchain.toml"));
    }

    #[test]
    fn a_rustc_that_is_not_there_is_named() {
        let lab = FakeRustcs::new("none");
        let error = lab.active(&lab.host("a", &[("RUSTC", "/no/rustc")])).unwrap_err();
        assert!(error.what.contains("RUSTC=/no/rustc"), "{error}");
        assert!(lab.active(&lab.host("a", &[])).unwrap_err().what.contains("no rustc on PATH"));
    }
}
