//! The build time of each mode: the order of the samples, their statistics, and the file with the results.
//!
//! Everything here is pure except [`host_facts`] and [`Trace`]. An [`Executor`] runs builds and measures
//! time.

mod host;
mod ratio;
mod record;
mod run;
mod schedule;
mod stats;
mod tables;
mod trace;

pub use host::{HostFacts, host_facts};
pub use ratio::Ratio;
pub use record::{BuildSeconds, CaseRecord, RatioRecord, SampledBy, Timings};
pub use run::{Executor, Sample, TimingRun, run};
pub use schedule::{Case, Scenario, ScheduledSample, schedule};
pub(crate) use stats::micro;
pub use stats::{Timing, median};
pub(crate) use tables::notes;
pub use tables::{markdown, parts_table, ratio_table, terminal, timing_table};
pub use trace::Trace;
