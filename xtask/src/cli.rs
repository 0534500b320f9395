//! The command line, as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Builds a Rust program with a C component for every target, packs it into images, proves it and times it.
///
/// Exit codes: 0 done; 1 a build, gate or test failed; 2 bad usage or a bad targets.toml; 3 something is missing on this
/// machine.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The Cargo.toml of the workspace [default: the one around the current directory]
    #[arg(long, global = true, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
    /// The file that names modes, targets and images [default: targets.toml beside the workspace's Cargo.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Never use the network
    #[arg(long, global = true)]
    pub offline: bool,
    /// Show every command that is run
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Show errors and warnings only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// What limits a plan.
#[derive(Debug, Clone, Default, Args)]
pub struct Planning {
    /// Only this target; may be given several times [default: every target of targets.toml]
    #[arg(long = "target", value_name = "TRIPLE")]
    pub targets: Vec<String>,
    /// `auto` (the first mode whose needs are met), a mode's name (which never falls back), or `all`
    #[arg(long, value_name = "MODE")]
    pub mode: Option<String>,
    /// A fallback to another mode is an error, before anything is built; so is an image that nothing here can start
    #[arg(long)]
    pub strict: bool,
    /// Where C toolchains may come from: env,config,host,gnu,musl,clang,mingw,zig, or `none` [default: all]
    #[arg(long, value_name = "LIST")]
    pub providers: Option<String>,
}

/// What `--mode` means where every mode is taken unless one is named.
const EVERY_MODE: &str = "A mode's name (which never falls back), `auto` (the first mode whose needs are met), or `all` [default: all]";

/// Getting what is missing.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct SetupFlag {
    /// First get what is missing on this machine, as `cargo xtask setup --yes` would
    #[arg(long)]
    pub setup: bool,
    /// With --setup --strict: accept that Debian's archive has superseded locked packages of a base. The run takes those
    /// that the archive has now, and warns, as it does without --strict
    #[arg(long, requires_all = ["setup", "strict"])]
    pub allow_superseded: bool,
}

/// What watches the C while it is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sanitizer {
    /// AddressSanitizer with its leak checker, and UndefinedBehaviorSanitizer.
    Address,
}

