//! What many samples say. xtask has a median of its own (`xtask_report::timing`): the program that ships must not depend on
//! the tool that builds it, and a crate for twenty lines that both share would be one more to find and to compile.

/// The summary of a set of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    /// Half of the samples are not above it, half are not below it.
    pub(super) median: f64,
    /// The median of the distances from the median.
    pub(super) mad: f64,
    /// The lowest of the samples.
    pub(super) min: f64,
    /// The highest of the samples.
    pub(super) max: f64,
    /// The number of samples.
    pub(super) samples: usize,
}

impl Summary {
    /// Of these samples; zeros where there are none.
    pub(super) fn of(samples: &[f64]) -> Self {
        let sorted = sorted(samples.to_vec());
        let median = middle(&sorted);
        let distances = sorted.iter().map(|sample| (sample - median).abs()).collect();
        Self {
            median,
            mad: middle(&self::sorted(distances)),
            min: sorted.first().copied().unwrap_or_default(),
            max: sorted.last().copied().unwrap_or_default(),
            samples: samples.len(),
        }
    }
}

fn sorted(mut samples: Vec<f64>) -> Vec<f64> {
    samples.sort_by(f64::total_cmp);
    samples
}

fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let summary = Summary::of(&[3.0, 1.0, 100.0, 2.0, 4.0]);
        assert_eq!(summary, Summary { median: 3.0, mad: 1.0, min: 1.0, max: 100.0, samples: 5 });
        assert_eq!(
            Summary::of(&[1.0, 4.0]),
            Summary { median: 2.5, mad: 1.5, min: 1.0, max: 4.0, samples: 2 }
        );
        assert_eq!(Summary::of(&[]).samples, 0);
    }
}
