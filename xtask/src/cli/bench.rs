//! The options of `bench`.

use std::time::Duration;

use clap::Args;
use xtask_config::values::{duration, share};

/// The options that say which samples `bench` takes.
#[derive(Debug, Clone, Default, Args)]
pub struct SamplingOptions {
    /// Take exactly this number of samples of each case [default: 5 to 15, until the ratios are known]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub samples: Option<u32>,
    /// The width of a ratio's interval, as a share of the ratio, at which no further samples are taken [default: 10%]
    #[arg(long, value_name = "PERCENT", value_parser = parse_share, conflicts_with = "samples")]
    pub width: Option<f64>,
    /// Begin no further round of samples after this time, such as `30m` [default: 1h without --samples]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub limit: Option<Duration>,
    /// The seed of the random order of the samples, to repeat an order [default: another one in each run]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Be quick, for CI: 3 samples, and no build before the first one
    #[arg(long)]
    pub quick: bool,
}

fn parse_share(text: &str) -> Result<f64, String> {
    share(text).ok_or_else(|| "it must be a percentage such as 5% or 2.5%, up to 1000%".to_owned())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "it must be a time such as 90s, 30m or 1h30m".to_owned())
}
