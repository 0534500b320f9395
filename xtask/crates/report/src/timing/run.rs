//! Takes the samples of a schedule until enough is known.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::conditions::SampleConditions;
use super::record::{BuildSeconds, CaseRecord, SampledBy};
use super::schedule::{Case, Schedule, ScheduledSample};
use super::stats::micro;
use super::stop::StopRule;
use xtask_files::error::{Error, Result};

/// The measurements of one timed build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The duration of its cargo call, in seconds.
    pub seconds: f64,
    /// The duration of the whole sample with its preparation, in seconds.
    #[serde(default)]
    pub spent_s: f64,
    /// The parts of the time, if the build was traced.
    pub parts: Option<BuildSeconds>,
    /// The size of the program, in bytes.
    pub binary_bytes: Option<u64>,
    /// The size of its image's stored layers, in bytes.
    pub image_bytes: Option<u64>,
    /// The file that was touched before the build, relative to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<String>,
    /// The state of the machine during the build, as far as the system shows it.
    #[serde(default)]
    pub conditions: SampleConditions,
}

impl Sample {
    /// Rounds all times to microseconds, so that they are read back as they were written.
    fn rounded(self) -> Self {
        let parts = self.parts.map(BuildSeconds::rounded);
        Self { seconds: micro(self.seconds), spent_s: micro(self.spent_s), parts, ..self }
    }
}

/// A sample with its place in the schedule: a line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakenSample {
    /// The case that the sample belongs to.
    #[serde(flatten)]
    pub case: Case,
    /// The number of the sample within its case, from 0.
    pub round: usize,
    /// The measurements.
    pub sample: Sample,
}

/// Prepares a case (untimed) and times it. The product's executor runs cargo. Tests have one with an
/// artificial clock.
pub trait Executor {
    /// Takes one sample of a case.
    ///
    /// # Errors
    /// The build fails. This case is not sampled again, but the others are.
    fn measure(&mut self, slot: &ScheduledSample) -> Result<Sample>;

    /// Stores a sample before the next one is taken, so that a killed run can go on.
    ///
    /// # Errors
    /// It cannot be stored.
    fn keep(&mut self, taken: &TakenSample) -> Result<()>;
}

/// The result of a schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct TimingRun {
    /// The cases with all samples, ordered by target, scenario, mode and revision.
    pub cases: Vec<(Case, CaseRecord)>,
    /// The cases that failed, with the first error of each, in the order in which they failed.
    pub failed: Vec<(Case, Error)>,
    /// Whether the time limit ended the run.
    pub out_of_time: bool,
}

/// Takes the samples of a schedule, round by round. A group of cases gets no further samples when `rule` is satisfied.
/// Samples that an interrupted run of the same schedule took, `earlier`, are used as if they were taken now. After a
/// case has failed, its remaining samples are skipped, and it is left out of the result.
///
/// # Errors
/// A sample cannot be stored.
pub fn run(
    schedule: &Schedule,
    rule: &StopRule,
    earlier: Vec<TakenSample>,
    executor: &mut impl Executor,
) -> Result<TimingRun> {
    let earlier = earlier.into_iter().map(|taken| ((taken.case, taken.round), taken.sample)).collect();
    let mut state = RunState { earlier, samples: BTreeMap::new(), failed: Vec::new(), spent: 0.0 };
    let mut done: BTreeSet<usize> = BTreeSet::new();
    for round in 0..rule.most {
        let before = state.spent;
        let groups = schedule.round(round).into_iter().filter(|(group, _)| !done.contains(group));
        for case in groups.flat_map(|(_, cases)| cases) {
            state.take(ScheduledSample { case: case.clone(), round }, executor)?;
        }
        let groups = schedule.groups().iter().enumerate();
        done.extend(groups.filter(|(_, group)| state.satisfies(rule, group)).map(|(index, _)| index));
        if done.len() == schedule.groups().len() {
            break;
        }
        // A round that has begun is finished, so that all cases have equally many samples.
        let cost = state.spent - before;
        if round + 1 < rule.most && rule.limit_s.is_some_and(|limit| state.spent + cost > limit) {
            return Ok(state.finish(true));
        }
    }
    Ok(state.finish(false))
}

