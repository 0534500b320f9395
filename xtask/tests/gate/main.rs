//! The gate against real programs, and against what only looks like one.

mod closure;
mod damage;
mod foreign;
mod host;
mod programs;
mod refused;
mod roots;
mod skip;
mod zig;
