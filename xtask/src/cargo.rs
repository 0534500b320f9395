//! Jobs to Cargo and back: cohorts of jobs that one call can build, the call itself as a value, and what Cargo says.

pub mod aside;
pub mod builder;
pub mod cohort;
pub mod compilers;
pub mod flag_origin;
pub mod host_libraries;
pub mod inherited;
pub mod invocation;
pub mod leaks;
pub mod link_flags;
pub mod messages;
pub mod path_maps;
pub mod reached;
pub mod running;
pub mod units;
pub mod written;
