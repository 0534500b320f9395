//! `cargo xtask ci`: a release that many machines make.

use crate::ci::init::{CiFacts, ToolSource};
use crate::ci::matrix::{PlannedShard, ReleaseMatrix};
use crate::cli::{CiCommand, Common};
use crate::session::Session;
use xtask_config::Config;
use xtask_files::error::{Error, Result};
use xtask_triple::Triple;

mod init;
mod merge;
mod plan;
mod rehearse;
mod shard;

pub(super) fn run(common: &Common, command: CiCommand) -> Result<()> {
    match command {
        CiCommand::Plan { targets, machines, timings, github, json } => {
            let form = plan::MatrixForm::of(github, json.json);
            plan::run(common, &targets, machines.map(usize::from), timings.as_deref(), form)
        }
        CiCommand::Shard { id, key, making, setup, json } => {
            shard::run(common, &id, making, setup, key.as_deref(), json.json)
        }
        CiCommand::Rehearse { machines, kill, json } => {
            rehearse::run(common, machines.into(), kill, json.json)
        }
        CiCommand::Init { service, install, tool, check, force } => {
            let source = match (install, tool) {
                (_, Some(image)) => Some(ToolSource::image(&image, service)?),
                (Some(line), None) => Some(ToolSource::command(&line)?),
                (None, None) => None,
            };
            init::run(common, service, source, check, force)
        }
        CiCommand::Merge { folders, targets, key, json } => {
            merge::run(common, &folders, &targets, key.as_deref(), json.json)
        }
    }
}

/// Returns the targets of the whole release, in the order of targets.toml: those of `--target`, or else all.
///
/// # Errors
/// A target of `--target` is not in targets.toml. A release is divided by that file alone, so that every machine divides it
/// in the same way.
fn released(session: &Session, config: &Config, asked: &[String]) -> Result<Vec<Triple>> {
    let asked = session.triples(asked)?;
    let all: Vec<Triple> = config.targets.iter().map(|target| target.triple.clone()).collect();
    if let Some(other) = asked.iter().find(|target| !all.contains(target)) {
        return Err(Error::usage(format!("{} has no target {other}", config.file.display()))
            .found("only targets of this file can be divided into shards")
            .help(format!("add it: [[target]] with triple = \"{other}\"")));
    }
    Ok(all.into_iter().filter(|target| asked.is_empty() || asked.contains(target)).collect())
}

/// Reads what the files of a pipeline depend on. `source` says how a runner gets this program.
///
/// # Errors
/// As [`CiFacts::new`].
fn ci_facts(session: &Session, config: &Config, source: Option<ToolSource>) -> Result<CiFacts> {
    let version = session.package(config)?.version.to_string();
    let matrix = ReleaseMatrix::new(config, &released(session, config, &[])?, &version, None, None);
    let shards = matrix.shards.iter().map(PlannedShard::id).collect();
    CiFacts::new(config, &session.workspace, source, shards)
}
