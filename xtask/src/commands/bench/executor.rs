//! Takes samples: prepares the folders of a case, runs Cargo, and watches the machine meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::build::Shown;
use crate::cargo::builder::Builder;
use crate::cargo::cohort::{Cohort, cohorts};
use crate::cargo::invocation::invocation;
use crate::cargo::units;
use crate::plan::Job;
use xtask_files::error::{Error, Result};
use xtask_process::exec::ProcessEnd;
use xtask_report::timing::{
    Case, ConditionsWatch, Executor, Journal, Sample, Scenario, ScheduledSample, StopRule, TakenSample, Trace,
};

/// Returns the case of a job.
pub(super) fn case(job: &Job, scenario: Scenario) -> Case {
    Case::new(job.target.triple.to_string(), scenario, job.mode.name.clone())
}

/// The measured builds: it runs cargo.
pub(super) struct BuildTimer<'a> {
    builder: &'a Builder<'a>,
    jobs: &'a [&'a Job],
    /// The folder for build folders.
    dir: PathBuf,
    journal: Journal,
    warm_up: bool,
    /// The build folders in which this process has built before the first sample, each with the error of that build.
    warmed: BTreeMap<PathBuf, Option<Error>>,
    /// The number of samples so far.
    done: usize,
    /// The number of all samples, if it is fixed.
    total: Option<usize>,
}

impl<'a> BuildTimer<'a> {
    /// Makes a timer of these jobs, whose build folders lie in `dir`. With `warm_up`, each job is built once before its
    /// first sample, so that the first sample finds the same caches of the system as the others.
    pub(super) fn new(
        builder: &'a Builder<'a>,
        jobs: &'a [&'a Job],
        dir: PathBuf,
        journal: Journal,
        warm_up: bool,
    ) -> Self {
        Self { builder, jobs, dir, journal, warm_up, warmed: BTreeMap::new(), done: 0, total: None }
    }

    /// Sets the numbers that the progress shows: samples that are there, and those that will be taken.
    pub(super) fn progress(&mut self, done: usize, cases: usize, rule: &StopRule) {
        self.done = done;
        self.total = (rule.least == rule.most).then_some(cases * rule.most);
    }

    /// Ends the journal.
    pub(super) fn finish(self) -> Result<()> {
        self.journal.finish()
    }

    /// Builds a job once in its folder, if this process has not done so yet.
    fn warm(&mut self, cohort: &Cohort, dir: &Path) -> Result<()> {
        if !self.warmed.contains_key(dir) {
            let title = format!("{} before the first sample", cohort.jobs[0].title());
            let error = self.build(cohort, dir, Some(&title)).err();
            self.warmed.insert(dir.to_owned(), error);
        }
        self.warmed.get(dir).cloned().flatten().map_or(Ok(()), Err)
    }

    fn build(&self, cohort: &Cohort, dir: &Path, title: Option<&str>) -> Result<Sample> {
        let traps = self.builder.traps(cohort, dir)?;
        let cmd = invocation(cohort, &self.builder.what(), dir, traps.as_ref(), &self.builder.site);
        let shown = title.map(|title| Shown { title, units: units::count(cohort, self.builder) });
        let watch = ConditionsWatch::start();
        let trace = Trace::start();
        let call = self.builder.call(&cmd, None, shown)?;
        let parts = trace.and_then(|trace| trace.finish(call.seconds));
        let conditions = watch.finish();
        let Some(program) = call.programs.first().filter(|_| call.end == ProcessEnd::Code(0)) else {
            if let Some(traps) = traps {
                traps.judge(&cohort.key.mode, &cohort.jobs[0].target.triple)?;
            }
            return Err(Error::failed("the build failed").found(call.errors));
        };
        let binary_bytes = std::fs::metadata(program).ok().map(|m| m.len());
        Ok(Sample { seconds: call.seconds, parts, binary_bytes, conditions, ..Sample::default() })
    }
}

impl Executor for BuildTimer<'_> {
    fn measure(&mut self, slot: &ScheduledSample) -> Result<Sample> {
        self.done += 1;
        let ScheduledSample { case: wanted, .. } = slot;
        let job = self.jobs.iter().find(|job| case(job, wanted.scenario) == *wanted);
        let job = *job.ok_or_else(|| Error::failed("a case that was not planned"))?;
        let cohort = cohorts([job]).into_iter().next();
        let cohort = cohort.ok_or_else(|| Error::failed(format!("{} cannot be built", job.title())))?;
        let dir = self.dir.join(format!("{}-{}", job.mode.name, job.target.triple));
        if self.warm_up {
            self.warm(&cohort, &dir)?;
        }
        let begun = Instant::now();
        let count = self
            .total
            .map_or_else(|| format!("sample {}", self.done), |total| format!("{} of {total}", self.done));
        let title = format!("{count}: {wanted}");
        let sample = match wanted.scenario {
            Scenario::Cold => {
                if dir.exists() {
                    std::fs::remove_dir_all(&dir).map_err(|e| Error::io("cannot remove", &dir, &e))?;
                }
                self.build(&cohort, &dir, Some(&title))?
            }
            // A warm sample measures a build folder in which everything is built.
            _ => {
                self.build(&cohort, &dir, Some(&title))?;
                self.build(&cohort, &dir, None)?
            }
        };
        Ok(Sample { spent_s: begun.elapsed().as_secs_f64(), ..sample })
    }

    fn keep(&mut self, taken: &TakenSample) -> Result<()> {
        self.journal.add(taken)
    }
}
