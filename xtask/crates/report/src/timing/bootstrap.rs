//! The bootstrap of medians and of ratios of medians.
//!
//! The bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993) draws samples with replacement from
//! the samples that were taken, and looks at how their median varies. For a median no random numbers are needed:
//! the probability of each possible result is a sum of binomial terms (Efron, "Bootstrap Methods: Another Look at the
//! Jackknife", 1979; for even numbers Hutson and Ernst, "The exact bootstrap mean and variance of an L-estimator",
//! 2000). So an interval depends on the samples alone: there is no seed and no error of the simulation.

use super::stats::sorted;

/// The maximum number of samples that are used. With more, the smallest probabilities could not be represented.
const SAMPLES_MAX: usize = 100;

/// The distribution of the median of samples that are drawn with replacement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MedianDistribution {
    /// Each possible median, in ascending order.
    values: Vec<f64>,
    /// The probability of a median up to and including the value of the same index.
    up_to: Vec<f64>,
}

impl MedianDistribution {
    /// Computes the distribution for samples in any order. There must be at least one; only the first 100 are used.
    pub(super) fn of(samples: &[f64]) -> Self {
        let sorted = sorted(&samples[..samples.len().min(SAMPLES_MAX)]);
        let mut points = match sorted.len() % 2 {
            1 => odd(&sorted),
            _ => even(&sorted),
        };
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum = 0.0;
        let up_to = points.iter().map(|(_, probability)| {
            sum += probability;
            sum
        });
        Self { up_to: up_to.collect(), values: points.into_iter().map(|(value, _)| value).collect() }
    }

    /// Returns the probability of a median for whose value `is_within` holds. It must hold for small values only.
    fn share(&self, is_within: impl Fn(f64) -> bool) -> f64 {
        let count = self.values.partition_point(|value| is_within(*value));
        count.checked_sub(1).map_or(0.0, |last| self.up_to[last])
    }

    /// Returns each possible median with its probability.
    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let before = std::iter::once(&0.0).chain(&self.up_to);
        self.values.iter().zip(self.up_to.iter().zip(before)).map(|(value, (to, from))| (*value, to - from))
    }

    /// Returns the interval that leaves out medians with a probability of `tail` at each end.
    pub(super) fn interval(&self, tail: f64) -> (f64, f64) {
        let low = self.up_to.iter().position(|up_to| *up_to >= tail).unwrap_or(0);
        let high = self.up_to.iter().position(|up_to| *up_to > 1.0 - tail).unwrap_or(self.up_to.len() - 1);
        (self.values[low], self.values[high])
    }
}

/// Returns the interval of the ratio of two medians that leaves out a probability of `tail` at each end. The interval
/// of the reciprocal is the reciprocal of the interval.
pub(super) fn ratio_interval(of: &MedianDistribution, to: &MedianDistribution, tail: f64) -> (f64, f64) {
    (lower_end(of, to, tail), 1.0 / lower_end(to, of, tail))
}

/// Returns the smallest ratio up to which the probability is at least `tail`.
fn lower_end(of: &MedianDistribution, to: &MedianDistribution, tail: f64) -> f64 {
    let up_to = |ratio: f64| -> f64 {
        to.points().map(|(below, probability)| probability * of.share(|above| above / below <= ratio)).sum()
    };
    let smallest = of.values[0] / to.values[to.values.len() - 1];
    if up_to(smallest) >= tail {
        return smallest;
    }
    // The end lies in the interval (low, high]. Halving it 60 times leaves one possible ratio, up to rounding.
    let (mut low, mut high) = (smallest, of.values[of.values.len() - 1] / to.values[0]);
    for _ in 0..60 {
        let middle = low.sqrt() * high.sqrt();
        match up_to(middle) >= tail {
            true => high = middle,
            false => low = middle,
        }
    }
    let next = |below: f64| of.values.iter().map(|above| above / below).find(|ratio| *ratio > low);
    to.values.iter().filter_map(|below| next(*below)).fold(f64::INFINITY, f64::min)
}

/// Returns the probability that at least `least` of `n` draws are one of the `i` smallest of `n` samples.
fn at_least(least: usize, i: usize, n: usize) -> f64 {
    if i == n {
        return 1.0;
    }
    let share = i as f64 / n as f64;
    let mut term = (1.0 - share).powi(n as i32);
    let mut sum = 0.0;
    for k in 0..=n {
        if k >= least {
            sum += term;
        }
        term *= (n - k) as f64 / (k + 1) as f64 * share / (1.0 - share);
    }
    sum
}

/// Returns each median of an odd number of samples: one of them.
fn odd(sorted: &[f64]) -> Vec<(f64, f64)> {
    let n = sorted.len();
    let up_to = |i: usize| at_least(n.div_ceil(2), i, n);
    sorted.iter().enumerate().map(|(i, value)| (*value, up_to(i + 1) - up_to(i))).collect()
}

