//! The commands below `base`.

use clap::Subcommand;

use super::{JsonFlag, examples};

/// The commands of `cargo xtask base`.
#[derive(Debug, Subcommand)]
pub enum BaseCommand {
    /// Lock the newest packages of Debian and the tags that targets.toml names
    ///
    /// The locks are files in docker/bases, to be committed. They hold every package and every tag by its digest.
    #[command(after_help = examples::BASE_UPDATE)]
    Update {
        /// Lock only these releases of Debian: 12, 13 [default: those that are locked, and all tags; else 13]
        #[arg(value_name = "RELEASE", value_parser = clap::value_parser!(u8).range(12..=13))]
        releases: Vec<u8>,
        /// Also lock this architecture, or `all`; can be repeated [default: those that are locked, else amd64 and arm64]
        ///
        /// Both the names of Debian and those of container images work.
        #[arg(long = "arch", value_name = "ARCH")]
        archs: Vec<String>,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Remove files from the cache that no workspace has used for a while
    #[command(after_help = examples::BASE_PRUNE)]
    Prune {
        /// Remove what has not been used for this number of days
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        older_than: u32,
        /// Only print what would be removed
        #[arg(long)]
        dry_run: bool,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// List the bases and what is locked for them
    #[command(after_help = examples::BASE_LIST)]
    List {
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Show the packages of a base
    #[command(after_help = examples::BASE_SHOW)]
    Show {
        /// The name of the base, as in targets.toml
        #[arg(value_name = "BASE")]
        name: String,
        /// The architecture [default: that of this machine]
        #[arg(long, value_name = "ARCH")]
        arch: Option<String>,
        /// List every file; this assembles the base if it is not in the cache
        #[arg(long)]
        files: bool,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
}
