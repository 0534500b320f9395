//! What this machine has. Each question answers `Err(what is missing)`, for [`xtask_test_support::need!`].

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use xtask_compilers::toolchain::runner::{self, Runner};
use xtask_process::cache;
use xtask_process::exec::Cmd;
use xtask_process::host::{Host, PathLookup};
use xtask_setup as setup;
use xtask_triple::Triple;

/// The target of this machine, where host and target meet.
pub(crate) const HOST: &str = "x86_64-unknown-linux-gnu";
/// The same machine, static.
pub(crate) const HOST_MUSL: &str = "x86_64-unknown-linux-musl";
/// Another machine, dynamic.
pub(crate) const ARM: &str = "aarch64-unknown-linux-gnu";
/// Another machine, static: what has no C compiler but zig here.
pub(crate) const ARM_MUSL: &str = "aarch64-unknown-linux-musl";

type Have = Result<(), String>;

fn answer(program: &str, args: &[&str]) -> Option<String> {
    let output = Cmd::new(program).args(args).capture(Duration::from_secs(60)).ok()?;
    output.ok().then(|| output.text())
}

fn rustc() -> String {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into())
}

/// The sysroot of the active rustc.
pub(crate) fn sysroot() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| PathBuf::from(answer(&rustc(), &["--print", "sysroot"]).unwrap()))
}

/// The active rustc has a std for these targets, and this is the kind of machine that the tests are written for.
pub(crate) fn std_for(targets: &[&str]) -> Have {
    static TRIPLE: OnceLock<String> = OnceLock::new();
    let host = TRIPLE.get_or_init(|| answer(&rustc(), &["-vV"]).unwrap_or_default());
    if !host.contains(&format!("host: {HOST}")) {
        return Err(format!("a rustc for {HOST}"));
    }
    let lib = |t: &str| sysroot().join("lib/rustlib").join(t).join("lib");
    match targets.iter().find(|t| !lib(t).is_dir()) {
        None => Ok(()),
        Some(target) => Err(format!("the active rustc has no std for {target}")),
    }
}

fn host() -> Host {
    Host::read(Triple::parse(HOST))
}

/// Where a program is on PATH. An emulator may also be the static one.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let names = [Some(program.to_owned()), program.starts_with("qemu-").then(|| format!("{program}-static"))];
    names.into_iter().flatten().find_map(|name| match host().find(&name) {
        PathLookup::Program(path) => Some(path),
        _ => None,
    })
}

/// These programs are on PATH.
pub(crate) fn programs(names: &[&str]) -> Have {
    match names.iter().find(|name| find(name).is_none()) {
        None => Ok(()),
        Some(name) => Err(format!("{name} is not on PATH")),
    }
}

/// A process of this user can mount: as root, or by bubblewrap.
pub(crate) fn mounts() -> Have {
    let root = answer("unshare", &["--mount", "mount", "--bind", "/", "/mnt"]);
    match root.or_else(|| answer("bwrap", &["--dev-bind", "/", "/", "true"])) {
        Some(_) => Ok(()),
        None => Err("namespaces for this user to mount in".into()),
    }
}

/// A process of this user can mount file systems in a namespace of its own.
pub(crate) fn own_mounts() -> Have {
    match answer("unshare", &["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]) {
        Some(_) => Ok(()),
        None => Err("namespaces for this user to mount file systems in".into()),
    }
}

/// Some process of this user gets namespaces of its own: in a container it may get none.
pub(crate) fn namespaces() -> Have {
    let ways =
        [["--mount", "--pid", "--fork", "--net"].as_slice(), &["--user", "--map-root-user", "--mount"]];
    match ways.iter().any(|way| answer("unshare", &[way, ["true"].as_slice()].concat()).is_some()) {
        true => Ok(()),
        false => Err("namespaces for this user".into()),
    }
}

/// There is a runner for the programs of this target.
pub(crate) fn runner(target: &str) -> Have {
    match runner::find(&Triple::parse(target), &host()) {
        Runner::None { reason } => Err(reason),
        _ => Ok(()),
    }
}

/// The user's cache folder; none where the variables name no place for one.
pub(crate) fn cache() -> Option<PathBuf> {
    cache::dir(&host(), std::env::consts::OS).ok()
}

/// The sccache that setup installed.
pub(crate) fn sccache() -> Result<PathBuf, String> {
    cache().and_then(|dir| setup::sccache::program(&dir)).ok_or_else(|| "sccache".to_owned())
}

/// The zig that xtask itself would use: on PATH, of Python's package ziglang, or installed by setup.
pub(crate) fn zig() -> Result<PathBuf, String> {
    static ZIG: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = ZIG.get_or_init(|| {
        let private = cache().and_then(|dir| setup::zig::program(&dir));
        let zigs = xtask_compilers::toolchain::zig::find(&host(), private.as_deref());
        zigs.into_iter().next().map(|zig| PathBuf::from(zig.program))
    });
    found.clone().ok_or_else(|| "zig".to_owned())
}
