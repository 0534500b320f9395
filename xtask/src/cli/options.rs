//! Options that several commands share.

use std::path::PathBuf;

use clap::Args;
use xtask_compilers::toolchain::Provider;

/// The options of every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The Cargo.toml of the workspace [default: the one around the current directory]
    #[arg(long, global = true, value_name = "PATH", help_heading = GLOBAL)]
    pub manifest_path: Option<PathBuf>,
    /// The file with modes, targets and images [default: targets.toml beside the workspace's Cargo.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub config: Option<PathBuf>,
    /// Never use the network
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub offline: bool,
    /// Print every command that is run
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub verbose: bool,
    /// Print errors and warnings only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = GLOBAL)]
    pub quiet: bool,
}

const GLOBAL: &str = "Global options";

/// The options that select the jobs of a command.
#[derive(Debug, Clone, Default, Args)]
pub struct Planning {
    /// Plan only this target; can be repeated [default: every target of targets.toml]
    #[arg(long = "target", value_name = "TRIPLE", help_heading = PLANNING)]
    pub targets: Vec<String>,
    /// How the jobs are made.
    #[command(flatten)]
    pub making: Making,
}

impl Planning {
    /// Selects one mode of some targets.
    pub fn of_mode(mode: impl Into<String>, targets: Vec<String>) -> Self {
        Self { targets, making: Making { mode: Some(mode.into()), ..Making::default() } }
    }
}

/// The options that say how jobs are made, whatever their targets are.
#[derive(Debug, Clone, Default, Args)]
pub struct Making {
    /// The mode: `auto` (the first whose needs are met), `all`, or a name (which never falls back to another mode)
    /// [default: `mode` of the target in targets.toml]
    #[arg(long, value_name = "MODE", help_heading = PLANNING)]
    pub mode: Option<String>,
    /// Fail before anything is built if a target falls back to another mode
    ///
    /// An image that nothing on this machine can start is an error too.
    #[arg(long, help_heading = PLANNING)]
    pub strict: bool,
    /// Fail before anything is built if a toolchain is not the one that toolchains.lock names
    ///
    /// Where the variable CI is set, this is the default in a workspace with a toolchains.lock.
    #[arg(long, help_heading = PLANNING)]
    pub locked: bool,
    /// Search C toolchains only in these places, separated by commas [default: all]
    #[arg(long, value_name = "LIST", help_heading = PLANNING, long_help = providers_help())]
    pub providers: Option<String>,
}

/// Returns the long help of `--providers`, with the names of all providers.
fn providers_help() -> String {
    let names: Vec<&str> = Provider::offered().map(Provider::name).collect();
    let (last, others) = names.split_last().unwrap_or((&"", &[]));
    format!(
        "Search C toolchains only in these places, separated by commas [default: all]\n\nThe places are {} and {last}, and \
         the name of each [[provider]] in targets.toml. `none` builds without a C toolchain.",
        others.join(", ")
    )
}

const PLANNING: &str = "Planning options";

/// The help of `--mode` for a command that takes every mode unless one is named.
pub(super) const EVERY_MODE: &str = "The mode: `auto` (the first whose needs are met), `all`, or a name (which never falls \
    back to another mode) [default: all]";

/// The options of `--setup`: install what is missing before the command.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct SetupFlag {
    /// First install what is missing on this machine, as `cargo xtask setup --yes` does
    #[arg(long, help_heading = SETUP)]
    pub setup: bool,
    /// With --setup --strict: accept that Debian's archive has replaced locked packages of a base
    ///
    /// The run uses the packages that the archive has now, and warns, as it does without --strict.
    #[arg(long, requires_all = ["setup", "strict"], help_heading = SETUP)]
    pub allow_superseded: bool,
}

const SETUP: &str = "Setup options";

/// The option `--json`: output for other programs.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct JsonFlag {
    /// Print one JSON document on stdout and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// The sanitizers with which C can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sanitizer {
    /// AddressSanitizer with its leak checker, and UndefinedBehaviorSanitizer.
    Address,
}

/// The syntaxes in which `env` prints variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EnvFormat {
    /// POSIX shells: `export NAME='value'`
    Sh,
    /// As `sh`, for an `.envrc`: also names the files after whose change direnv reads it again
    Direnv,
    /// The shell fish: `set -gx NAME 'value'`
    Fish,
}
