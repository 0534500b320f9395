//! The map of the house: from targets.toml and this machine to proven programs, images and timings.
//! ARCHITECTURE.md draws the way that data takes through these modules.

pub mod error;
pub mod escape;
pub mod exec;
pub mod files;
pub mod gate;
pub mod report;
pub mod table;
pub mod timing;
pub mod triple;
pub mod ui;
