//! A GNU cross gcc with a C library, as distributions ship it.

use super::{Definition, Finds, Search};
use crate::toolchain::names::gnu_prefixes;

pub(super) const GNU: Definition = Definition {
    name: "gnu",
    only: None,
    find: Some(find),
    compilers: &["gcc", "g++"],
    // Setup installs zig instead: it serves the same targets and needs no administrator rights.
    supply: |_| None,
};

fn find(search: &Search) -> Finds {
    let names: Vec<String> = gnu_prefixes(search.target).into_iter().map(|p| format!("{p}-gcc")).collect();
    search.on_path(&names)
}