/// Returns each median of an even number of samples: the mean of two of them, which may be the same.
fn even(sorted: &[f64]) -> Vec<(f64, f64)> {
    let n = sorted.len();
    let half = n / 2;
    let share = |count: usize| (count as f64 / n as f64).powi(half as i32);
    let orders = (1..=half).fold(1.0, |orders, k| orders * (half + k) as f64 / k as f64);
    let mut points = Vec::with_capacity(n * (n + 1) / 2);
    for i in 0..n {
        // The probability that the lower of the two middle draws is sample i, whatever the upper one is.
        let mut rest = at_least(half, i + 1, n) - at_least(half, i, n);
        for j in i + 1..n {
            let both = orders * (share(i + 1) - share(i)) * (share(n - j) - share(n - j - 1));
            points.push((sorted[i] / 2.0 + sorted[j] / 2.0, both));
            rest -= both;
        }
        points.push((sorted[i], rest.max(0.0)));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::super::stats::median;
    use super::*;
    use std::collections::BTreeMap;

    /// Counts by the definition: all draws with replacement, each as probable as any other.
    fn drawn(samples: &[f64]) -> BTreeMap<u64, f64> {
        let n = samples.len();
        let all = n.pow(n as u32);
        let mut found = BTreeMap::new();
        for mut number in 0..all {
            let mut draw = Vec::new();
            for _ in 0..n {
                draw.push(samples[number % n]);
                number /= n;
            }
            *found.entry(median(&draw).to_bits()).or_insert(0.0) += 1.0 / all as f64;
        }
        found
    }

    #[test]
    fn the_distribution_is_that_of_all_draws() {
        for samples in [
            &[3.0][..],
            &[1.0, 4.0],
            &[5.0, 1.0, 3.0],
            &[1.0, 2.0, 4.0, 8.0],
            &[1.0, 2.0, 2.0, 7.0, 9.0, 30.0],
        ] {
            let exact = MedianDistribution::of(samples);
            let mut sums: BTreeMap<u64, f64> = BTreeMap::new();
            for (value, probability) in exact.points() {
                *sums.entry(value.to_bits()).or_default() += probability;
            }
            let counted = drawn(samples);
            assert_eq!(sums.keys().collect::<Vec<_>>(), counted.keys().collect::<Vec<_>>(), "{samples:?}");
            assert!(sums.iter().all(|(value, p)| (p - counted[value]).abs() < 1e-12), "{samples:?}");
        }
    }

    /// The survival times of mice in days: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), table 2.1.
    const TREATED: [f64; 7] = [94.0, 197.0, 16.0, 38.0, 99.0, 141.0, 23.0];

    #[test]
    fn the_error_of_a_median_is_the_published_one() {
        // Table 2.2 there gives 37.83 days for the median of the treated mice after infinitely many draws.
        let distribution = MedianDistribution::of(&TREATED);
        let mean: f64 = distribution.points().map(|(value, p)| value * p).sum();
        let variance: f64 = distribution.points().map(|(value, p)| (value - mean).powi(2) * p).sum();
        assert!((variance.sqrt() - 37.83).abs() < 0.005, "{}", variance.sqrt());
    }

    #[test]
    fn intervals_of_ratios_are_those_of_all_pairs() {
        let control = [52.0, 104.0, 146.0, 10.0, 51.0, 30.0, 40.0, 27.0, 46.0];
        let (of, to) = (MedianDistribution::of(&TREATED), MedianDistribution::of(&control));
        let mut pairs: Vec<(f64, f64)> = Vec::new();
        for (above, p) in of.points() {
            pairs.extend(to.points().map(|(below, q)| (above / below, p * q)));
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        for tail in [0.005, 0.025, 0.2] {
            let mut sum = 0.0;
            let low = pairs.iter().find(|(_, p)| {
                sum += p;
                sum >= tail
            });
            let mut sum = 0.0;
            let high = pairs.iter().rev().find(|(_, p)| {
                sum += p;
                sum >= tail
            });
            let (found_low, found_high) = ratio_interval(&of, &to, tail);
            assert!((found_low / low.unwrap().0 - 1.0).abs() < 1e-9, "{tail}");
            assert!((found_high / high.unwrap().0 - 1.0).abs() < 1e-9, "{tail}");
        }
    }

    #[test]
    fn many_and_equal_samples_have_a_distribution_too() {
        for count in [1, 2, 99, 100, 500] {
            let ramp: Vec<f64> = (1..=count).map(f64::from).collect();
            let distribution = MedianDistribution::of(&ramp);
            let whole = distribution.up_to[distribution.up_to.len() - 1];
            assert!((whole - 1.0).abs() < 1e-9, "{count}: {whole}");
            let same = MedianDistribution::of(&vec![2.0; ramp.len()]);
            assert_eq!(same.interval(0.025), (2.0, 2.0));
            assert_eq!(ratio_interval(&same, &same, 0.025), (1.0, 1.0));
        }
    }
}
