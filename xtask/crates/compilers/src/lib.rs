//! Everything that compiles and links for a target: rustc, the target's std, C toolchains, and their flags.

pub mod rust_std;
pub mod rustc;
pub mod rustflags;
pub mod toolchain;
