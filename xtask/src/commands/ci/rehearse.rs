//! `cargo xtask ci rehearse`: the release workflow on this machine, script by script.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::ci_facts;
use crate::ci::init::{CiFile, ToolSource};
use crate::ci::rehearsal::{
    LeftOut, REGISTRY, Rehearsal, RehearsalAccount, RehearsedCheckout, RehearsedStep,
};
use crate::ci::workflow::{self, Workflow};
use crate::cli::{CiHost, Common};
use crate::commands::setup;
use crate::session::Session;
use xtask_config::Config;
use xtask_files::error::{Error, Result};
use xtask_files::{dist, human_seconds, human_size};
use xtask_process::exec::Undo;
use xtask_process::table::{Align, Table};
use xtask_report::report::Report;

/// What is printed.
#[derive(Debug, Serialize)]
struct RehearsalReport {
    schema: u32,
    /// Whose scripts ran: the file of the commit, or the one that would be written.
    workflow: String,
    machines: usize,
    steps: Vec<RehearsedStep>,
    left_out: Vec<LeftOut>,
    /// What stand-ins were asked in place of the service, with the number of times.
    stood_in: BTreeMap<String, usize>,
    /// The longest way through the jobs, on so many machines.
    critical_path_seconds: f64,
    /// The same steps one after the other.
    total_seconds: f64,
    images: Vec<(String, String)>,
    /// Whether the release of a machine alone is the same; none if it was not made.
    same_as_alone: Option<bool>,
}

pub(super) fn run(common: &Common, machines: usize, kill: bool, json: bool) -> Result<()> {
    let session = Session::open(common, json)?;
    let config = session.config()?;
    if !config.images.is_empty() && session.host.program(REGISTRY).is_none() {
        return Err(Error::missing(format!("{REGISTRY} is not on PATH"))
            .found("the release is published to a registry on this machine")
            .help("install it; on Debian: apt-get install docker-registry"));
    }
    let checkout = RehearsedCheckout::of(&session)?;
    let chosen = ChosenWorkflow::of(&session, &config, &checkout)?;
    let begun = format!("{}; changes that are not committed have no part in it", chosen.name);
    session.ui.step("Rehearsing", begun);
    // The scripts say `--setup`, which would install it without asking.
    setup::complete(&session, &config)?;
    let rehearsals = session.cache.join("rehearsal");
    xtask_files::sweep_killed(&rehearsals, "");
    let folder = rehearsals.join(std::process::id().to_string());
    // Of a killed one in another container, whose process had the same number.
    let _ = std::fs::remove_dir_all(&folder);
    // As large as several releases, and of no use afterwards, however this ends.
    let _gone = Undo::removing(&folder);
    let rehearsed = || {
        let ChosenWorkflow { workflow, tag, .. } = &chosen;
        let rehearsal = Rehearsal::new(&session, &config, (workflow, tag), checkout, folder.clone(), kill)?;
        let (account, alone) = rehearsal.run()?;
        report(account, &chosen, machines, alone.as_deref())
    };
    let report = rehearsed();
    // The time that `Undo` has is too short for it on a busy machine.
    let _ = std::fs::remove_dir_all(&folder);
    let report = report?;
    session.ui.data(&match json {
        true => xtask_report::json::pretty(&report),
        false => text(&report, session.ui.color_out),
    });
    match report.same_as_alone {
        Some(false) => Err(Error::failed("the release of several machines is not that of one")
            .found("SHA256SUMS or the digest of an image differs")
            .help("find the input that differs: docs/concepts/reproducibility.md")),
        _ => Ok(()),
    }
}

/// What is rehearsed.
struct ChosenWorkflow {
    /// Its path in the commit, or what it is instead.
    name: String,
    workflow: Workflow,
    /// The tag of the release.
    tag: String,
}

