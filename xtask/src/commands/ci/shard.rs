//! `cargo xtask ci shard`: makes a part of a release, and lists what it consists of.

use std::collections::BTreeMap;

use super::released;
use crate::ci::inputs::ReleaseInputs;
use crate::ci::matrix;
use crate::ci::shard::{FILE_NAME, ShardDocument};
use crate::cli::{Common, Making, Planning, SetupFlag};
use crate::commands::pipeline::{Packing, packing_in};
use crate::commands::{publish, release};
use crate::publish::files;
use crate::session::Session;
use crate::toolchain_lock::LockedTarget;
use xtask_attest::SigningKey;
use xtask_config::{Config, SigningSource};
use xtask_files::error::{Error, Result};
use xtask_files::human_size;
use xtask_report::report;

pub(super) fn run(
    common: &Common,
    id: &str,
    making: Making,
    setup: SetupFlag,
    key: Option<&str>,
    json: bool,
) -> Result<()> {
    let mut session = Session::open(common, json)?;
    let config = session.config()?;
    let version = session.package(&config)?.version.to_string();
    let shard = matrix::named(id, &config, &released(&session, &config, &[])?, &version)?;
    // Read before anything is built.
    let signer = signer(&session, &config, key)?;
    let dir = session.shards().join(shard.folder());
    session.part = Some(dir.clone());
    let targets: Vec<String> = shard.targets.iter().map(ToString::to_string).collect();
    let start = packing_in(session, &Planning { targets: targets.clone(), making }, setup, "ci shard")?;

    start.take_turn();
    let inputs = inputs(&start)?;
    // What another run left there would be taken for a part of this shard.
    match std::fs::remove_dir_all(&dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("cannot remove", &dir, &e));
        }
        _ => {}
    }
    let ui = &start.session.ui;
    release::make(&start, |report, timings| {
        if !json {
            ui.data(&report::terminal(report, Some(timings), ui.color_out));
        }
    })?;
    unchanged(&inputs, &self::inputs(&start)?)?;
    let toolchains = toolchains(&start);
    let document = ShardDocument::of_release(&dir, shard.id(), targets, inputs, toolchains)?;
    let text = document.json();
    if let Some(signer) = &signer {
        files::sign_file(&dir, FILE_NAME, text.as_bytes(), signer.as_ref())?;
    }
    // Last: a folder without it is not finished.
    xtask_files::write(&dir.join(FILE_NAME), text.as_bytes())?;
    let (count, signed) = (document.files.len() as u64, signer.map_or("", |_| ", signed"));
    let content =
        format!("{}, {}{signed}", xtask_files::counted(count, "file"), human_size(document.bytes()));
    ui.step("Finished", format!("shard {}: {content} → {}", document.id, dir.display()));
    if json {
        ui.data(&text);
    }
    Ok(())
}

/// Returns the key that signs: that of `--key`, or that of targets.toml if it is in PEM and this machine has it.
fn signer(session: &Session, config: &Config, key: Option<&str>) -> Result<Option<Box<dyn SigningKey>>> {
    let Some(text) = key else {
        let source = config.publish.sign.as_ref();
        return Ok(source.and_then(|source| publish::key(session, source).ok().flatten()));
    };
    let source = SigningSource::of_flag(text)?;
    if source == SigningSource::Keyless {
        return Err(Error::usage("shards cannot be signed without a key").help(
            "name a key: a file, `env:` and the name of a variable, or the address of a key in a service",
        ));
    }
    match publish::key(session, &source)? {
        Some(key) => Ok(Some(key)),
        None => publish::service(session, &source),
    }
}

fn inputs(start: &Packing) -> Result<ReleaseInputs> {
    ReleaseInputs::of_run(&start.session, &start.config, &start.request, start.origin()?.created)
}

/// Returns an error if inputs changed while the shard was made.
fn unchanged(before: &ReleaseInputs, after: &ReleaseInputs) -> Result<()> {
    let differences = before.differences(after);
    if differences.is_empty() {
        return Ok(());
    }
    let error = Error::failed("the sources changed while the shard was made");
    let error =
        differences.iter().fold(error, |error, changed| error.found(format!("{} changed", changed.name)));
    let lock = differences.iter().any(|changed| changed.name == "Cargo.lock");
    let error =
        if lock { error.help("if Cargo.lock was out of date, Cargo wrote it: commit it") } else { error };
    Err(error
        .help("git status shows files that a build wrote: let it write to OUT_DIR, or add them to .gitignore")
        .help("if you edited files meanwhile, make the shard again"))
}

fn toolchains(start: &Packing) -> BTreeMap<String, LockedTarget> {
    match start.observed() {
        Ok(tools) => tools.targets.into_iter().map(|(target, tools)| (target.to_string(), tools)).collect(),
        Err(error) => {
            start.session.ui.warn(format!("{FILE_NAME} does not name the toolchains: {}", error.what));
            BTreeMap::new()
        }
    }
}
