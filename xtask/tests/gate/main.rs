//! The gate against real programs, and against what only looks like one.

mod arm;
mod blame;
mod broken;
mod closure;
mod damage;
mod damage_tree;
mod foreign;
mod formats;
#[path = "../golden/compare.rs"]
mod golden;
mod host;
mod musl;
mod programs;
mod refused;
mod roots;
mod run_time;
#[path = "../skip/mod.rs"]
mod shared_skip;
mod shrink;
mod skip;
mod start;
mod static_glibc;
mod zig;
