//! The ratio of two modes' build times, with a confidence interval.
//!
//! With 5 or more samples on both sides, the interval is that of the bootstrap of the medians: see
//! [`super::bootstrap`]. With fewer, the bootstrap claims too much: for 3 against 3 samples it contained the factor in
//! only 90 % of 1,500 simulated cases, at a stated 95 %. Then the interval is the exact one that belongs to the
//! Mann–Whitney test (Moses' interval; Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", section 4.3),
//! on logarithms. All quotients of a sample of one mode by a sample of the other are sorted, and the k smallest and the
//! k largest are left out. Its coverage is counted and not approximated. With fewer than 4 samples on each side no
//! interval reaches 95 %; [`Ratio::confidence`] is the confidence that was reached. Both only assume that one mode
//! takes a constant factor of the other's time.

use serde::{Deserialize, Serialize};

use super::bootstrap::{MedianDistribution, ratio_interval};
use super::stats::{median, sorted};
use xtask_files::error::{Error, Result};

/// The confidence to reach, from 0 to 1.
const CONFIDENCE: f64 = 0.95;
/// The maximum number of samples that are used. The time to count the orders grows with their fourth power.
const SAMPLES_MAX: usize = 60;

/// The number of samples on each side from which on the bootstrap is used.
const BOOTSTRAP_FROM: usize = 5;

/// How an interval was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntervalMethod {
    /// From the order of all samples, whose probabilities are counted. Files that do not name a method have this one.
    #[default]
    Order,
    /// From the distribution of medians of samples that are drawn with replacement.
    Bootstrap,
}

/// The ratio of two durations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The quotient of the medians.
    pub ratio: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// The probability (0 to 1) that an interval made in this way contains the true factor: 0.95 or more with
    /// enough samples, 0.9 for 3 against 3. It is 0 for 1 against 1, where the interval is the quotient
    /// itself.
    pub confidence: f64,
    /// How the interval was computed.
    pub method: IntervalMethod,
}

impl Ratio {
    /// Computes the ratio of two sets of samples in seconds.
    ///
    /// # Errors
    /// A set has no samples, or a sample is not a finite number above 0.
    pub fn of(numerator: &[f64], denominator: &[f64]) -> Result<Self> {
        let bad = |s: &&f64| !(s.is_finite() && **s > 0.0);
        if let Some(bad) = numerator.iter().chain(denominator).find(bad) {
            return Err(Error::failed(format!("no ratio can be made of a sample of {bad} s")));
        }
        if numerator.is_empty() || denominator.is_empty() {
            return Err(Error::failed("no ratio can be made without samples on both sides"));
        }
        let ratio = median(numerator) / median(denominator);
        let enough = numerator.len().min(denominator.len()) >= BOOTSTRAP_FROM;
        let (low, high, confidence, method) = match enough {
            true => {
                let (of, to) = (MedianDistribution::of(numerator), MedianDistribution::of(denominator));
                let (low, high) = ratio_interval(&of, &to, (1.0 - CONFIDENCE) / 2.0);
                (low, high, CONFIDENCE, IntervalMethod::Bootstrap)
            }
            false => {
                let (low, high, confidence) = by_order(numerator, denominator);
                (low, high, confidence, IntervalMethod::Order)
            }
        };
        // The quotient of the medians need not be one of the quotients at the ends, so it may be slightly outside. Then
        // the interval is extended.
        let (low, high) = (low.min(ratio), high.max(ratio));
        if [ratio, low, high].iter().all(|v| v.is_finite()) {
            Ok(Self { ratio, low, high, confidence, method })
        } else {
            Err(Error::failed("no ratio can be made of samples this far apart"))
        }
    }

    /// Returns the width of the interval as a share of the ratio: 0.1 is 10 %.
    pub fn width(&self) -> f64 {
        (self.high - self.low) / self.ratio
    }
}

/// Returns the interval that the order of the samples gives, and its confidence.
fn by_order(numerator: &[f64], denominator: &[f64]) -> (f64, f64, f64) {
    let a = &numerator[..numerator.len().min(SAMPLES_MAX)];
    let b = &denominator[..denominator.len().min(SAMPLES_MAX)];
    let quotients: Vec<f64> = a.iter().flat_map(|a| b.iter().map(move |b| a / b)).collect();
    let quotients = sorted(&quotients);
    let (left_out, confidence) = left_out(a.len(), b.len());
    (quotients[left_out], quotients[quotients.len() - 1 - left_out], confidence)
}

/// Returns how many quotients to leave out at each end for `n` and `m` samples, and the resulting confidence.
fn left_out(n: usize, m: usize) -> (usize, f64) {
    let probabilities = orders(n, m);
    let tail = |k: usize| probabilities[..=k].iter().sum::<f64>();
    let mut k = 0;
    while 2 * (k + 1) < n * m && tail(k + 1) <= (1.0 - CONFIDENCE) / 2.0 {
        k += 1;
    }
    (k, (1.0 - 2.0 * tail(k)).max(0.0))
}