/// Printing JSON.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct JsonFlag {
    /// Print one JSON document on stdout and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what this machine can build, what is missing, and the command that gets it
    Doctor {
        /// Which targets.
        #[command(flatten)]
        planning: Planning,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Get what doctor found missing
    Setup {
        /// Only for these targets [default: every target of targets.toml]
        #[arg(value_name = "TARGET")]
        targets: Vec<String>,
        /// Also get what the project's own tests need (targets.toml: [test] needs)
        #[arg(long)]
        tests: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Print every job with its decision and the reason; builds nothing
    Plan {
        /// Which jobs.
        #[command(flatten)]
        planning: Planning,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Print every candidate for a target's C toolchain and what its probe said
    Explain {
        /// The target
        #[arg(value_name = "TARGET")]
        target: String,
        /// Where toolchains may come from, as for plan
        #[arg(long, value_name = "LIST")]
        providers: Option<String>,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Build every job
    Build {
        /// Which jobs.
        #[command(flatten)]
        planning: Planning,
        /// Whether to set up first.
        #[command(flatten)]
        setup: SetupFlag,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Build, then judge every program: gate, purity, smoke run
    Verify {
        /// Which jobs.
        #[command(flatten)]
        planning: Planning,
        /// Whether to set up first.
        #[command(flatten)]
        setup: SetupFlag,
        /// Build every program a second time, from a copy of the workspace, and fail where the two differ
        #[arg(long)]
        rebuild: bool,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Build, verify, pack the images and start each of them once
    Image {
        /// Which jobs.
        #[command(flatten)]
        planning: Planning,
        /// Put the images into Docker or podman, and print the name of the first alone on stdout
        #[arg(long)]
        load: bool,
        /// Whether to set up first.
        #[command(flatten)]
        setup: SetupFlag,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Not supported yet
    #[command(hide = true)]
    Publish {
        /// Whatever is said.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Time every mode, cold and warm
    #[command(
        mut_arg("targets", |arg| arg.help(
            "Only this target; may be given several times [default: of targets.toml one of this machine, and one of \
             another architecture]"
        )),
        mut_arg("mode", |arg| arg.help(EVERY_MODE)),
    )]
    Bench {
        /// Which jobs.
        #[command(flatten)]
        planning: Planning,
        /// How many samples of each case
        #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
        samples: u32,
        /// Whether to set up first.
        #[command(flatten)]
        setup: SetupFlag,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Run the project's tests in every mode
    #[command(
        mut_arg("targets", |arg| arg.help(
            "Only this target, which needs a runner here; may be given several times [default: the host's]"
        )),
        mut_arg("mode", |arg| arg.help(EVERY_MODE)),
    )]
    Test {
        /// Which modes, and which target.
        #[command(flatten)]
        planning: Planning,
        /// Whether to set up first.
        #[command(flatten)]
        setup: SetupFlag,
        /// Build the C with a sanitizer and test only the modes that have C: `address` (with leaks and undefined
        /// behaviour). Needs gcc for the host's target
        #[arg(long, value_name = "SANITIZER")]
        sanitize: Option<Sanitizer>,
        /// Run the tests of the packages that the application is built from under Miri, without their features (no C)
        #[arg(long, conflicts_with = "sanitize")]
        miri: bool,
        /// Arguments for the test programs
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// The main job: build, verify, images, archives, checksums, bills of materials, report
    Release {
        /// Which jobs.
        #[command(flatten)]
        planning: Planning,
        /// Whether to set up first.
        #[command(flatten)]
        setup: SetupFlag,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// The distroless bases: what they are made of, and the locks that hold it
    Base {
        /// What to do.
        #[command(subcommand)]
        command: BaseCommand,
    },
    /// Say how large the images in target/dist are, what of, and what changed
    Size {
        /// Only this image; may be given several times [default: every image of targets.toml]
        #[arg(long = "image", value_name = "NAME")]
        images: Vec<String>,
        /// Build the programs once more with their symbols, to say which crates they are made of
        #[arg(long)]
        crates: bool,
        /// Compare with this size.json or report.json, or with the one in this folder [default: what was saved, else the
        /// last release where an image was made since, else the release before it]
        #[arg(long, value_name = "PATH")]
        against: Option<PathBuf>,
        /// Remember these sizes, to compare with later
        #[arg(long)]
        save: bool,
        /// How many files, crates and changes to show of each platform
        #[arg(long, default_value_t = 10, value_name = "N")]
        top: usize,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Write a commented targets.toml for this workspace
    Init {
        /// The package whose program is to be built, where there are several
        #[arg(long)]
        package: Option<String>,
    },
}

/// What can be done with bases.
#[derive(Debug, Subcommand)]
pub enum BaseCommand {
    /// Lock what Debian's archive has now, and the tags that targets.toml names, in docker/bases
    Update {
        /// The releases of Debian alone: 13, 12 [default: those that are locked, and tags; 13 where there is neither]
        #[arg(value_name = "RELEASE", value_parser = clap::value_parser!(u8).range(12..=13))]
        releases: Vec<u8>,
        /// Also for this architecture, by the name that Debian or images have for it, or `all`; may be given several
        /// times [default: those that are locked, else amd64 and arm64]
        #[arg(long = "arch", value_name = "ARCH")]
        archs: Vec<String>,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Take out of the cache what no run of any workspace has used for long
    Prune {
        /// How many days nothing has used it
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        older_than: u32,
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Print the bases and what is locked for them
    List {
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Print what a base is made of
    Show {
        /// Its name, as in targets.toml: distroless:cc, distroless:static-debian12:debug
        #[arg(value_name = "BASE")]
        name: String,
        /// The architecture [default: this machine's]
        #[arg(long, value_name = "ARCH")]
        arch: Option<String>,
        /// Print every file, which assembles the base where it is not in the cache
        #[arg(long)]
        files: bool,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
}
