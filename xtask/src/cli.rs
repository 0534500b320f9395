//! The command line, as typed: commands, options and their help texts.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

mod base;
mod bench;
mod ci;
mod examples;
mod options;

pub use base::BaseCommand;
pub use bench::{BenchCase, ComparisonOptions, SamplingOptions};
pub use ci::{CiCommand, CiHost};
use options::EVERY_MODE;
pub use options::{Common, EnvFormat, JsonFlag, Making, Planning, Sanitizer, SetupFlag};

/// Build a Rust program with a C component for every target, verify it, and pack it into container images.
///
/// The file targets.toml names the program, its modes, targets and images. `cargo xtask init` writes one.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = examples::ROOT
)]
pub struct Cli {
    /// The options of every command.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of `cargo xtask`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check this machine: show what can be built, what is missing and how to install it
    #[command(after_help = examples::DOCTOR)]
    Doctor {
        /// The options that select the jobs.
        #[command(flatten)]
        planning: Planning,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Install what `doctor` reports as missing
    ///
    /// Every command is printed before it is run. Nothing is removed.
    #[command(after_help = examples::SETUP)]
    Setup {
        /// Only for these targets [default: every target of targets.toml]
        #[arg(value_name = "TARGET")]
        targets: Vec<String>,
        /// Also install what the project's own tests need (`needs` of [test] in targets.toml)
        #[arg(long)]
        tests: bool,
        /// Do not ask before installing
        #[arg(long)]
        yes: bool,
    },
    /// Show every job with its mode, its toolchain and the reasons; build nothing
    #[command(after_help = examples::PLAN)]
    Plan {
        /// The options that select the jobs.
        #[command(flatten)]
        planning: Planning,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Show every candidate for the C toolchain of a target, with the result of its probe
    #[command(after_help = examples::EXPLAIN)]
    Explain {
        /// The target triple
        #[arg(value_name = "TARGET")]
        target: String,
        /// Search C toolchains only in these places, separated by commas [default: all]
        #[arg(long, value_name = "LIST")]
        providers: Option<String>,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Print the variables with which a target is built, for a shell, direnv or an editor
    ///
    /// With them, plain Cargo builds and tests for the target with the toolchain that a build here would use. Paths of this
    /// machine stay in the programs, so that a debugger finds the sources. In a shell with these variables, `cargo xtask`
    /// works as it does without them.
    #[command(after_help = examples::ENV)]
    Env {
        /// The target triple
        #[arg(value_name = "TARGET")]
        target: String,
        /// The mode: `auto` (the first one, which must be possible here), or a name [default: `mode` of the target in
        /// targets.toml]
        ///
        /// The variables of a mode without C name no C compiler. They refuse none either: only a build proves that a
        /// program is pure.
        #[arg(long, value_name = "MODE")]
        mode: Option<String>,
        /// Search C toolchains only in these places, separated by commas [default: all]
        #[arg(long, value_name = "LIST")]
        providers: Option<String>,
        /// Fail if a toolchain is not the one that toolchains.lock names
        #[arg(long)]
        locked: bool,
        /// The syntax to print
        #[arg(long, value_enum, default_value_t = EnvFormat::Sh, conflicts_with = "json")]
        format: EnvFormat,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Build every job
    ///
    /// The programs are written to target/dist/bin.
    #[command(after_help = examples::BUILD)]
    Build {
        /// The options that select the jobs.
        #[command(flatten)]
        planning: Planning,
        /// The options that install what is missing first.
        #[command(flatten)]
        setup: SetupFlag,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Build, then check every program: gate, purity, smoke run. With a reference, check a published image instead
    ///
    /// A published image is fetched. Its digests, the signatures and attestations of a key, its bill of materials and its
    /// programs are checked. With --rebuild, it is also built again from the commit that its provenance records.
    #[command(after_help = examples::VERIFY)]
    Verify {
        /// A published image: `registry.example/team/app:1.2.3`, or with a digest
        #[arg(value_name = "REFERENCE", conflicts_with_all = ["targets", "mode", "strict", "providers", "locked"])]
        reference: Option<String>,
        /// The public key whose signatures of the image count: a file, `env:` and the name of a variable, or the address
        /// of a key in a service, which cosign asks
        #[arg(long, value_name = "KEY", requires = "reference", allow_hyphen_values = true)]
        key: Option<String>,
        /// The options that select the jobs.
        #[command(flatten)]
        planning: Planning,
        /// The options that install what is missing first.
        #[command(flatten)]
        setup: SetupFlag,
        /// Build a second time, from a copy of the workspace or from the commit of the published image, and fail if the two
        /// builds differ
        #[arg(long)]
        rebuild: bool,
        /// Sign a summary of the verification with this private key, and attach it to the published image: a file, or `env:`
        /// and the name of a variable
        #[arg(long, value_name = "KEY", requires_all = ["reference", "rebuild"], allow_hyphen_values = true)]
        sign: Option<String>,
        /// How to print.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Build, verify, pack the images and start each of them once
    ///
    /// The images are written to target/dist. No container daemon is needed for this.
    #[command(after_help = examples::IMAGE)]
    Image {
        /// The options that select the jobs.
        #[command(flatten)]
        planning: Planning,
        /// Load the images into Docker or podman, and print only the name of the first image on stdout
        #[arg(long)]
        load: bool,
        /// The options that install what is missing first.
        #[command(flatten)]
        setup: SetupFlag,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Push the images of the last release to a registry, read them back, and move the tags
    ///
    /// Publishes what `cargo xtask release` wrote to target/dist, and builds nothing. A run that was interrupted can be run
    /// again. stdout gets one `repository@digest` a line. With a key, images are signed, and the statements of the release
    /// are attached to them.
    #[command(after_help = examples::PUBLISH)]
    Publish {
        /// The repository; `{image}` stands for the name of the image [default: `publish.to` of targets.toml]
        #[arg(long, value_name = "REPOSITORY")]
        to: Option<String>,
        /// A tag, such as `latest` or `{major}.{minor}`; can be repeated [default: `publish.tags` of targets.toml, or `{version}`]
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// Print every request with digest and size, and send none
        #[arg(long)]
        dry_run: bool,
        /// What signs: the file of a private key, `env:` and the name of a variable, the address of a key in a service
        /// (`awskms://…`), or `keyless`; the last two need cosign [default: `publish.sign` of targets.toml]
        // A key itself begins with hyphens. It gets its own error, which does not repeat the key.
        #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
        key: Option<String>,
        /// Move tags that otherwise stay: the tag of a release to another image, others to an earlier version
        #[arg(long)]
        force: bool,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Replace `xtask://IMAGE` in Kubernetes and Compose files by the digests that were published
    ///
    /// Reads target/dist/publish.json. Everything else in the files stays byte for byte. Several files are printed as the
    /// documents of one YAML stream.
    #[command(after_help = examples::RESOLVE)]
    Resolve {
        /// The files; `-` is standard input
        #[arg(value_name = "FILE", required = true)]
        files: Vec<String>,
        /// Change the files, and print nothing
        #[arg(long)]
        in_place: bool,
    },
    /// Measure how long each mode takes to build: cold, warm, and after a change of a file
    ///
    /// The samples of the modes are taken in turn, in random order, until the interval of their ratio is narrow enough. Each
    /// sample is on disk when it is done: a run that was interrupted goes on where it was. The results are written to
    /// target/dist/timings.json.
    #[command(
        after_help = examples::BENCH,
        mut_arg("targets", |arg| arg.help(
            "Plan only this target; can be repeated [default: one target of this machine and one of another architecture]"
        )),
        mut_arg("mode", |arg| arg.help(EVERY_MODE)),
    )]
    Bench {
        /// The options that select the jobs.
        #[command(flatten)]
        planning: Planning,
        /// The options that say which samples are taken.
        #[command(flatten)]
        sampling: SamplingOptions,
        /// The options that say what the run is compared with.
        #[command(flatten)]
        comparison: ComparisonOptions,
        /// The options that install what is missing first.
        #[command(flatten)]
        setup: SetupFlag,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Run the project's tests in every mode
    #[command(
        after_help = examples::TEST,
        mut_arg("targets", |arg| arg.help(
            "Test only this target, which must run on this machine; can be repeated [default: the host's target]"
        )),
        mut_arg("mode", |arg| arg.help(EVERY_MODE)),
    )]
    Test {
        /// The options that select the modes and the target.
        #[command(flatten)]
        planning: Planning,
        /// The options that install what is missing first.
        #[command(flatten)]
        setup: SetupFlag,
        /// Build the C with a sanitizer and test only the modes that contain C
        ///
        /// `address` finds wrong memory accesses, leaks and undefined behaviour. It needs gcc for the host's target.
        #[arg(long, value_name = "SANITIZER")]
        sanitize: Option<Sanitizer>,
        /// Run the tests of the packages that the application is built from under Miri, without features and without C
        #[arg(long, conflicts_with = "sanitize")]
        miri: bool,
        /// Arguments for the test programs
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Make a whole release: build, verify, images, archives, checksums, bills of materials, report
    ///
    /// Everything is written to target/dist.
    #[command(after_help = examples::RELEASE)]
    Release {
        /// The options that select the jobs.
        #[command(flatten)]
        planning: Planning,
        /// The options that install what is missing first.
        #[command(flatten)]
        setup: SetupFlag,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Manage the bases of images: list and show them, lock their packages, clean the cache
    #[command(after_help = examples::BASE)]
    Base {
        /// The command below `base`.
        #[command(subcommand)]
        command: BaseCommand,
    },
    /// Make one release on many machines: divide it, make a part, join the parts; write a pipeline that does
    #[command(after_help = examples::CI)]
    Ci {
        /// The command below `ci`.
        #[command(subcommand)]
        command: CiCommand,
    },
    /// Write toolchains.lock: the toolchain and the std of each target, by version and digest
    ///
    /// A locked provider is preferred to others. With --locked, or if the variable CI is set, a toolchain other than the
    /// locked one is an error.
    #[command(after_help = examples::LOCK)]
    Lock {
        /// Lock the toolchains of this machine in place of the locked ones
        #[arg(long)]
        update: bool,
    },
    /// Show the size and contents of each image and program in target/dist, and what changed
    ///
    /// A program that an image ships is shown with the image. The others are those of the last release.
    #[command(after_help = examples::SIZE)]
    Size {
        /// Show only this image; can be repeated [default: every image of targets.toml, and the other programs]
        #[arg(long = "image", value_name = "NAME")]
        images: Vec<String>,
        /// Build the programs once more with symbols, to show the size of each crate
        #[arg(long)]
        crates: bool,
        /// Compare with this size.json or report.json, or with the one in this folder
        ///
        /// Without it, the sizes are compared with those of --save. Where none were saved, they are compared with the last
        /// release if an image was made since, else with the release before it.
        #[arg(long, value_name = "PATH")]
        against: Option<PathBuf>,
        /// Save these sizes, to compare with later
        #[arg(long)]
        save: bool,
        /// The number of files, crates and changes to show for each platform
        #[arg(long, default_value_t = 10, value_name = "N")]
        top: usize,
        /// Print Markdown, for a comment on a change
        #[arg(long, conflicts_with = "json")]
        markdown: bool,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Build published programs of others, and compare the results with the known ones: for maintainers
    ///
    /// Each is built from its crate with its own Cargo.lock, in its modes, for two architectures, and packed in `scratch`; some
    /// are built for Windows, WASI and macOS too. The whole list takes two hours on two cores. With `--targets`, a small program is built for each target instead, with each
    /// provider of a C toolchain, with C, with C++ and without C.
    #[command(after_help = examples::CONFORMANCE)]
    Conformance {
        /// Only these programs, by the names of their crates; with `--targets`, only these triples [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Build a small program for each target with each provider, to show what can be built and started
        #[arg(long)]
        targets: bool,
        /// Build the programs only for this target; may be given several times [default: all targets of each program]
        #[arg(long, value_name = "TRIPLE", conflicts_with = "targets")]
        target: Vec<String>,
        /// Keep the folders that the programs were built in
        #[arg(long)]
        keep: bool,
        /// Write the results into this page of Markdown, whose other rows stay as they are
        #[arg(long, value_name = "FILE")]
        page: Option<PathBuf>,
        /// The option for JSON output.
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Write a commented targets.toml for this workspace
    #[command(after_help = examples::INIT)]
    Init {
        /// The package whose program is built, if there are several
        #[arg(long)]
        package: Option<String>,
    },
}
