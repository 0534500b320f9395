//! Runs Cargo for jobs: groups jobs that one call can build (cohorts), represents the call as a value, and
//! reads Cargo's messages.

pub mod aside;
pub mod builder;
pub mod c_flags;
pub mod cohort;
pub mod compilers;
pub mod flag_origin;
pub mod host_libraries;
pub mod inherited;
pub mod invocation;
pub mod leaks;
pub mod link_flags;
pub mod lock_file;
pub mod messages;
pub mod path_maps;
pub mod reached;
pub mod running;
pub mod shell_env;
pub mod target_files;
pub mod units;
pub mod written;
