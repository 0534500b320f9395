//! The order in which samples are taken.

use serde::{Deserialize, Serialize};

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
}

/// A case to time: an element of `cases` in timings.json.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Case {
    /// The target triple to build for.
    pub target: String,
    /// The state in which the build starts.
    pub scenario: Scenario,
    /// The name of the mode to build.
    pub mode: String,
}

/// A sample to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledSample {
    /// The case that the sample belongs to.
    pub case: Case,
    /// The number of the sample within its case, from 0.
    pub round: usize,
}

impl Scenario {
    /// Returns the name of the scenario in timings.json.
    pub fn word(self) -> &'static str {
        match self {
            Scenario::Cold => "cold",
            Scenario::Warm => "warm",
            Scenario::CTouched => "c-touched",
            Scenario::RustTouched => "rust-touched",
        }
    }
}

/// Returns the order of the samples. Cases that differ only in their mode follow each other directly, so that
/// the compared builds are close in time. Their order is reversed in each round (native, pure; pure, native;
/// …), so that a machine that becomes slower or faster favours neither. Rounds are the outermost loop. So a
/// disturbance of a minute affects one sample of several cases, not all samples of one, and an interrupted
/// run has equally many samples of each. A case that is named twice counts once.
pub fn schedule(cases: &[Case], samples: usize) -> Vec<ScheduledSample> {
    let mut groups: Vec<Vec<&Case>> = Vec::new();
    for case in cases {
        match groups.iter_mut().find(|g| (&g[0].target, g[0].scenario) == (&case.target, case.scenario)) {
            Some(group) if group.contains(&case) => {}
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    let mut slots = Vec::with_capacity(cases.len() * samples);
    for round in 0..samples {
        for group in &groups {
            let slot = |case: &&Case| ScheduledSample { case: (*case).clone(), round };
            if round % 2 == 0 {
                slots.extend(group.iter().map(slot));
            } else {
                slots.extend(group.iter().rev().map(slot));
            }
        }
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn case(target: &str, scenario: Scenario, mode: &str) -> Case {
        Case { target: target.into(), scenario, mode: mode.into() }
    }

    #[test]
    fn modes_alternate_and_turn_round() {
        let cases = [
            case("a", Scenario::Cold, "native"),
            case("b", Scenario::Cold, "native"),
            case("a", Scenario::Cold, "pure"),
            case("b", Scenario::Cold, "pure"),
            case("a", Scenario::Cold, "native"),
        ];
        let order: Vec<String> = schedule(&cases, 2)
            .iter()
            .map(|s| format!("{}{} {}", s.case.target, s.round, s.case.mode))
            .collect();
        assert_eq!(
            order,
            ["a0 native", "a0 pure", "b0 native", "b0 pure", "a1 pure", "a1 native", "b1 pure", "b1 native"]
        );
        assert_eq!(schedule(&cases, 0), []);
        assert_eq!(schedule(&[], 5), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn steady_drift_cancels_over_two_rounds(modes in 2usize..5, pairs in 1usize..5) {
            let cases: Vec<Case> = (0..modes).map(|m| case("t", Scenario::Warm, &format!("m{m}"))).collect();
            let slots = schedule(&cases, pairs * 2);
            prop_assert_eq!(slots.len(), modes * pairs * 2);
            // On a machine that loses a second per sample, every mode waits equally long in total.
            let waited = |mode: &str| -> usize {
                slots.iter().enumerate().filter(|(_, s)| s.case.mode == mode).map(|(i, _)| i).sum()
            };
            for mode in 1..modes {
                prop_assert_eq!(waited("m0"), waited(&format!("m{mode}")));
            }
        }
    }
}
