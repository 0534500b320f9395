//! The map of the house: from targets.toml and this machine to proven programs, images and timings.
//! ARCHITECTURE.md draws the way that data takes through these modules.

pub mod archive;
pub mod base;
pub mod build;
pub mod cache;
pub mod cargo;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod escape;
pub mod exec;
pub mod files;
pub mod gate;
pub mod host;
pub mod internal;
pub mod look;
pub mod oci;
pub mod plan;
pub mod registry;
pub mod report;
pub mod rust_std;
pub mod rustc;
pub mod rustflags;
pub mod session;
pub mod setup;
pub mod ship;
pub mod smoke;
pub mod table;
pub mod timing;
pub mod toolchain;
pub mod trap;
pub mod triple;
pub mod ui;
pub mod verify;
pub mod workspace;
