//! The gate against real programs, and against what only looks like one.

mod damage;
mod foreign;
mod host;
mod programs;
mod refused;
mod skip;
mod zig;
