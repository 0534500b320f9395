//! Rust's standard library per target: which rustc has it ([`find`]), which rustc a run should use ([`choose()`]), and how
//! one is made from source ([`build()`]) so that later links need no C toolchain ([`self_contained`]).
//!
//! A std belongs to one build of rustc: no other can read it. One that was made here lies in the cache as
//! `std/<version>-<digits of rustc's identity>-<triple>-r<recipe>/`, in the shape that `rustc --sysroot` takes.

use std::path::{Path, PathBuf};

use crate::rustc::Rustc;
use xtask_triple::Triple;

pub mod build;
pub mod choose;
pub mod find;
mod marker;
mod package;
pub mod self_contained;

pub use build::{Build, build};
pub use choose::{Choice, RustupRefusals, StdPlan, choose};
pub use find::{ReadyStd, StdInstall};

/// Goes up when the way in which a std is made changes, so that older ones are no longer found.
pub const RECIPE: u32 = 1;

/// Where the std of `rustc` for `target` lies in the cache, whether it is there or not.
pub fn place(rustc: &Rustc, target: &Triple, cache: &Path) -> PathBuf {
    let identity = xtask_process::cache::short_hash(&rustc.identity, 8);
    cache.join("std").join(format!("{}-{identity}-{target}-r{RECIPE}", rustc.version))
}
