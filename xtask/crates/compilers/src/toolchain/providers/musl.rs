//! A musl cross gcc. For the machine's own architecture also `musl-gcc`, a script around the host's gcc.

use super::{Definition, Finds, Search};
use crate::toolchain::names::gnu_arch;
use xtask_process::host::Host;
use xtask_triple::{Arch, Libc, Os, Triple};

pub(super) const MUSL: Definition = Definition {
    name: "musl",
    only: None,
    find: Some(find),
    compilers: &["gcc", "g++"],
    // Setup installs zig instead: it serves the same targets and needs no administrator rights.
    supply: |_| None,
};

fn find(search: &Search) -> Finds {
    search.on_path(&names(search.target, search.host))
}

/// Returns the names of gccs that compile for a musl target, the preferred one first.
pub fn names(target: &Triple, host: &Host) -> Vec<String> {
    let Some((arch, abi)) = gnu_arch(target).filter(|_| target.libc() == Libc::Musl) else {
        return Vec::new();
    };
    let mut arches = vec![arch];
    if target.arch() == Arch::ArmV7 {
        arches.insert(0, "armv7");
    }
    let mut list = Vec::new();
    for arch in arches {
        for vendor in ["", "unknown-", "alpine-"] {
            list.push(format!("{arch}-{vendor}linux-musl{abi}-gcc"));
        }
    }
    if target.arch() == host.triple.arch() && host.triple.os() == Os::Linux {
        list.push("musl-gcc".into());
    }
    list
}