/// The samples of a run so far.
struct RunState {
    earlier: BTreeMap<(Case, usize), Sample>,
    samples: BTreeMap<Case, Vec<Sample>>,
    failed: Vec<(Case, Error)>,
    /// The time of all samples with their preparation, in seconds.
    spent: f64,
}

impl RunState {
    fn has_failed(&self, case: &Case) -> bool {
        self.failed.iter().any(|(failed, _)| failed == case)
    }

    fn take(&mut self, slot: ScheduledSample, executor: &mut impl Executor) -> Result<()> {
        if self.has_failed(&slot.case) {
            return Ok(());
        }
        let key = (slot.case, slot.round);
        let sample = match self.earlier.remove(&key) {
            Some(sample) => sample,
            None => {
                let (case, round) = key.clone();
                match executor.measure(&ScheduledSample { case: case.clone(), round }) {
                    Ok(sample) => {
                        let sample = sample.rounded();
                        executor.keep(&TakenSample { case, round, sample: sample.clone() })?;
                        sample
                    }
                    Err(error) => {
                        self.failed.push((case, error));
                        return Ok(());
                    }
                }
            }
        };
        self.spent += sample.spent_s.max(sample.seconds);
        self.samples.entry(key.0).or_default().push(sample);
        Ok(())
    }

    fn satisfies(&self, rule: &StopRule, group: &[Case]) -> bool {
        let seconds = |case: &Case| -> Vec<f64> {
            self.samples.get(case).into_iter().flatten().map(|sample| sample.seconds).collect()
        };
        let alive = group.iter().filter(|case| !self.has_failed(case));
        rule.is_satisfied(&alive.map(|case| (case, seconds(case))).collect::<Vec<_>>())
    }