impl ChosenWorkflow {
    /// Reads the workflow of the commit, or else the one that would be written.
    fn of(session: &Session, config: &Config, checkout: &RehearsedCheckout) -> Result<Self> {
        // The step that installs this program is not run.
        let facts = ci_facts(session, config, None)
            .or_else(|_| ci_facts(session, config, Some(ToolSource::Command("true".to_owned()))))?;
        let tag = facts.tag(&session.package(config)?.version);
        let files = CiHost::GitHub.files(&facts).into_iter();
        let file = files.into_iter().find(|file| file.path.ends_with("-release.yml"));
        let CiFile { path, text } = file.ok_or_else(|| Error::failed("a pipeline has no release"))?;
        if let Some(text) = checkout.file(&path)? {
            return Ok(Self { workflow: workflow::read(&path, &text)?, name: path, tag });
        }
        let instead = match checkout.file(".gitlab-ci.yml")? {
            Some(_) => ", with the commands of .gitlab-ci.yml",
            None => "",
        };
        let name = format!("what `cargo xtask ci init github` would write{instead}");
        Ok(Self { name, workflow: workflow::read(&path, &text)?, tag })
    }
}

fn report(
    account: RehearsalAccount,
    chosen: &ChosenWorkflow,
    machines: usize,
    alone: Option<&Path>,
) -> Result<RehearsalReport> {
    let images = account.merged.as_deref().and_then(Report::last).map(digests).unwrap_or_default();
    let same = match (&account.merged, alone) {
        (Some(merged), Some(alone)) => Some(same_release(merged, alone)?),
        _ => None,
    };
    Ok(RehearsalReport {
        schema: 1,
        workflow: chosen.name.clone(),
        machines,
        critical_path_seconds: account.critical_path(&chosen.workflow, machines),
        total_seconds: account.steps.iter().fold(0.0, |sum, step| sum + step.seconds),
        steps: account.steps,
        left_out: account.left_out,
        stood_in: account.stood_in,
        images,
        same_as_alone: same,
    })
}

/// Returns the names of the images of a release, with their digests.
fn digests(report: Report) -> Vec<(String, String)> {
    report.images.into_iter().map(|image| (image.name, image.index_digest)).collect()
}

/// Whether two releases have the same archives and images.
fn same_release(one: &Path, other: &Path) -> Result<bool> {
    let sums = |dir: &Path| {
        let file = dir.join(dist::SUMS);
        xtask_files::read(&file).map_err(|e| Error::io("cannot read", &file, &e))
    };
    let images = |dir: &Path| Report::last(dir).map(digests).unwrap_or_default();
    Ok(sums(one)? == sums(other)? && images(one) == images(other))
}

fn text(report: &RehearsalReport, color: bool) -> String {
    let columns = [
        ("machine", Align::Left),
        ("step", Align::Left),
        ("killed", Align::Right),
        ("time", Align::Right),
        ("bytes", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for step in &report.steps {
        table.row([
            step.machine.as_str().into(),
            step.step.as_str().into(),
            step.kills.to_string().into(),
            human_seconds(step.seconds).into(),
            step.bytes.map_or_else(String::new, human_size).into(),
        ]);
    }
    let mut text = table.terminal(color);
    let machines = xtask_files::counted(report.machines as u64, "machine");
    text += &format!(
        "\nshards on {machines}: {}; one step after the other: {}",
        human_seconds(report.critical_path_seconds),
        human_seconds(report.total_seconds)
    );
    for (call, count) in &report.stood_in {
        text += &format!("\nnot asked here: {call} ({count} ×)");
    }
    for LeftOut { job, step, why } in &report.left_out {
        let step = step.as_ref().map(|step| format!(", {step}")).unwrap_or_default();
        text += &format!("\nleft out: {job}{step}: {why}");
    }
    for (name, digest) in &report.images {
        text += &format!("\n{name}: {digest}");
    }
    if let Some(same) = report.same_as_alone {
        text += if same {
            "\nthe same as a release of one machine"
        } else {
            "\nNOT the same as a release of one machine"
        };
    }
    text
}
