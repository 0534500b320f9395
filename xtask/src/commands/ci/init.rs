//! `cargo xtask ci init`: writes the files of a pipeline.

use std::path::Path;

use super::ci_facts;
use crate::ci::init::{CiFile, CiFileState, ToolSource};
use crate::cli::{CiHost, Common};
use crate::rebuild::repository;
use crate::session::Session;
use xtask_files::error::{Error, Result};

pub(super) fn run(
    common: &Common,
    host: CiHost,
    source: Option<ToolSource>,
    check: bool,
    force: bool,
) -> Result<()> {
    let session = Session::open(common, false)?;
    let config = session.config()?;
    let root = &session.workspace.root;
    at_top(root)?;
    let files = host.files(&ci_facts(&session, &config, source)?);
    let mut states: Vec<(&CiFile, CiFileState)> = Vec::new();
    for file in &files {
        states.push((file, file.state(root)?));
    }
    let command = format!("cargo xtask ci init {}", host.word());
    if check {
        return compare(&states, &command);
    }
    let changed: Vec<String> = states.iter().filter_map(|(file, state)| changed(file, *state)).collect();
    if !changed.is_empty() && !force {
        let error = Error::usage("files of the pipeline were changed, and are kept; nothing was written");
        let error = changed.into_iter().fold(error, Error::found);
        return Err(error.help(format!("to replace them: {command} --force")));
    }
    let ui = &session.ui;
    for (file, state) in states {
        match state {
            CiFileState::Same => ui.step("Unchanged", &file.path),
            _ => {
                xtask_files::write(&root.join(&file.path), file.text.as_bytes())?;
                ui.step("Wrote", &file.path);
            }
        }
    }
    Ok(())
}

fn changed(file: &CiFile, state: CiFileState) -> Option<String> {
    match state {
        CiFileState::Changed(line) => Some(format!("{}:{line} was changed by hand", file.path)),
        _ => None,
    }
}

/// Returns an error if a file is not what would be written.
fn compare(states: &[(&CiFile, CiFileState)], command: &str) -> Result<()> {
    let differs = |(file, state): &(&CiFile, CiFileState)| match state {
        CiFileState::Same => None,
        CiFileState::Absent => Some(format!("{} is not there", file.path)),
        CiFileState::Outdated(line) => {
            Some(format!("{}:{line} is of an earlier targets.toml or version", file.path))
        }
        CiFileState::Changed(_) => changed(file, *state),
    };
    let found: Vec<String> = states.iter().filter_map(differs).collect();
    if found.is_empty() {
        return Ok(());
    }
    let error = Error::failed(format!("the pipeline is not what `{command}` writes"));
    Err(found.into_iter().fold(error, Error::found).help(format!("write it, and commit it: {command}")))
}

/// Checks that a service finds the files: it looks for them at the top of the checkout.
fn at_top(root: &Path) -> Result<()> {
    match repository::top(root).ok().flatten() {
        Some(top) if std::fs::canonicalize(root).is_ok_and(|root| root != top) => {
            Err(Error::usage("the workspace is not at the top of the checkout, where a pipeline begins")
                .found(format!("the workspace is {}", root.display()))
                .found(format!("the checkout is {}", top.display())))
        }
        _ => Ok(()),
    }
}
