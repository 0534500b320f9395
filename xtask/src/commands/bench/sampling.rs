//! How many samples a run takes, and in which order.

use std::time::{Duration, SystemTime};

use crate::cli::{BenchCase, SamplingOptions};
use xtask_files::{counted, human_seconds};
use xtask_report::timing::{Scenario, StopRule};

/// The smallest and the largest number of samples of a case if none is requested. From 5 on, intervals are those of the
/// bootstrap.
const SAMPLES: (usize, usize) = (5, 15);
/// The width of a ratio's interval that is narrow enough if none is requested.
const WIDTH: f64 = 0.1;
/// The time limit if neither a limit nor a number of samples is requested.
const LIMIT: Duration = Duration::from_secs(3600);
/// The number of samples of a case with `--quick`.
const QUICK: usize = 3;

impl SamplingOptions {
    /// Returns whether each mode is built once before the first sample.
    pub(super) fn warm_up(&self) -> bool {
        !self.quick
    }

    /// Returns the scenarios to time: those that are requested, or else all of them, or the cold one with `--quick`.
    pub(super) fn scenarios(&self) -> Vec<Scenario> {
        let all = [BenchCase::Cold, BenchCase::Warm, BenchCase::Rust, BenchCase::C, BenchCase::Header];
        let usual = if self.quick { &all[..1] } else { &all };
        let wanted = if self.cases.is_empty() { usual } else { &self.cases };
        all.into_iter().filter(|case| wanted.contains(case)).map(scenario).collect()
    }
}

fn scenario(case: BenchCase) -> Scenario {
    match case {
        BenchCase::Cold => Scenario::Cold,
        BenchCase::Warm => Scenario::Warm,
        BenchCase::Rust => Scenario::RustTouched,
        BenchCase::C => Scenario::CTouched,
        BenchCase::Header => Scenario::HeaderTouched,
    }
}

/// Returns the rule by which a run ends. `reference` is the mode with which the others are compared.
pub(super) fn rule(options: &SamplingOptions, reference: &str) -> StopRule {
    let limit = options.limit.map(|limit| limit.as_secs_f64());
    let fixed = options.samples.map(|samples| samples as usize);
    if let Some(samples) = fixed.or(options.quick.then_some(QUICK)) {
        return StopRule { limit_s: limit, ..StopRule::fixed(samples, reference) };
    }
    StopRule {
        least: SAMPLES.0,
        most: SAMPLES.1,
        width: options.width.unwrap_or(WIDTH),
        limit_s: limit.or(Some(LIMIT.as_secs_f64())),
        reference: reference.to_owned(),
    }
}

/// Returns what a run will do, for the line before its first sample.
pub(super) fn announced(cases: usize, rule: &StopRule, seed: u64) -> String {
    let cases = counted(cases as u64, "case");
    let how = match rule.least == rule.most {
        true => format!("{} each", counted(rule.most as u64, "sample")),
        false => format!(
            "{} to {} samples each, until intervals of ratios are {:.0} % wide",
            rule.least,
            rule.most,
            rule.width * 100.0
        ),
    };
    let limit = rule.limit_s.map(|limit| format!(", for {} at most", human_seconds(limit)));
    format!("{cases}, {how}{}; seed {seed}", limit.unwrap_or_default())
}

/// Returns a seed that differs from run to run.
pub(super) fn seed() -> u64 {
    let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Six digits can be typed again.
    (age.as_nanos() ^ u128::from(std::process::id())) as u64 % 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_make_the_rule() {
        let usual = rule(&SamplingOptions::default(), "pure");
        assert_eq!((usual.least, usual.most, usual.width, usual.limit_s), (5, 15, 0.1, Some(3600.0)));
        let fixed = rule(&SamplingOptions { samples: Some(2), quick: true, ..Default::default() }, "pure");
        assert_eq!(fixed, StopRule::fixed(2, "pure"));
        let limit = Some(Duration::from_secs(90));
        let quick = rule(&SamplingOptions { quick: true, limit, ..Default::default() }, "pure");
        assert_eq!((quick.least, quick.most, quick.limit_s), (3, 3, Some(90.0)));
        let words = |options: SamplingOptions| {
            options.scenarios().into_iter().map(Scenario::word).collect::<Vec<_>>()
        };
        let all = ["cold", "warm", "rust-touched", "c-touched", "header-touched"];
        assert_eq!(words(SamplingOptions::default()), all);
        assert_eq!(words(SamplingOptions { quick: true, ..Default::default() }), ["cold"]);
        let named = vec![BenchCase::C, BenchCase::Warm, BenchCase::C];
        assert_eq!(
            words(SamplingOptions { quick: true, cases: named, ..Default::default() }),
            ["warm", "c-touched"]
        );
        assert_eq!(announced(1, &quick, 7), "1 case, 3 samples each, for 1 min 30 s at most; seed 7");
        let words = announced(4, &usual, 7);
        assert!(words.contains("5 to 15 samples each, until intervals of ratios are 10 % wide"), "{words}");
    }
}
