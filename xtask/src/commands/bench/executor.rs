//! Takes the samples of a schedule, and stores each of them.

use std::time::Instant;

use super::builds::TimedBuild;
use super::traces::TraceStore;
use xtask_files::error::{Error, Result};
use xtask_report::timing::{Executor, Journal, Sample, ScheduledSample, TakenSample};

/// The measured builds: it runs cargo.
pub(super) struct BuildTimer<'a> {
    pub(super) builds: &'a [TimedBuild<'a>],
    pub(super) journal: Journal,
    pub(super) traces: TraceStore,
    /// The number of samples so far.
    pub(super) done: usize,
    /// The number of all samples, if it is fixed.
    pub(super) total: Option<usize>,
}

impl Executor for BuildTimer<'_> {
    fn measure(&mut self, slot: &ScheduledSample) -> Result<Sample> {
        self.done += 1;
        let case = &slot.case;
        let build = self.builds.iter().find(|build| build.case(case.scenario) == *case);
        let build = build.ok_or_else(|| Error::failed("a case that was not planned"))?;
        let count = match self.total {
            Some(total) => format!("{} of {total}", self.done),
            None => format!("sample {}", self.done),
        };
        let begun = Instant::now();
        let traced = build.sample(case.scenario, &format!("{count}: {case}"))?;
        self.traces.keep(case, &traced)?;
        Ok(Sample { spent_s: begun.elapsed().as_secs_f64(), ..traced.sample })
    }

    fn keep(&mut self, taken: &TakenSample) -> Result<()> {
        self.journal.add(taken)
    }
}
