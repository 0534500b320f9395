//! One file for each command. A command's `run` function calls the steps of the command in their order.

use std::time::SystemTime;

use crate::cli::{Cli, Command, Making, Planning};
use crate::publish::PublishRequest;
use xtask_files::error::Result;

mod base;
mod bench;
mod bills;
mod ci;
mod conformance;
mod doctor;
mod entries;
mod env;
mod explain;
mod init;
mod lock;
mod make;
mod owner;
mod pipeline;
mod plan;
mod publish;
mod rebuild;
mod rebuild_image;
mod release;
mod resolve;
mod setup;
mod shipped;
mod size;
mod statements;
mod test;
mod verify_image;

/// Runs the command of a parsed command line.
///
/// # Errors
/// The error that ended the command. Its kind determines the exit code.
pub fn run(cli: Cli) -> Result<()> {
    let common = cli.common;
    match cli.command {
        Command::Doctor { planning, json } => doctor::run(&common, &planning, json.json),
        Command::Setup { targets, tests, yes } => setup::run(&common, &targets, tests, yes),
        Command::Plan { planning, json } => plan::run(&common, &planning, json.json),
        Command::Explain { target, providers, json } => {
            explain::run(&common, &target, providers.as_deref(), json.json)
        }
        Command::Env { target, mode, providers, locked, format, json } => {
            let making = Making { mode, providers, locked, ..Making::default() };
            let planning = Planning { targets: vec![target], making };
            env::run(&common, &planning, format, json.json)
        }
        Command::Build { planning, setup, json } => make::build(&common, &planning, setup, json.json),
        Command::Verify { reference: Some(reference), key, rebuild, sign, setup, json, .. } => {
            let request =
                verify_image::VerifyImageRequest { reference, key, rebuild, sign, setup: setup.setup };
            verify_image::run(&common, &request, json.json)
        }
        Command::Verify { planning, setup, rebuild, json, .. } => {
            make::verify(&common, &planning, setup, rebuild, json.json)
        }
        Command::Image { planning, load, setup, json } => {
            make::image(&common, &planning, setup, load, json.json)
        }
        Command::Publish { to, tags, dry_run, key, force, json } => {
            let request = PublishRequest { to, tags, key, force };
            publish::run(&common, &request, dry_run, json.json)
        }
        Command::Resolve { files, in_place } => resolve::run(&common, &files, in_place),
        Command::Bench { planning, sampling, comparison, setup, json } => {
            let request = bench::BenchRequest { planning, sampling, comparison, setup, json: json.json };
            bench::run(&common, request)
        }
        Command::Test { miri: true, args, .. } => test::miri(&common, &args),
        Command::Test { planning, setup, sanitize, args, .. } => {
            test::run(&common, &planning, setup, sanitize, &args)
        }
        Command::Release { planning, setup, json } => release::run(&common, &planning, setup, json.json),
        Command::Base { command } => base::run(&common, &command),
        Command::Ci { command } => ci::run(&common, command),
        Command::Size { images, crates, against, save, top, markdown, json } => {
            let json = json.json;
            let request = size::SizeRequest { images, crates, against, save, top, markdown, json };
            size::run(&common, &request)
        }
        Command::Lock { update } => lock::run(&common, update),
        Command::Conformance { names, targets, target, keep, page, json } => {
            conformance::run(&common, &names, targets, &target, keep, page.as_deref(), json.json)
        }
        Command::Init { package } => init::run(&common, package.as_deref()),
    }
}

/// Returns the time in seconds since 1970, or 0 if the clock is before that.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs())
}
