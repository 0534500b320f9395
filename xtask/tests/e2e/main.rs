//! End to end: the real program on small real workspaces, with the compilers of this machine.
//!
//! Every test makes a workspace of its own in a temporary folder ([`space`]); verdicts of probes are shared between
//! the tests of a run, so that zig is probed once.
#![cfg(target_os = "linux")]

mod auditable;
mod bases;
mod bench;
mod bills;
mod candidates;
mod causes;
mod change;
mod clones;
mod cohorts;
mod configuration;
mod copied;
mod documents;
mod env;
mod explicit;
mod fallback;
mod flags;
mod forged;
mod interrupted;
mod keyless;
mod kms;
mod libraries;
mod licenses;
mod linked;
mod linkers;
mod litter;
mod locked;
mod machine;
mod machine_faults;
mod macos;
mod masks;
mod newcomer;
mod paths;
mod pkg_config;
mod programs;
mod progress;
mod proofs;
mod publish;
mod pulled;
mod purity;
mod ready;
mod rebuild;
mod rebuilt;
mod registry_bases;
mod reproducible;
mod run;
mod secrets;
mod shared;
mod signed;
mod size;
mod sources;
mod space;
mod started;
mod stated;
mod strict;
mod unkept;
mod usage;
mod variables;
mod verified;
mod windows;
mod words;
mod written;
mod zig;
