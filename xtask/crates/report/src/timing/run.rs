//! Takes the samples of a schedule.

use std::collections::BTreeMap;

use super::record::{BuildSeconds, CaseRecord, SampledBy};
use super::schedule::{Case, ScheduledSample};
use xtask_files::error::{Error, Result};

/// The measurements of one timed build.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The duration of its cargo call, in seconds.
    pub seconds: f64,
    /// The parts of that time, if the build was traced.
    pub parts: Option<BuildSeconds>,
    /// The size of the program, in bytes.
    pub binary_bytes: Option<u64>,
    /// The size of its image's stored layers, in bytes.
    pub image_bytes: Option<u64>,
}

/// Prepares a case (untimed) and times it. The product's executor runs cargo. Tests have one with an
/// artificial clock.
pub trait Executor {
    /// Takes one sample of a case.
    ///
    /// # Errors
    /// The build fails. This case is not sampled again, but the others are.
    fn measure(&mut self, slot: &ScheduledSample) -> Result<Sample>;
}

/// The result of a schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct TimingRun {
    /// The cases with all samples, ordered by target, scenario and mode.
    pub cases: Vec<CaseRecord>,
    /// The cases that failed, with the first error of each, in the order in which they failed.
    pub failed: Vec<(Case, Error)>,
}

/// Takes every sample of `slots` in turn. After a case has failed, its remaining samples are skipped, and it
/// is left out of the result.
pub fn run(slots: &[ScheduledSample], executor: &mut impl Executor) -> TimingRun {
    let mut samples: BTreeMap<&Case, Vec<Sample>> = BTreeMap::new();
    let mut failed: Vec<(Case, Error)> = Vec::new();
    for slot in slots {
        if failed.iter().any(|(case, _)| *case == slot.case) {
            continue;
        }
        match executor.measure(slot) {
            Ok(sample) => samples.entry(&slot.case).or_default().push(sample),
            Err(error) => failed.push((slot.case.clone(), error)),
        }
    }
    let mut cases = Vec::new();
    for (case, samples) in samples {
        if failed.iter().any(|(c, _)| c == case) {
            continue;
        }
        match CaseRecord::of(case, &samples, SampledBy::Bench) {
            Ok(record) => cases.push(record),
            Err(error) => failed.push((case.clone(), error)),
        }
    }
    TimingRun { cases, failed }
}

#[cfg(test)]
mod tests {
    use super::super::{Scenario, schedule};
    use super::*;

    /// A machine that becomes slower by 10 ms with every sample. Pure builds take 1 s, native ones 4 s, and
    /// broken ones fail in their second round.
    struct Clock {
        samples: u32,
    }

    impl Executor for Clock {
        fn measure(&mut self, slot: &ScheduledSample) -> Result<Sample> {
            self.samples += 1;
            let seconds = match slot.case.mode.as_str() {
                "pure" => 1.0,
                "native" => 4.0,
                "odd" => f64::NAN,
                _ if slot.round == 0 => 1.0,
                _ => return Err(Error::failed("cc1 was killed")),
            };
            let drift = 0.01 * f64::from(self.samples - 1);
            Ok(Sample { seconds: seconds + drift, parts: None, binary_bytes: Some(7), image_bytes: None })
        }
    }

    fn cases(modes: &[&str]) -> Vec<Case> {
        modes
            .iter()
            .map(|m| Case { target: "t".into(), scenario: Scenario::Cold, mode: (*m).into() })
            .collect()
    }

    #[test]
    fn samples_are_collected_by_case() {
        let mut clock = Clock { samples: 0 };
        let run = run(&schedule(&cases(&["native", "pure"]), 4), &mut clock);
        assert_eq!((clock.samples, run.failed.len(), run.cases.len()), (8, 0, 2));
        assert_eq!(run.cases[0].mode, "native");
        assert_eq!(run.cases[0].samples_s, [4.0, 4.03, 4.04, 4.07]);
        assert_eq!(run.cases[1].samples_s, [1.01, 1.02, 1.05, 1.06]);
        // Both were slowed equally on average, so the drift does not affect the difference.
        assert!((run.cases[0].median_s - run.cases[1].median_s - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_case_that_fails_is_not_tried_again_and_stops_nothing() {
        let mut clock = Clock { samples: 0 };
        let run = run(&schedule(&cases(&["broken", "pure", "odd"]), 3), &mut clock);
        assert_eq!(clock.samples, 2 + 3 + 3);
        assert_eq!(run.cases.iter().map(|c| c.mode.as_str()).collect::<Vec<_>>(), ["pure"]);
        let failed: Vec<(&str, &str)> =
            run.failed.iter().map(|(c, e)| (c.mode.as_str(), e.what.as_str())).collect();
        assert_eq!(failed, [("broken", "cc1 was killed"), ("odd", "a sample of NaN s is not a duration")]);
    }
}
