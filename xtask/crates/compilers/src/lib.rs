//! What compiles and links for a target: rustc, the target's std, C toolchains, and the flags that they get.

pub mod rust_std;
pub mod rustc;
pub mod rustflags;
pub mod toolchain;
