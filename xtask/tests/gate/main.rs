//! The gate against real programs, and against what only looks like one.

mod arm;
mod blame;
mod broken;
mod closure;
mod damage;
mod damage_tree;
mod foreign;
mod formats;
mod host;
mod macos;
mod musl;
mod programs;
mod refused;
mod roots;
mod run_time;
mod shrink;
mod start;
mod static_glibc;
mod wasm;
mod zig;
