//! The map of the house: from targets.toml and this machine to proven programs, images and timings.
//! ARCHITECTURE.md draws the way that data takes through these modules.

pub mod cache;
pub mod error;
pub mod exec;
pub mod host;
pub mod internal;
pub mod rust_std;
pub mod rustc;
pub mod rustflags;
pub mod setup;
pub mod toolchain;
pub mod trap;
pub mod triple;
pub mod ui;
