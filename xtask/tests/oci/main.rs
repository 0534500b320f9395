//! Images and archives, end to end: the bytes against golden digests, and the files against the tools that people use.

mod archive;
mod docker;
mod dockerfile;
mod golden;
mod interop;
mod interrupted;
mod reproducible;
mod size;
#[cfg(unix)]
mod staged;
mod support;
mod tools;
#[cfg(unix)]
mod unpack;
mod zstd;
