//! The host's own compiler, used if the target is the host. rustc also links build scripts with it.

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

/// The names of the host's compiler, the preferred one first.
const NAMES: [&str; 3] = ["cc", "gcc", "clang"];

fn find(search: &Search) -> Finds {
    match *search.target == search.host.triple {
        true => search.on_path(&NAMES),
        false => Finds::default(),
    }
}

/// Returns the host's own C driver, with which rustc links programs for the host.
pub fn driver(host: &Host) -> Option<PathBuf> {
    NAMES.iter().find_map(|name| host.program(name))
}
