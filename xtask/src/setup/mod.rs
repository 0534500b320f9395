//! Gets what `doctor` found missing.

pub mod zig;
