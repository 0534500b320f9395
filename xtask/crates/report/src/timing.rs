//! The build time of each mode: the order of the samples, their statistics, and the file with the results.
//!
//! Everything here is pure except [`host_facts`], [`ConditionsWatch`] and [`Journal`]. An [`Executor`] runs
//! builds and measures time.

mod bootstrap;
mod compare;
mod conditions;
mod history;
mod host;
mod journal;
mod random;
mod ratio;
mod record;
mod run;
mod schedule;
mod stages;
mod stats;
mod stop;
mod tables;

pub use compare::{ChangeVerdict, TimingChange, TimingComparison};
pub use conditions::{ConditionsWatch, SampleConditions};
pub use history::HistoryEntry;
pub use host::{HostFacts, host_facts};
pub use journal::{EarlierRun, Journal, JournalHeader};
pub use ratio::{IntervalMethod, Ratio};
pub use record::{BuildSeconds, CaseRecord, MethodRecord, RatioRecord, SampledBy, Timings};
pub use run::{Executor, Sample, TakenSample, TimingRun, run};
pub use schedule::{Case, Scenario, Schedule, ScheduledSample};
pub use stages::{ReleaseStage, StageClock, StageRecord};
pub(crate) use stats::micro;
pub use stats::{Timing, median};
pub use stop::StopRule;
pub(crate) use tables::notes;
pub use tables::{
    change_table, comparison_markdown, markdown, parts_table, ratio_table, stage_table, terminal,
    timing_table,
};
