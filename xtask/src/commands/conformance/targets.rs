//! `cargo xtask conformance --targets`: builds a small program for every target with every provider of a C
//! toolchain.

use std::path::Path;

use super::{LIMIT, one_by_one, print, today, tool_versions, update_page};
use crate::conformance::targets::{
    FIXTURE_MODES, ModeResult, TargetResult, targets_page, targets_table, write_fixture,
};
use crate::session::Session;
use xtask_compilers::toolchain::candidates::{Wish, candidates};
use xtask_compilers::toolchain::{Provider, zig};
use xtask_config::suggest::nearest;
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_report::report::Report;
use xtask_triple::Triple;
use xtask_triple::system::{LISTED, refusal};

pub(super) fn run(
    session: &Session,
    names: &[String],
    keep: bool,
    page: Option<&Path>,
    json: bool,
) -> Result<()> {
    let targets = chosen(names)?;
    let dir = session.cache.join("conformance").join("targets");
    let _ = std::fs::remove_dir_all(&dir);
    let supported: Vec<Triple> = targets.iter().filter(|target| refusal(target).is_none()).cloned().collect();
    write_fixture(&dir, &supported)?;
    lock(session, &dir)?;
    let results = one_by_one(&session.ui, "target", &targets, Triple::to_string, |target| {
        of_target(session, target, &dir)
    })?;
    if !keep {
        let _ = std::fs::remove_dir_all(&dir);
    }
    let date = today();
    print(&session.ui, &results, json, || targets_table(&results, &date));
    update_page(page, |earlier| {
        let tools = tool_versions(session, &["gcc", "clang", "qemu-aarch64-static"]);
        targets_page(&results, LISTED, &tools, &date, earlier)
    })?;
    match results.iter().filter(|result| result.is_wrong()).count() {
        0 => Ok(()),
        wrong => Err(Error::failed(format!("{wrong} of {} rows are wrong", results.len()))),
    }
}

fn chosen(names: &[String]) -> Result<Vec<Triple>> {
    if names.is_empty() {
        return Ok(LISTED.iter().map(|triple| Triple::parse(triple)).collect());
    }
    let find = |name: &String| match LISTED.contains(&name.as_str()) {
        true => Ok(Triple::parse(name)),
        false => {
            let error = Error::usage(format!("the page of targets does not list `{name}`"));
            Err(match nearest(name, LISTED.iter().copied()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("see all of them: docs/reference/targets.md"),
            })
        }
    };
    names.iter().map(find).collect()
}

/// Lets Cargo write the lock file of the program, with which every run then works.
fn lock(session: &Session, dir: &Path) -> Result<()> {
    let mut cmd = session.host.settled(Cmd::new(session.host.cargo()).arg("generate-lockfile"), dir);
    if session.offline {
        cmd = cmd.arg("--offline");
    }
    let output = cmd.capture(LIMIT)?;
    if output.ok() {
        return Ok(());
    }
    Err(Error::missing("Cargo cannot lock the dependencies of the program").found(output.errors()))
}

/// Tries a target with every provider that may serve it.
fn of_target(session: &Session, target: &Triple, dir: &Path) -> Result<Vec<TargetResult>> {
    if let Some(why) = refusal(target) {
        return Ok(vec![TargetResult::untried(target, None, why)]);
    }
    let private = xtask_setup::zig::program(&session.cache);
    let zigs = zig::find(&session.host, private.as_deref());
    let found = candidates(target, &session.host, &Wish::default(), &zigs);
    let mut results = Vec::new();
    for &provider in Provider::ALL {
        if found.list.iter().any(|candidate| candidate.provider == provider) {
            results.push(of_provider(session, target, provider, dir)?);
        } else if let Some(nothing) = found.nothing.iter().find(|nothing| nothing.provider == provider) {
            let why = format!("not on the machine: {}", nothing.looked_for);
            results.push(TargetResult::untried(target, Some(provider.name()), why));
        }
    }
    Ok(results)
}

fn of_provider(session: &Session, target: &Triple, provider: Provider, dir: &Path) -> Result<TargetResult> {
    let mut result = TargetResult {
        target: target.to_string(),
        provider: Some(provider.name().to_owned()),
        toolchain: None,
        modes: Vec::new(),
        untried: None,
    };
    for mode in FIXTURE_MODES {
        let mut run = Cmd::new(&session.this)
            .args(["verify", "--json", "--mode", mode, "--target", target.as_str()])
            .args(["--providers", provider.name(), "--manifest-path"])
            .arg(dir.join("Cargo.toml"))
            .cwd(dir);
        if session.offline {
            run = run.arg("--offline");
        }
        session.ui.step("Running", run.line());
        let output = run.capture(LIMIT)?;
        result.modes.push(match serde_json::from_str::<Report>(&output.text()) {
            Ok(report) => {
                let toolchain = report.jobs.iter().find_map(|job| job.toolchain.as_ref());
                result.toolchain = result.toolchain.or_else(|| toolchain.map(|t| t.version.clone()));
                ModeResult::of(mode, &report)
            }
            // Nothing was built, because something is missing.
            Err(_) => ModeResult::missing(mode, cause(mode, &output.errors())),
        });
    }
    Ok(result)
}

/// Returns the line of an error that gives its cause.
fn cause(mode: &str, errors: &str) -> String {
    let lines = || errors.lines().map(str::trim);
    let note = lines().find_map(|line| line.strip_prefix("note: "));
    let line = note.or_else(|| lines().find_map(|line| line.strip_prefix("error: "))).unwrap_or(errors);
    // The job is named in the columns of the row.
    let cause = line.split_once(": ").map_or(line, |(_, cause)| cause);
    cause.strip_prefix(&format!("mode {mode}: ")).unwrap_or(cause).to_owned()
}
