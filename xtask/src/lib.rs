//! The map of the house: from targets.toml and this machine to proven programs, images and timings.
//! ARCHITECTURE.md draws the way that data takes through these modules.

pub mod archive;
pub mod error;
pub mod exec;
pub mod oci;
pub mod triple;
pub mod ui;
