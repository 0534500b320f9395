//! The commands below `ci`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Subcommand;

use super::{JsonFlag, Making, SetupFlag, examples};

/// The CI service for which files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CiHost {
    /// GitHub Actions: .github/workflows
    #[value(name = "github")]
    GitHub,
    /// GitLab CI: .gitlab-ci.yml
    #[value(name = "gitlab")]
    GitLab,
}

/// The commands of `cargo xtask ci`.
#[derive(Debug, Subcommand)]
pub enum CiCommand {
    /// Divide the release into shards, one for each machine; build nothing
    ///
    /// Reads targets.toml and timings, and looks for no toolchain. The targets of an image with `base = "auto"` stay in one
    /// shard, because the base depends on all of its programs.
    #[command(after_help = examples::CI_PLAN)]
    Plan {
        /// Release only this target; can be repeated [default: every target of targets.toml]
        #[arg(long = "target", value_name = "TRIPLE")]
        targets: Vec<String>,
        /// Balance the release over so many machines [default: one shard for each target]
        #[arg(long, value_name = "N")]
        machines: Option<NonZeroUsize>,
        /// The timings to balance by [default: target/dist/timings.json, if it exists]
        #[arg(long, value_name = "FILE")]
        timings: Option<PathBuf>,
        /// Print the matrix for a workflow on GitHub, in one line: `{"include":[…]}`
        #[arg(long, conflicts_with = "json")]
        github: bool,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Make one shard: build, verify and pack its targets into target/shards
    ///
    /// The folder holds everything that `ci merge` needs, and shard.json, which lists every file by its digest. It is written
    /// last, so that a run that was killed leaves no finished shard.
    #[command(after_help = examples::CI_SHARD)]
    Shard {
        /// The name that `ci plan` gives the shard: its targets, joined by `+`
        #[arg(value_name = "ID")]
        id: String,
        /// What signs shard.json: the file of a private key, `env:` and the name of a variable, or the address of a key in a
        /// service [default: the key of `publish.sign` of targets.toml, where this machine has it]
        #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
        key: Option<String>,
        /// How the shard is made.
        #[command(flatten)]
        making: Making,
        /// The options that install what is missing first.
        #[command(flatten)]
        setup: SetupFlag,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Join shards to one release in target/dist: the files that one machine would have made
    ///
    /// Checks every digest again, and refuses shards of different sources, locks, versions or settings, missing and doubled
    /// targets, and damaged or unfinished shards. Nothing in target/dist changes before all of it is made.
    #[command(after_help = examples::CI_MERGE)]
    Merge {
        /// The folders of shards, or folders that contain them [default: target/shards]
        #[arg(value_name = "DIR")]
        folders: Vec<PathBuf>,
        /// Release only this target, as for `ci plan`; can be repeated [default: every target of targets.toml]
        #[arg(long = "target", value_name = "TRIPLE")]
        targets: Vec<String>,
        /// Accept only shards that are signed by this key: the file of a public key, `env:` and the name of a variable, or
        /// the address of a key in a service
        #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
        key: Option<String>,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Rehearse the whole workflow on this machine: clones, shards, merge, publishing, verification
    ///
    /// Runs the scripts of .github/workflows/xtask-release.yml of the last commit, or of the file that `ci init github` would
    /// write. Each machine is a clone with a home of its own. Crates, toolchains and the cache are shared, as CI systems keep
    /// them between runs. The registry is docker-registry on this machine. Nothing is installed, and nothing of it stays.
    #[command(after_help = examples::CI_REHEARSE)]
    Rehearse {
        /// The number of machines among which the estimate divides the shards
        #[arg(long, value_name = "N", default_value = "2")]
        machines: NonZeroUsize,
        /// Kill each shard at random points first, and the registry, and compare the result with a release of one machine
        #[arg(long)]
        kill: bool,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Write the files of a pipeline that tests changes, makes releases and publishes them
    ///
    /// The pipeline calls the commands of this program and nothing else that builds. Commit the files. They are written again when
    /// targets.toml changes; a file that somebody changed is kept. With `--config` of another file, only the workflow of its
    /// release is written for GitHub; its tags begin with the name of its program.
    #[command(after_help = examples::CI_INIT)]
    Init {
        /// The CI service
        #[arg(value_enum, value_name = "SERVICE")]
        service: CiHost,
        /// The command that installs `cargo xtask` on a runner, if the workspace does not contain it
        #[arg(long, value_name = "COMMAND")]
        install: Option<String>,
        /// The image with `cargo xtask` that runners fetch, by its digest: IMAGE@sha256:…; for GitHub
        #[arg(long, value_name = "IMAGE", conflicts_with = "install")]
        tool: Option<String>,
        /// Write nothing, and fail if a file is not what would be written
        #[arg(long)]
        check: bool,
        /// Replace files that somebody changed, too
        #[arg(long, conflicts_with = "check")]
        force: bool,
    },
}
