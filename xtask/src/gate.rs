//! The gate: what a program file is ([`Facts`]), and whether that is what its target and its place allow ([`check`]).
//!
//! Reading is one step and judging another. Facts hold everything that a judgement may need, so that judging stays a
//! pure function; a root file system to judge against becomes one more [`Root`].

mod check;
mod elf;
mod expect;
mod facts;
mod format;
mod glibc;
mod load;
mod rules;
mod symbols;

pub use check::{Finding, Root, Setting, Severity, as_error, check};
pub use facts::{Endian, Facts, Float, Kind, Machine, Stack, VersionNeed};
pub use format::Format;
pub use glibc::Glibc;
