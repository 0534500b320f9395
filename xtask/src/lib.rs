//! The map of the house: from targets.toml and this machine to proven programs, images and timings.
//! ARCHITECTURE.md draws the way that data takes through these modules.

pub mod build;
pub mod cargo;
pub mod config;
pub mod error;
pub mod exec;
pub mod host;
pub mod internal;
pub mod plan;
pub mod rustflags;
pub mod toolchain;
pub mod trap;
pub mod files;
pub mod gate;
pub mod report;
pub mod table;
pub mod timing;
pub mod archive;
pub mod error;
pub mod exec;
pub mod oci;
pub mod triple;
pub mod ui;
pub mod workspace;
