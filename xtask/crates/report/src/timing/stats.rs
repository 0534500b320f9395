//! The statistics of a few samples: median, spread and outliers.

use xtask_files::error::{Error, Result};

/// A sample is an outlier if it is this many times further from the median than the typical one. Source:
/// Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993): modified z-score above 3.5, where 0.6745
/// scales the MAD to a standard deviation.
const OUTSIDE: f64 = 3.5 / 0.6745;
/// Three samples can agree to a millisecond by chance. So an outlier's distance must also be at least this
/// fraction of the median.
const WORTH_NOTING: f64 = 0.10;

/// The summary of samples. All values are in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// The middle sample, or the mean of the two middle ones if the number of samples is even.
    pub median: f64,
    /// The median of the distances from the median ("median absolute deviation"), unscaled. It is 0 for one
    /// sample.
    pub mad: f64,
    /// The smallest sample, in seconds.
    pub min: f64,
    /// The largest sample, in seconds.
    pub max: f64,
    /// The number of samples.
    pub count: usize,
    /// The positions of the outliers, from 0, in the given order.
    pub outliers: Vec<usize>,
}

impl Timing {
    /// Summarises samples in seconds.
    ///
    /// # Errors
    /// There is no sample, or one is not a duration: negative, infinite, not a number.
    pub fn of(samples: &[f64]) -> Result<Self> {
        if let Some(bad) = samples.iter().find(|s| !(s.is_finite() && **s >= 0.0)) {
            return Err(Error::failed(format!("a sample of {bad} s is not a duration")));
        }
        let sorted = sorted(samples);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Err(Error::failed("there is no sample to summarise"));
        };
        let median = median(samples);
        let distances: Vec<f64> = samples.iter().map(|s| (s - median).abs()).collect();
        let mad = self::median(&distances);
        let far = (OUTSIDE * mad).max(WORTH_NOTING * median);
        let outliers = (0..samples.len()).filter(|i| samples.len() > 2 && distances[*i] > far).collect();
        Ok(Self { median, mad, min, max, count: samples.len(), outliers })
    }

    /// Returns a line about the outliers, or none.
    pub fn note(&self, samples: &[f64]) -> Option<String> {
        let far: Vec<String> = self
            .outliers
            .iter()
            .filter_map(|i| {
                Some(format!("sample {} took {}", i + 1, xtask_files::human_seconds(*samples.get(*i)?)))
            })
            .collect();
        (!far.is_empty()).then(|| {
            format!("{}, far from the others: something else may have used the machine", far.join(", "))
        })
    }
}

/// Rounds seconds (or another number) to six decimals. Further digits are noise, and short numbers are read
/// back exactly.
pub(crate) fn micro(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// Returns the median of values in any order, or 0 if there are none.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        // The values are halved first, because the sum of two large values may overflow.
        _ => sorted[middle - 1] / 2.0 + sorted[middle] / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_samples() {
        assert!(Timing::of(&[]).is_err());
        let one = Timing::of(&[2.5]).unwrap();
        assert_eq!((one.median, one.mad, one.min, one.max, one.count), (2.5, 0.0, 2.5, 2.5, 1));
        let two = Timing::of(&[3.0, 1.0]).unwrap();
        assert_eq!((two.median, two.mad, two.min, two.max), (2.0, 1.0, 1.0, 3.0));
        let equal = Timing::of(&[0.5; 7]).unwrap();
        assert_eq!((equal.median, equal.mad, equal.outliers.len()), (0.5, 0.0, 0));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.001] {
            let error = Timing::of(&[1.0, bad]).unwrap_err();
            assert!(error.what.ends_with("is not a duration"), "{error}");
        }
    }

    #[test]
    fn a_sample_far_from_the_others_is_noted() {
        let samples = [6.0, 6.1, 12.0, 5.9, 6.0];
        let timing = Timing::of(&samples).unwrap();
        assert_eq!(timing.outliers, [2]);
        assert!(timing.note(&samples).unwrap().starts_with("sample 3 took 12.0 s, far from the others"));
        // The samples are close together, so the difference is not worth a note.
        assert_eq!(Timing::of(&[1.000, 1.001, 1.010]).unwrap().outliers, [0; 0]);
        assert_eq!(Timing::of(&[1.0, 1.0, 1.0, 2.0]).unwrap().outliers, [3]);
        assert_eq!(Timing::of(&[1.0, 9.0]).unwrap().outliers, [0; 0]);
    }

    #[test]
    fn published_samples_have_their_published_summary() {
        // Analytical Methods Committee, "Robust statistics", The Analyst 114 (1989): copper in wholemeal flour, in parts
        // per million. Venables and Ripley, "Modern Applied Statistics with S" (2002), section 5.5, give a median of
        // 3.385 and a MAD of 0.52632, scaled by 1.4826.
        let copper = [
            2.20, 2.20, 2.40, 2.40, 2.50, 2.70, 2.80, 2.90, 3.03, 3.03, 3.10, 3.37, 3.40, 3.40, 3.40, 3.50,
            3.60, 3.70, 3.70, 3.70, 3.70, 3.77, 5.28, 28.95,
        ];
        let timing = Timing::of(&copper).unwrap();
        assert!((timing.median - 3.385).abs() < 1e-9, "{}", timing.median);
        assert!((timing.mad * 1.4826 - 0.526_32).abs() < 1e-4, "{}", timing.mad);
        assert_eq!(timing.outliers, [22, 23]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn agrees_with_the_definitions(samples in proptest::collection::vec(0.0f64..1e6, 1..40)) {
            let timing = Timing::of(&samples).unwrap();
            // A median has at least half of the samples on each side, including itself.
            let half = samples.len().div_ceil(2);
            let close = 1e-9 * timing.median;
            prop_assert!(samples.iter().filter(|s| **s <= timing.median + close).count() >= half);
            prop_assert!(samples.iter().filter(|s| **s >= timing.median - close).count() >= half);
            let distances: Vec<f64> = samples.iter().map(|s| (s - timing.median).abs()).collect();
            prop_assert_eq!(timing.mad, Timing::of(&distances).unwrap().median);
            prop_assert_eq!(timing.min, samples.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(timing.max, samples.iter().copied().fold(0.0, f64::max));
            prop_assert!(timing.min <= timing.median && timing.median <= timing.max);
            let mut reversed = samples.clone();
            reversed.reverse();
            prop_assert_eq!(Timing::of(&reversed).unwrap().median, timing.median);
        }
    }
}