    fn finish(mut self, out_of_time: bool) -> TimingRun {
        let mut cases = Vec::new();
        for (case, samples) in std::mem::take(&mut self.samples) {
            if self.has_failed(&case) {
                continue;
            }
            match CaseRecord::of(&case, &samples, SampledBy::Bench) {
                Ok(record) => cases.push((case, record)),
                Err(error) => self.failed.push((case, error)),
            }
        }
        TimingRun { cases, failed: self.failed, out_of_time }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;

    /// A machine that becomes slower by 10 ms with every sample. Pure builds take 1 s, native ones 4 s, noisy ones 1 to
    /// 4 s, and broken ones fail in their second round.
    #[derive(Default)]
    struct Clock {
        samples: u32,
        kept: Vec<TakenSample>,
        /// The number of samples after which nothing can be stored any more.
        full_after: Option<usize>,
    }

    impl Executor for Clock {
        fn measure(&mut self, slot: &ScheduledSample) -> Result<Sample> {
            self.samples += 1;
            let seconds = match slot.case.mode.as_str() {
                "pure" => 1.0,
                "native" => 4.0,
                "noisy" => 1.0 + (slot.round % 4) as f64,
                "odd" => f64::NAN,
                _ if slot.round == 0 => 1.0,
                _ => return Err(Error::failed("cc1 was killed")),
            };
            let drift = 0.01 * f64::from(self.samples - 1);
            Ok(Sample { seconds: seconds + drift, binary_bytes: Some(7), ..Sample::default() })
        }

        fn keep(&mut self, taken: &TakenSample) -> Result<()> {
            self.kept.push(taken.clone());
            match self.full_after {
                Some(most) if self.kept.len() == most => Err(Error::failed("the disk is full")),
                _ => Ok(()),
            }
        }
    }

    fn schedule(modes: &[&str]) -> Schedule {
        let cases: Vec<Case> = modes.iter().map(|mode| Case::new("t", Scenario::Cold, *mode)).collect();
        Schedule::new(&cases, 5)
    }

    fn adaptive(most: usize) -> StopRule {
        StopRule { least: 5, most, width: 0.2, limit_s: None, reference: "pure".into() }
    }

    #[test]
    fn a_fixed_number_of_samples_is_taken_of_each_case() {
        let mut clock = Clock::default();
        let run =
            run(&schedule(&["native", "pure"]), &StopRule::fixed(4, "pure"), vec![], &mut clock).unwrap();
        assert_eq!((clock.samples, run.failed.len(), run.cases.len(), run.out_of_time), (8, 0, 2, false));
        let counts: Vec<_> =
            run.cases.iter().map(|(case, record)| (case.mode.as_str(), record.samples_s.len())).collect();
        assert_eq!(counts, [("native", 4), ("pure", 4)]);
        assert_eq!(clock.kept.len(), 8);
    }

    #[test]
    fn a_clear_ratio_needs_few_samples_and_noise_needs_all() {
        let mut clock = Clock::default();
        let clear = run(&schedule(&["native", "pure"]), &adaptive(12), vec![], &mut clock).unwrap();
        assert_eq!((clear.cases[0].1.samples_s.len(), clear.cases[1].1.samples_s.len()), (5, 5));
        let noisy = run(&schedule(&["noisy", "pure"]), &adaptive(12), vec![], &mut Clock::default()).unwrap();
        assert_eq!(noisy.cases[0].1.samples_s.len(), 12);
    }

    #[test]
    fn a_limit_ends_the_run_after_a_whole_round() {
        let rule = StopRule { limit_s: Some(11.0), ..adaptive(12) };
        let found = run(&schedule(&["native", "pure"]), &rule, vec![], &mut Clock::default()).unwrap();
        assert!(found.out_of_time);
        assert_eq!(found.cases.iter().map(|(_, c)| c.samples_s.len()).collect::<Vec<_>>(), [2, 2]);
        let rule = StopRule { limit_s: Some(0.0), ..rule };
        let least = run(&schedule(&["native", "pure"]), &rule, vec![], &mut Clock::default()).unwrap();
        assert_eq!(least.cases[1].1.samples_s.len(), 1, "one sample of each is the least");
    }

    #[test]
    fn an_interrupted_run_goes_on_where_it_was() {
        let (schedule, rule) = (schedule(&["native", "noisy", "pure"]), adaptive(7));
        let mut whole = Clock::default();
        let expected = run(&schedule, &rule, vec![], &mut whole).unwrap();
        for killed_after in [1, 4, 20] {
            let mut first = Clock { full_after: Some(killed_after), ..Clock::default() };
            let error = run(&schedule, &rule, vec![], &mut first).unwrap_err();
            assert_eq!(error.what, "the disk is full");
            let mut second = Clock { samples: first.samples, ..Clock::default() };
            let found = run(&schedule, &rule, first.kept.clone(), &mut second).unwrap();
            assert_eq!(found, expected, "{killed_after}");
            assert_eq!(first.kept.len() + second.kept.len(), whole.kept.len());
        }
    }

    #[test]
    fn a_case_that_fails_is_not_tried_again_and_stops_nothing() {
        let mut clock = Clock::default();
        let found =
            run(&schedule(&["broken", "pure", "odd"]), &StopRule::fixed(3, "pure"), vec![], &mut clock)
                .unwrap();
        assert_eq!(clock.samples, 2 + 3 + 3);
        assert_eq!(found.cases.iter().map(|(case, _)| case.mode.as_str()).collect::<Vec<_>>(), ["pure"]);
        let failed: Vec<(&str, &str)> =
            found.failed.iter().map(|(c, e)| (c.mode.as_str(), e.what.as_str())).collect();
        assert_eq!(failed, [("broken", "cc1 was killed"), ("odd", "a sample of NaN s is not a duration")]);
    }
}
