//! Images and archives, end to end: the bytes against golden digests, and the files against the tools that people use.

mod archive;
mod docker;
mod dockerfile;
mod golden;
mod interop;
mod interrupted;
mod reproducible;
mod size;
#[path = "../skip/mod.rs"]
mod skip;
#[cfg(unix)]
mod staged;
#[path = "../store/mod.rs"]
mod store;
mod support;
mod tools;
#[cfg(unix)]
mod unpack;
mod zstd;
