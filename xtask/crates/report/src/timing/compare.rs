//! Whether builds became slower: the cases of two documents of timings, or of two revisions, compared.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ratio::{IntervalMethod, Ratio};
use super::record::{CaseRecord, Timings};
use super::schedule::{Case, Scenario};
use super::stats::{median, micro};
use xtask_files::human_seconds;

/// The smallest confidence of an interval that says anything: that of 3 samples against 3, up to rounding.
const CONFIDENCE_MIN: f64 = 0.899;

/// The change of one case's time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingChange {
    /// The target triple of the builds.
    pub target: String,
    /// The state in which the builds start.
    #[serde(rename = "case")]
    pub scenario: Scenario,
    /// The name of the mode.
    pub mode: String,
    /// The median before, in seconds.
    pub before_s: f64,
    /// The median now, in seconds.
    pub now_s: f64,
    /// The median now divided by the median before.
    pub ratio: f64,
    /// The lower end of the ratio's interval.
    pub low: f64,
    /// The upper end of the ratio's interval.
    pub high: f64,
    /// The probability that such an interval contains the true ratio, 0 to 1.
    pub confidence: f64,
    /// How the interval was computed.
    pub method: IntervalMethod,
    /// What the interval says.
    pub verdict: ChangeVerdict,
}

/// What an interval says about a change that is worth noting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeVerdict {
    /// The whole interval is above the threshold.
    Slower,
    /// The whole interval is below the threshold.
    Faster,
    /// The whole interval is within the threshold.
    Alike,
    /// The interval contains a limit of the threshold: the samples do not tell.
    Unclear,
}

/// The comparison of a run with an earlier one or with another revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingComparison {
    /// The version of the document's format, which is 1.
    pub schema: u32,
    /// What the times are compared with: `revision origin/main`, `saved timings before`.
    pub against: String,
    /// The change that is worth noting, as a share: 0.05 is 5 %.
    pub threshold: f64,
    /// The changes, ordered by target, scenario and mode.
    pub changes: Vec<TimingChange>,
}

impl ChangeVerdict {
    /// Reads an interval of this confidence. `threshold` is a share: with 0.05, a ratio above 1.05 is slower, and one below
    /// 1 / 1.05 faster.
    fn of(low: f64, high: f64, confidence: f64, threshold: f64) -> Self {
        let (slower, faster) = (1.0 + threshold, 1.0 / (1.0 + threshold));
        match () {
            () if confidence < CONFIDENCE_MIN => Self::Unclear,
            () if low > slower => Self::Slower,
            () if high < faster => Self::Faster,
            () if low >= faster && high <= slower => Self::Alike,
            () => Self::Unclear,
        }
    }
}

/// Writes the verdict in words, for tables.
impl fmt::Display for ChangeVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slower => "slower",
            Self::Faster => "faster",
            Self::Alike => "no change",
            Self::Unclear => "too noisy to tell",
        })
    }
}

/// Writes the case and its change, for errors.
impl fmt::Display for TimingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, scenario, mode, ratio, low, high, .. } = self;
        let [before, now] = [self.before_s, self.now_s].map(human_seconds);
        let interval = format!("{ratio:.2} × the time ({low:.2} – {high:.2})");
        write!(f, "{mode} for {target}, {}: {interval}, {now} instead of {before}", scenario.word())
    }
}

impl TimingComparison {
    /// Compares the cases of a run with those of saved timings of the same machine.
    pub fn with_saved(now: &[(Case, CaseRecord)], saved: &Timings, name: &str, threshold: f64) -> Self {
        let before = |case: &Case| {
            let same = |c: &&CaseRecord| {
                (&c.target, c.scenario, &c.mode) == (&case.target, case.scenario, &case.mode)
            };
            saved.cases.iter().find(same).map(|record| record.samples_s.as_slice())
        };
        Self::of(now, before, format!("saved timings {name}"), threshold)
    }

    /// Compares the cases of a run with those of the revision that it built beside them.
    pub fn with_revision(now: &[(Case, CaseRecord)], revision: &str, threshold: f64) -> Self {
        let before = |case: &Case| {
            let then = Case { revision: Some(revision.to_owned()), ..case.clone() };
            now.iter().find(|(case, _)| *case == then).map(|(_, record)| record.samples_s.as_slice())
        };
        Self::of(now, before, format!("revision {revision}"), threshold)
    }

