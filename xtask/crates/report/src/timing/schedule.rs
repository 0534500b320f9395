//! The order in which samples are taken.

use serde::{Deserialize, Serialize};

use super::random::SeededRandom;

/// The state in which a build starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// An empty build directory, with fetched dependencies.
    Cold,
    /// Everything is built, and nothing has changed.
    Warm,
    /// Everything is built, then one C source is touched.
    CTouched,
    /// Everything is built, then one Rust source is touched.
    RustTouched,
    /// Everything is built, then one header of C is touched.
    HeaderTouched,
}

/// A case to time: an element of `cases` in timings.json.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Case {
    /// The target triple to build for.
    pub target: String,
    /// The state in which the build starts.
    #[serde(rename = "case")]
    pub scenario: Scenario,
    /// The name of the mode to build.
    pub mode: String,
    /// The revision that is built, or none for the workspace as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// A sample to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledSample {
    /// The case that the sample belongs to.
    pub case: Case,
    /// The number of the sample within its case, from 0.
    pub round: usize,
}

/// The cases of a run, and the seed of the order of their samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    seed: u64,
    /// Cases of one group differ only in mode and revision: they are compared with each other.
    groups: Vec<Vec<Case>>,
}

impl Scenario {
    /// Returns the name of the scenario in timings.json.
    pub fn word(self) -> &'static str {
        match self {
            Scenario::Cold => "cold",
            Scenario::Warm => "warm",
            Scenario::CTouched => "c-touched",
            Scenario::RustTouched => "rust-touched",
            Scenario::HeaderTouched => "header-touched",
        }
    }

    /// Returns whether a source is touched before the build.
    pub fn is_touched(self) -> bool {
        matches!(self, Scenario::CTouched | Scenario::RustTouched | Scenario::HeaderTouched)
    }
}

impl Case {
    /// Returns the case of the workspace as it is.
    pub fn new(target: impl Into<String>, scenario: Scenario, mode: impl Into<String>) -> Self {
        Self { target: target.into(), scenario, mode: mode.into(), revision: None }
    }
}

/// Writes the mode, the target, the scenario and the revision, for messages.
impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} for {}, {}", self.mode, self.target, self.scenario.word())?;
        self.revision.iter().try_for_each(|revision| write!(f, ", at {revision}"))
    }
}

impl Schedule {
    /// Makes the schedule of these cases. A case that is named twice counts once.
    pub fn new(cases: &[Case], seed: u64) -> Self {
        let mut groups: Vec<Vec<Case>> = Vec::new();
        for case in cases {
            match groups.iter_mut().find(|g| (&g[0].target, g[0].scenario) == (&case.target, case.scenario)) {
                Some(group) if group.contains(case) => {}
                Some(group) => group.push(case.clone()),
                None => groups.push(vec![case.clone()]),
            }
        }
        Self { seed, groups }
    }

    /// Returns the seed of the order.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the cases of each group, in the order in which they were named.
    pub fn groups(&self) -> &[Vec<Case>] {
        &self.groups
    }

    /// Returns the order of a round: the index of each group, with its cases. Both orders are random. Cases of a group
    /// follow each other directly, so that the compared builds are close in time, and none of them always profits from
    /// what the one before it left in the caches. A round takes one sample of each case, so a disturbance of a minute
    /// affects one sample of several cases, not all samples of one. The order depends on the seed and the number of the
    /// round alone, so an interrupted run goes on in the same order.
    pub fn round(&self, round: usize) -> Vec<(usize, Vec<&Case>)> {
        let mut random = SeededRandom::new(self.seed, round as u64);
        let mut groups: Vec<_> =
            self.groups.iter().map(|group| group.iter().collect::<Vec<_>>()).enumerate().collect();
        random.shuffle(&mut groups);
        for (_, cases) in &mut groups {
            random.shuffle(cases);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases() -> Vec<Case> {
        let of = |mode: &str| ["a", "b"].map(|target| Case::new(target, Scenario::Cold, mode));
        [of("native"), of("pure"), of("native")].concat()
    }

    fn shown(schedule: &Schedule, round: usize) -> String {
        let groups = schedule.round(round).into_iter();
        let words =
            groups.flat_map(|(_, cases)| cases.into_iter().map(|c| format!("{} {}", c.target, c.mode)));
        words.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn each_round_has_every_case_once_in_an_order_of_its_own() {
        let schedule = Schedule::new(&cases(), 1);
        assert_eq!(schedule.groups().len(), 2);
        let rounds: Vec<String> = (0..40).map(|round| shown(&schedule, round)).collect();
        let orders: std::collections::BTreeSet<&String> = rounds.iter().collect();
        // Two groups of two modes have 2 × 2 × 2 orders, in which modes of a target follow each other.
        assert_eq!(orders.len(), 8, "{orders:?}");
        for order in orders {
            let targets: Vec<&str> = order.split(", ").map(|case| &case[..1]).collect();
            assert!(targets == ["a", "a", "b", "b"] || targets == ["b", "b", "a", "a"], "{order}");
        }
    }

    #[test]
    fn the_seed_makes_the_order_and_the_round_needs_no_other() {
        let orders =
            |seed| (0..10).map(|round| shown(&Schedule::new(&cases(), seed), round)).collect::<Vec<_>>();
        assert_eq!(orders(3), orders(3));
        assert_ne!(orders(3), orders(4));
        assert!(Schedule::new(&[], 1).round(0).is_empty());
    }

    #[test]
    fn first_and_last_are_shared_out_evenly() {
        // A machine that becomes slower within a round must favour no mode.
        let schedule = Schedule::new(&cases(), 11);
        let first = (0..400).filter(|round| schedule.round(*round)[0].1[0].mode == "native").count();
        assert!((160..240).contains(&first), "{first}");
    }
}
