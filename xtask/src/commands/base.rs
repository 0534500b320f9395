//! `cargo xtask base`: the content of bases, and the locks that fix it.

use std::path::PathBuf;

use crate::cli::{BaseCommand, Common};
use crate::session::Session;
use xtask_base::{BaseContext, BaseLock, DebianArch, SnapshotArchive};
use xtask_config::Config;
use xtask_files::error::{Error, Result};

mod list;
mod prune;
mod show;
mod tags;
mod update;

pub(super) fn run(common: &Common, command: &BaseCommand) -> Result<()> {
    match command {
        BaseCommand::Update { releases, archs, json } => update::run(common, releases, archs, json.json),
        BaseCommand::Prune { older_than, dry_run, json } => {
            prune::run(common, *older_than, *dry_run, json.json)
        }
        BaseCommand::List { json } => list::run(common, json.json),
        BaseCommand::Show { name, arch, files, json } => {
            show::run(common, name, arch.as_deref(), *files, json.json)
        }
    }
}

fn lock_file(session: &Session, debian: u8) -> PathBuf {
    session.locks().join(BaseLock::file_name(debian))
}

/// Returns the context of the commands below `base`. They refresh nothing without a request.
fn site<'a>(
    session: &'a Session,
    locks: &'a std::path::Path,
    snapshots: &'a [SnapshotArchive],
) -> BaseContext<'a> {
    BaseContext {
        locks,
        cache: &session.cache,
        host: &session.host,
        ui: &session.ui,
        snapshots,
        offline: session.offline,
        may_refresh: false,
        strict: false,
        allow_superseded: false,
    }
}

/// Reads targets.toml, or returns none if there is no such file. The commands here work without it.
fn config(session: &Session) -> Result<Option<Config>> {
    if session.config_file.exists() { session.config().map(Some) } else { Ok(None) }
}

fn arch(text: &str) -> Result<DebianArch> {
    DebianArch::parse(text).ok_or_else(|| {
        let all: Vec<&str> = DebianArch::ALL.iter().map(|arch| arch.as_str()).collect();
        Error::usage(format!("there is no base for the architecture `{text}`"))
            .help(format!("the architectures are {}", all.join(", ")))
    })
}

/// Prints a document as JSON.
fn print_json(session: &Session, document: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document);
    session.ui.data(&text.map_err(|e| Error::failed(format!("base: {e}")))?);
    Ok(())
}