    fn of<'t>(
        now: &[(Case, CaseRecord)],
        before: impl Fn(&Case) -> Option<&'t [f64]>,
        against: String,
        threshold: f64,
    ) -> Self {
        let current = now.iter().filter(|(case, _)| case.revision.is_none());
        let changes =
            current.filter_map(|(case, record)| change(case, &record.samples_s, before(case)?, threshold));
        Self { schema: 1, against, threshold, changes: changes.collect() }
    }

    /// Returns the cases that became slower than the threshold allows.
    pub fn slower(&self) -> impl Iterator<Item = &TimingChange> {
        self.changes.iter().filter(|change| change.verdict == ChangeVerdict::Slower)
    }
}

/// Returns the change of a case, or none if its samples have no ratio.
fn change(case: &Case, now: &[f64], before: &[f64], threshold: f64) -> Option<TimingChange> {
    let Ratio { ratio, low, high, confidence, method } = Ratio::of(now, before).ok()?;
    Some(TimingChange {
        target: case.target.clone(),
        scenario: case.scenario,
        mode: case.mode.clone(),
        before_s: micro(median(before)),
        now_s: micro(median(now)),
        ratio: micro(ratio),
        low: micro(low),
        high: micro(high),
        confidence: micro(confidence),
        method,
        verdict: ChangeVerdict::of(low, high, confidence, threshold),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{HostFacts, Sample, SampledBy};
    use super::*;

    fn measured(mode: &str, revision: Option<&str>, seconds: f64) -> (Case, CaseRecord) {
        let case = Case { revision: revision.map(str::to_owned), ..Case::new("t", Scenario::Cold, mode) };
        let sample = |i: u32| Sample { seconds: seconds * (1.0 + 0.01 * f64::from(i)), ..Sample::default() };
        let samples: Vec<Sample> = (0..5).map(sample).collect();
        let record = CaseRecord::of(&case, &samples, SampledBy::Bench).unwrap();
        (case, record)
    }

    #[test]
    fn verdicts_follow_the_interval_and_not_its_middle() {
        let of = |low: f64, high: f64| ChangeVerdict::of(low, high, 0.9, 0.05);
        assert_eq!(of(1.06, 1.2), ChangeVerdict::Slower);
        assert_eq!(of(1.04, 1.9), ChangeVerdict::Unclear, "the median is far above, but the interval is not");
        assert_eq!(of(0.97, 1.03), ChangeVerdict::Alike);
        assert_eq!(of(0.8, 0.9), ChangeVerdict::Faster);
        assert_eq!(of(0.8, 1.0), ChangeVerdict::Unclear);
        // One sample against one: the interval is the quotient itself.
        assert_eq!(ChangeVerdict::of(2.0, 2.0, 0.0, 0.05), ChangeVerdict::Unclear);
    }

    #[test]
    fn revisions_are_compared_by_mode() {
        let run = [
            measured("native", None, 4.0),
            measured("native", Some("v1"), 3.0),
            measured("pure", None, 1.0),
            measured("pure", Some("v1"), 1.0),
        ];
        let compared = TimingComparison::with_revision(&run, "v1", 0.1);
        let verdicts: Vec<_> = compared.changes.iter().map(|c| (c.mode.as_str(), c.verdict)).collect();
        assert_eq!(verdicts, [("native", ChangeVerdict::Slower), ("pure", ChangeVerdict::Alike)]);
        assert_eq!(compared.slower().count(), 1);
        assert!((compared.changes[0].ratio - 4.0 / 3.0).abs() < 1e-6);
        assert_eq!(TimingComparison::with_revision(&run, "v2", 0.1).changes, []);
    }

    #[test]
    fn saved_timings_are_compared_by_case() {
        let host = HostFacts { cores: 2, cpu: None, memory_bytes: None, os: "Linux".into(), rustc: None };
        let saved = Timings::merge(None, host, vec![measured("pure", None, 2.0).1], "native", "pure");
        let run = [measured("native", None, 4.0), measured("pure", None, 1.0)];
        let compared = TimingComparison::with_saved(&run, &saved, "before", 0.1);
        assert_eq!(compared.changes.iter().map(|c| c.verdict).collect::<Vec<_>>(), [ChangeVerdict::Faster]);
        assert_eq!(compared.against, "saved timings before");
    }
}
