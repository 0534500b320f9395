//! `cargo xtask conformance`: builds programs of other people and compares the results with the expectations.

use std::path::Path;
use std::time::Duration;

use crate::cli::Common;
use crate::conformance::{
    ConformanceMode, ConformanceResult, PROGRAMS, PublishedProgram, ToolVersion, conformance_page, folder,
    judge, markdown, source, targets_toml, unbuilt,
};
use crate::session::Session;
use xtask_config::suggest::nearest;
use xtask_files::counted;
use xtask_files::error::{Error, Result};
use xtask_oci::document::rfc3339;
use xtask_process::exec::{Cmd, Output};
use xtask_process::ui::{Ui, far};

mod targets;

/// The time limit of one run for a program. OpenSSL for two targets takes minutes on two cores.
const LIMIT: Duration = Duration::from_secs(3600);

/// The time limit for a tool that prints its version.
const ANSWER: Duration = Duration::from_secs(10);

pub(super) fn run(
    common: &Common,
    names: &[String],
    for_targets: bool,
    only: &[String],
    keep: bool,
    page: Option<&Path>,
    json: bool,
) -> Result<()> {
    let session = Session::open(common, json)?;
    if for_targets {
        return targets::run(&session, names, keep, page, json);
    }
    let programs = chosen(names)?;
    check_targets(&programs, only)?;
    let name = |program: &&PublishedProgram| format!("{} {}", program.name, program.version);
    let results = one_by_one(&session.ui, "program", &programs, name, |program| {
        let dir = folder(&session.cache, program);
        let results = one(&session, program, only, &dir)?;
        if !keep {
            let _ = std::fs::remove_dir_all(&dir);
        }
        Ok(results)
    })?;
    let date = today();
    print(&session.ui, &results, json, || markdown(&results, &date));
    update_page(page, |earlier| {
        conformance_page(&results, &tool_versions(&session, &TOOLS), &date, earlier)
    })?;
    match results.iter().filter(|result| !result.right).count() {
        0 => Ok(()),
        wrong => Err(Error::failed(format!("{wrong} of {} results are wrong", results.len()))),
    }
}

/// Returns the results of each item in turn, and shows the progress. `noun` says what the items are.
fn one_by_one<T, R>(
    ui: &Ui,
    noun: &str,
    items: &[T],
    name: impl Fn(&T) -> String,
    mut of: impl FnMut(&T) -> Result<Vec<R>>,
) -> Result<Vec<R>> {
    let task = ui.task("Conformance", counted(items.len() as u64, noun));
    let mut results = Vec::new();
    for (done, item) in items.iter().enumerate() {
        task.far(far(done as u64, Some(items.len() as u64), noun));
        let _doing = task.doing(name(item));
        results.extend(of(item)?);
    }
    Ok(results)
}

/// Prints results as JSON or as a table.
fn print<R: serde::Serialize>(ui: &Ui, results: &[R], json: bool, table: impl FnOnce() -> String) {
    ui.data(&if json { serde_json::to_string_pretty(results).unwrap_or_default() } else { table() });
}

/// Writes the page that `text` makes of the page before, if a page is named.
fn update_page(page: Option<&Path>, text: impl FnOnce(&str) -> String) -> Result<()> {
    let Some(page) = page else { return Ok(()) };
    let earlier = std::fs::read_to_string(page).unwrap_or_default();
    xtask_files::write(page, text(&earlier).as_bytes())
}

/// Returns the present day, as `2026-01-31`.
fn today() -> String {
    rfc3339(super::now()).chars().take_while(|c| *c != 'T').collect()
}

/// The tools that the programs and their build scripts use.
const TOOLS: [&str; 11] = [
    "gcc",
    "musl-gcc",
    "x86_64-w64-mingw32-gcc",
    "clang",
    "cmake",
    "make",
    "perl",
    "nasm",
    "qemu-aarch64-static",
    "node",
    "docker",
];

/// Returns the versions of rustc and of these tools.
fn tool_versions(session: &Session, names: &[&'static str]) -> Vec<ToolVersion> {
    let tool = |name: &'static str, args: &[&str]| {
        let program = session.host.program(name);
        let output = program.and_then(|path| Cmd::new(path).args(args).capture(ANSWER).ok());
        let line =
            output.and_then(|output| output.text().lines().find(|line| !line.is_empty()).map(str::to_owned));
        ToolVersion { name, version: line }
    };
    let version = ["--version"];
    let rustc = ToolVersion { name: "rustc", version: Some(session.rustc.version.to_string()) };
    std::iter::once(rustc).chain(names.iter().map(|name| tool(name, &version))).collect()
}

fn chosen(names: &[String]) -> Result<Vec<&'static PublishedProgram>> {
    if names.is_empty() {
        return Ok(PROGRAMS.iter().collect());
    }
    let find = |name: &String| {
        PROGRAMS.iter().find(|program| program.name == name).ok_or_else(|| {
            let error = Error::usage(format!("conformance does not know the program `{name}`"));
            match nearest(name, PROGRAMS.iter().map(|program| program.name)) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("see all of them: cargo xtask conformance --help"),
            }
        })
    };
    names.iter().map(find).collect()
}

/// Rejects a target for which none of the programs is built.
fn check_targets(programs: &[&PublishedProgram], only: &[String]) -> Result<()> {
    let known: Vec<&str> = programs.iter().flat_map(|program| program.targets()).collect();
    match only.iter().find(|target| !known.contains(&target.as_str())) {
        None => Ok(()),
        Some(target) => {
            let error = Error::usage(format!("conformance builds none of these programs for `{target}`"));
            Err(match nearest(target, known.iter().copied()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("see the targets of each program: docs/reference/conformance.md"),
            })
        }
    }
}

fn one(
    session: &Session,
    program: &PublishedProgram,
    only: &[String],
    dir: &Path,
) -> Result<Vec<ConformanceResult>> {
    source::fetch(program, &session.host, session.offline, dir)?;
    xtask_files::write(&dir.join("targets.toml"), targets_toml(program).as_bytes())?;
    let mut results = Vec::new();
    for mode in program.modes {
        for (mut targets, expected) in mode.groups() {
            targets.retain(|target| only.is_empty() || only.iter().any(|only| only == target));
            if targets.is_empty() {
                continue;
            }
            let output = reported(session, mode, &targets, dir)?;
            let bill = |path: &Path| std::fs::read_to_string(dir.join("target/dist").join(path)).ok();
            let group = (targets, expected);
            results.extend(match serde_json::from_str(&output.text()) {
                Ok(report) => judge(program, mode, &group, &report, &bill),
                // Nothing was built: the plan has errors.
                Err(_) => unbuilt(program, mode, &group, &output.errors()),
            });
        }
    }
    Ok(results)
}

/// Runs a release of a mode for these targets, with images and bills. If the mode is known to break its
/// promise, it is only verified.
fn reported(session: &Session, mode: &ConformanceMode, targets: &[&str], dir: &Path) -> Result<Output> {
    let command = if mode.is_shipped() { "release" } else { "verify" };
    let mut run = Cmd::new(&session.this)
        .args([command, "--mode", mode.name, "--json", "--manifest-path"])
        .arg(dir.join("Cargo.toml"))
        .args(targets.iter().flat_map(|target| ["--target", target]))
        .cwd(dir);
    if session.offline {
        run = run.arg("--offline");
    }
    session.ui.step("Running", run.line());
    run.capture(LIMIT)
}
