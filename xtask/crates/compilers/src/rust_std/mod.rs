//! Rust's standard library per target. [`find`] finds the std of a rustc, and [`choose()`] chooses the rustc
//! for a run. [`build()`] builds a std from source, and [`self_contained`] lets later links do without a C
//! toolchain.
//!
//! A std belongs to one build of rustc; another rustc cannot read it. A std that was built on this machine
//! lies in the cache as `std/<version>-<digits of rustc's identity>-<triple>-r<recipe>/`, in the shape that
//! `rustc --sysroot` takes.

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

/// The version of the build recipe of stds. It is raised when the recipe changes, so that older stds are no
/// longer used.
pub const RECIPE: u32 = 1;

/// Returns the folder in the cache for the std of `rustc` and `target`. The folder need not exist.
pub fn place(rustc: &Rustc, target: &Triple, cache: &Path) -> PathBuf {
    let identity = xtask_process::cache::short_hash(&rustc.identity, 8);
    cache.join("std").join(format!("{}-{identity}-{target}-r{RECIPE}", rustc.version))
}
