//! The options of `bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use xtask_config::values::{duration, share};

/// The cases that `bench` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BenchCase {
    /// An empty build folder
    Cold,
    /// Everything is built
    Warm,
    /// Everything is built, then the source file of the program is touched
    Rust,
    /// Everything is built, then a C file of the workspace is touched
    C,
    /// Everything is built, then a header of the workspace is touched
    Header,
}

/// The options that say which samples `bench` takes.
#[derive(Debug, Clone, Default, Args)]
pub struct SamplingOptions {
    /// Time only these cases, separated by commas [default: all of them; `cold` with --quick]
    ///
    /// Files are touched in a copy of the workspace, and their content changes. A workspace without C of its own has no case
    /// `c` and `header`.
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',')]
    pub cases: Vec<BenchCase>,
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
    /// Be quick, for CI: 3 samples of cold builds, for a target of this machine, without a build before the first one
    #[arg(long)]
    pub quick: bool,
}

/// The options that say what a run is compared with, and what is kept of it.
#[derive(Debug, Clone, Default, Args)]
pub struct ComparisonOptions {
    /// Save the timings of this run under this name, to compare with later
    #[arg(long, value_name = "NAME")]
    pub save: Option<String>,
    /// Compare with the timings that were saved under this name, and fail if a case became slower
    #[arg(long, value_name = "NAME", conflicts_with = "compare_rev")]
    pub compare: Option<String>,
    /// Also build this commit, branch or tag, in turn with the workspace, and fail if a case became slower
    #[arg(long, value_name = "REV")]
    pub compare_rev: Option<String>,
    /// The change that counts: a case fails the run if the whole interval of its ratio is above it [default: 5%]
    #[arg(long, value_name = "PERCENT", value_parser = parse_share)]
    pub threshold: Option<f64>,
    /// Add a line of JSON with the results of this run to this file [default: target/xtask/timings/history.jsonl]
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Print Markdown, for a comment on a change
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

fn parse_share(text: &str) -> Result<f64, String> {
    share(text).ok_or_else(|| "it must be a percentage such as 5% or 2.5%, up to 1000%".to_owned())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "it must be a time such as 90s, 30m or 1h30m".to_owned())
}
