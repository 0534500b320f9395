//! The host's own compiler, for the target that is the host. rustc links build scripts with it, too.

use std::path::PathBuf;

use super::{Definition, Finds, Search};
use xtask_process::host::Host;
use xtask_triple::Triple;

pub(super) const HOST: Definition = Definition {
    name: "host",
    only: None,
    find: Some(find),
    compilers: &["cc", "c++", "c89", "c99", "gcc", "g++", "clang", "clang++"],
    supply: |_: &Triple| None,
};

/// What it is called, the best first.
const NAMES: [&str; 3] = ["cc", "gcc", "clang"];

fn find(search: &Search) -> Finds {
    match *search.target == search.host.triple {
        true => search.on_path(&NAMES),
        false => Finds::default(),
    }
}

/// The host's own C driver, which rustc links host programs with.
pub fn driver(host: &Host) -> Option<PathBuf> {
    NAMES.iter().find_map(|name| host.program(name))
}
