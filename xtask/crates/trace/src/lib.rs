//! Where the time of a build goes. [`TraceSampler`] watches the processes of one cargo call, and [`BuildTrace`] says what
//! each of them did, what the build waited for, and how many worked at each time.
//!
//! The build itself is not changed: there is no wrapper, no variable and no option of Cargo, so a traced build has the
//! fingerprints of any other. The processes are read from Linux's `/proc`; on other systems there is no trace.

mod account;
mod advice;
mod build_trace;
mod chart;
mod command;
mod critical;
mod kind;
mod proc_files;
mod process;
mod sampler;
mod spans;
mod summary;
mod unit;

pub use advice::advice;
pub use build_trace::BuildTrace;
pub use chart::{TraceCase, chrome};
pub use command::{build_script, crate_name, links, source};
pub use critical::{CriticalPath, PathStep, StepWork};
pub use kind::{KindSeconds, WorkKind};
pub use process::TracedProcess;
pub use sampler::{SampledBuild, TraceSampler};
pub use summary::{builds_table, longest_table, path_table, summary};
pub use unit::TraceUnit;
