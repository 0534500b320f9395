//! The package managers and rights that this machine has for installing things.

use std::path::PathBuf;
use std::time::Duration;

use super::Want;
use super::apt::{self, AptCandidates};
use xtask_compilers::rustc::{Rustc, Version};
use xtask_process::exec::Cmd;
use xtask_process::host::{self, Host};

/// The way to get the rights for installing packages of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootAccess {
    /// This process has them: it runs as root.
    Here,
    /// This process can get them with `sudo`.
    Sudo,
    /// No way is known. The user must install the package.
    No,
}

/// The facts about package managers. They come from [`Machine::read`] or from a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The operating system of this machine, as [`std::env::consts::OS`] names it.
    pub os: &'static str,
    /// The way to get the rights for installing packages of the system.
    pub root: RootAccess,
    /// The rustup toolchain of the active rustc, if rustup is installed.
    pub rustup: Option<String>,
    /// Whether the active rustc, or another one that may be used, has the source of its library.
    pub source: bool,
    /// What ties the workspace to its rustc, so that no other one may be installed for it.
    pub bound: Option<String>,
    /// The oldest Rust version that may be used: the workspace's `rust-version`.
    pub least: Option<Version>,
    /// The packages that apt can install, if apt exists.
    pub apt: Option<AptCandidates>,
    /// The path of a Python 3 interpreter, if there is one.
    pub python: Option<PathBuf>,
    /// Whether this Python has pip, or the module venv, which contains pip.
    pub pip: bool,
    /// Whether the kernel's file system `binfmt_misc` is mounted.
    pub binfmt_mounted: bool,
}

impl Machine {
    /// Reads the facts about this machine from files, and asks apt about the packages that could serve
    /// `wants`.
    pub fn read(
        host: &Host,
        active: &Rustc,
        others: &xtask_compilers::rustc::find::Others,
        least: Option<&Version>,
        wants: &[Want],
    ) -> Self {
        let python = host.program("python3").or_else(|| host.program("python"));
        let pip = python.as_ref().is_some_and(|python| {
            works(&Cmd::new(python).args(["-m", "pip", "--version"]))
                // Debian's python3 lacks ensurepip if python3-venv is not installed.
                || works(&Cmd::new(python).args(["-c", "import venv, ensurepip"]))
        });
        Self {
            os: std::env::consts::OS,
            root: root(host),
            rustup: host.program("rustup").and_then(|_| active.rustup_toolchain()),
            source: std::iter::once(active).chain(&others.rustcs).any(|r| r.source().is_some()),
            bound: others.bound.clone(),
            least: least.cloned(),
            apt: host.program("apt-get").map(|_| ask_apt(wants)),
            python,
            pip,
            binfmt_mounted: std::path::Path::new(super::run::BINFMT).join("status").exists(),
        }
    }
}

fn root(host: &Host) -> RootAccess {
    if host::is_root() {
        return RootAccess::Here;
    }
    if host.program("sudo").is_some() { RootAccess::Sudo } else { RootAccess::No }
}

fn ask_apt(wants: &[Want]) -> AptCandidates {
    let mut packages: Vec<String> = wants.iter().flat_map(apt::packages).collect();
    packages.sort();
    packages.dedup();
    let cmd = Cmd::new("apt-cache").arg("policy").args(packages).env("LC_ALL", "C");
    let answer = cmd.capture_whole(Duration::from_secs(60)).map(|output| output.text()).unwrap_or_default();
    AptCandidates::parse(&answer)
}

fn works(cmd: &Cmd) -> bool {
    cmd.capture(Duration::from_secs(60)).is_ok_and(|output| output.ok())
}