/// Returns the distribution of the Mann–Whitney statistic. Element `u` is the probability that, among all
/// orders of `n` and `m` equal items, `u` pairs are in the wrong order. The recursion removes the greatest
/// item.
fn orders(n: usize, m: usize) -> Vec<f64> {
    let mut rows: Vec<Vec<f64>> = vec![vec![1.0]; m + 1];
    for i in 1..=n {
        let mut next = vec![vec![1.0]];
        for j in 1..=m {
            let all = (i + j) as f64;
            let mut row = vec![0.0; i * j + 1];
            for (u, p) in rows[j].iter().enumerate() {
                row[u + j] += p * i as f64 / all;
            }
            for (u, p) in next[j - 1].iter().enumerate() {
                row[u] += p * j as f64 / all;
            }
            next.push(row);
        }
        rows = next;
    }
    rows.swap_remove(m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Counts by the definition: all choices of the places that belong to the first set.
    fn naive_orders(n: usize, m: usize) -> Vec<f64> {
        let mut counts = vec![0.0; n * m + 1];
        for chosen in (0u32..1 << (n + m)).filter(|c| c.count_ones() as usize == n) {
            let mut pairs = 0;
            let mut others = 0;
            for place in 0..n + m {
                if chosen >> place & 1 == 1 { pairs += others } else { others += 1 }
            }
            counts[pairs] += 1.0;
        }
        let all: f64 = counts.iter().sum();
        counts.iter().map(|c| c / all).collect()
    }

    #[test]
    fn the_distribution_is_the_counted_one() {
        for (n, m) in [(1, 1), (1, 3), (3, 3), (4, 5), (5, 5), (2, 7)] {
            let (fast, naive) = (orders(n, m), naive_orders(n, m));
            assert_eq!(fast.len(), naive.len());
            assert!(fast.iter().zip(&naive).all(|(a, b)| (a - b).abs() < 1e-12), "{n} {m}");
        }
    }

    #[test]
    fn confidence_of_small_numbers() {
        // 1 - 2 / C(n + m, n) while nothing is left out, and critical values of the Mann–Whitney table beyond
        // that.
        let cases =
            [(1, 1, 0, 0.0), (3, 3, 0, 0.9), (4, 4, 0, 1.0 - 2.0 / 70.0), (5, 5, 2, 1.0 - 8.0 / 252.0)];
        for (n, m, out, confidence) in cases {
            let (k, c) = left_out(n, m);
            assert_eq!(k, out, "{n} {m}");
            assert!((c - confidence).abs() < 1e-12, "{n} {m}: {c}");
        }
        // The two-sided 5 % table has 23 for 10 against 10: a statistic of 23 is still rejected.
        assert_eq!(left_out(10, 10).0, 23);
    }

    #[test]
    fn degenerate_samples() {
        let same = Ratio::of(&[2.0; 5], &[1.0; 5]).unwrap();
        assert_eq!((same.ratio, same.low, same.high), (2.0, 2.0, 2.0));
        let one = Ratio::of(&[3.0], &[2.0]).unwrap();
        assert_eq!((one.ratio, one.low, one.high, one.confidence), (1.5, 1.5, 1.5, 0.0));
        for bad in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            assert!(Ratio::of(&[1.0], &[bad]).is_err() && Ratio::of(&[bad], &[1.0]).is_err(), "{bad}");
        }
        assert!(Ratio::of(&[], &[1.0]).is_err() && Ratio::of(&[1.0], &[]).is_err());
        assert!(Ratio::of(&[f64::MAX], &[f64::MIN_POSITIVE]).is_err());
        assert!(Ratio::of(&[1.0; 500], &[2.0; 500]).is_ok());
        assert!(Ratio::of(&[1.0; 3], &[2.0; 500]).is_ok());
    }

    /// Returns how often the interval contains the factor 3 between `n` samples and `m` samples, in simulated runs with a
    /// fixed sequence of numbers, and the confidence that the interval states. Builds rarely take less time than usual
    /// and often more: the distribution is an exponential one above a fixed time.
    fn coverage(n: usize, m: usize, runs: usize) -> (f64, f64) {
        let mut random = super::super::random::SeededRandom::new(7, 0);
        let mut sample = |scale: f64| {
            let uniform = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
            scale * (1.0 - 0.2 * (1.0 - uniform).ln())
        };
        let mut held = 0;
        let mut stated = 0.0;
        for _ in 0..runs {
            let a: Vec<f64> = (0..n).map(|_| sample(3.0)).collect();
            let b: Vec<f64> = (0..m).map(|_| sample(1.0)).collect();
            let ratio = Ratio::of(&a, &b).unwrap();
            held += usize::from(ratio.low <= 3.0 && 3.0 <= ratio.high);
            stated = ratio.confidence;
        }
        (held as f64 / runs as f64, stated)
    }

    #[test]
    fn the_interval_holds_the_true_factor_as_often_as_it_says() {
        let (held, stated) = coverage(4, 4, 2000);
        assert!((held - stated).abs() < 0.02, "stated {stated}, held {held}");
    }

    #[test]
    fn bootstrap_intervals_of_95_percent_hold_the_factor_in_92_to_98() {
        for (n, m) in [(5, 5), (6, 5), (7, 7), (9, 12)] {
            let (held, stated) = coverage(n, m, 500);
            assert!(stated == CONFIDENCE && (0.92..=0.98).contains(&held), "{n} and {m} samples: {held}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_interval_holds_the_ratio_and_turns_over(
            a in proptest::collection::vec(1e-3f64..1e4, 1..12),
            b in proptest::collection::vec(1e-3f64..1e4, 1..12),
        ) {
            let there = Ratio::of(&a, &b).unwrap();
            prop_assert!(there.low <= there.ratio && there.ratio <= there.high);
            prop_assert!((0.0..=1.0).contains(&there.confidence));
            let back = Ratio::of(&b, &a).unwrap();
            for (x, y) in [(there.ratio, back.ratio), (there.low, back.high), (there.high, back.low)] {
                prop_assert!((x * y - 1.0).abs() < 1e-9, "{x} {y}");
            }
        }
    }
}
