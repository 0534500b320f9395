//! Distroless bases from end to end: apt, Debian's archive, the packages themselves, and other people's tools as a second
//! pair of eyes on what comes out.

mod commands;
mod docker;
mod failures;
mod packages;
mod prune;
mod same;
mod snapshots;
mod support;
