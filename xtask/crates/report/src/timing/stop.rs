//! Decides when enough samples are taken.

use serde::{Deserialize, Serialize};

use super::bootstrap::MedianDistribution;
use super::ratio::Ratio;
use super::schedule::Case;
use super::stats::median;

/// The rule by which a group of cases gets no further samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StopRule {
    /// The smallest number of samples of each case.
    pub least: usize,
    /// The largest number of samples of each case.
    pub most: usize,
    /// The width of a ratio's interval that is narrow enough, as a share of the ratio: 0.1 is 10 %.
    pub width: f64,
    /// The time in seconds after which no further round begins. None is no limit.
    pub limit_s: Option<f64>,
    /// The mode with which the others are compared.
    pub reference: String,
}

impl StopRule {
    /// Returns the rule that takes exactly this number of samples.
    pub fn fixed(samples: usize, reference: &str) -> Self {
        Self { least: samples, most: samples, width: 0.0, limit_s: None, reference: reference.to_owned() }
    }

    /// Returns whether these cases, each with its samples in seconds, need no further ones.
    pub fn is_satisfied(&self, group: &[(&Case, Vec<f64>)]) -> bool {
        let Some(count) = group.iter().map(|(_, samples)| samples.len()).min() else { return true };
        count >= self.most
            || (count >= self.least && self.widths(group).iter().all(|width| *width <= self.width))
    }

    /// Returns the widths of the intervals that matter. A case is compared with the same mode at another revision, or else
    /// with the reference. Without anything to compare, the intervals of the medians count.
    fn widths(&self, group: &[(&Case, Vec<f64>)]) -> Vec<f64> {
        let other = |case: &Case| {
            let then = group.iter().find(|(other, _)| other.mode == case.mode && other.revision.is_some());
            then.or_else(|| {
                group.iter().find(|(other, _)| other.mode == self.reference && other.revision.is_none())
            })
        };
        let ratio = |(case, samples): &(&Case, Vec<f64>)| {
            let (_, others) = other(case).filter(|(other, _)| other != case)?;
            // Samples without a ratio do not get one by further samples.
            Some(Ratio::of(samples, others).map_or(0.0, |ratio| ratio.width()))
        };
        let now = group.iter().filter(|(case, _)| case.revision.is_none());
        let widths: Vec<f64> = now.filter_map(ratio).collect();
        match widths.is_empty() {
            true => group.iter().map(|(_, samples)| own_width(samples)).collect(),
            false => widths,
        }
    }
}

/// Returns the width of the median's interval as a share of the median.
fn own_width(samples: &[f64]) -> f64 {
    let (low, high) = MedianDistribution::of(samples).interval(0.025);
    match median(samples) {
        middle if middle > 0.0 => (high - low) / middle,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;

    #[test]
    fn what_is_compared_must_be_narrow_enough() {
        let case = |mode: &str, revision: Option<&str>| Case {
            revision: revision.map(str::to_owned),
            ..Case::new("t", Scenario::Cold, mode)
        };
        let rule = StopRule { least: 5, most: 9, width: 0.1, limit_s: None, reference: "pure".into() };
        let steady = |seconds: f64| (0..5).map(|i| seconds + 0.001 * f64::from(i)).collect::<Vec<f64>>();
        let wild = |seconds: f64| (0..5).map(|i| seconds * (1.0 + 0.2 * f64::from(i))).collect::<Vec<f64>>();
        let enough = |group: &[(&Case, Vec<f64>)]| rule.is_satisfied(group);
        let [native, pure, then] = [case("native", None), case("pure", None), case("native", Some("v1"))];
        assert!(enough(&[]) && enough(&[(&native, steady(4.0)), (&pure, steady(1.0))]));
        assert!(!enough(&[(&native, steady(4.0)[..4].to_vec()), (&pure, steady(1.0))]), "too few");
        assert!(!enough(&[(&native, steady(4.0)), (&pure, wild(1.0))]));
        assert!(!enough(&[(&native, wild(4.0))]) && enough(&[(&native, steady(4.0))]), "one alone");
        // With an earlier revision, only that comparison counts.
        assert!(!enough(&[(&native, steady(4.0)), (&then, wild(4.0))]));
        assert!(enough(&[(&native, steady(4.0)), (&then, steady(4.0))]));
        assert!(enough(&[(&native, [wild(4.0), wild(4.0)].concat())]), "the largest number");
    }
}
