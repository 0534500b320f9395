//! What the commands cost beside Cargo: `plan` with a warm probe cache, and a second `release` with nothing changed
//! against Cargo's own freshness check of the same jobs. Runs on this workspace, whose `release` must have been run.
//!
//! `cargo bench -p xtask --bench commands` prints medians and how they stand to the limits we set ourselves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask_process::exec::Cmd;
use xtask_report::timing::median;

const ROUNDS: usize = 15;
const LIMIT: Duration = Duration::from_secs(600);

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default();
    let xtask = |args: &[&str]| Cmd::new(env!("CARGO_BIN_EXE_cargo-xtask")).args(args).cwd(&root);
    let first = xtask(&["release", "--quiet"]).capture(LIMIT);
    match first {
        Ok(output) if output.ok() => {}
        Ok(output) => return eprintln!("`release` must work before it can be timed:\n{}", output.errors()),
        Err(error) => return eprintln!("{error}"),
    }
    let mut plans = Vec::new();
    let mut releases = Vec::new();
    let mut builds = Vec::new();
    // Interleaved, so that a machine that gets slower does not favour one.
    for _ in 0..ROUNDS {
        plans.push(seconds(&xtask(&["plan", "--json"])));
        releases.push(seconds(&xtask(&["release", "--quiet"])));
        builds.push(cargo_seconds(&xtask(&["build", "--json"])));
    }
    let (plan, release, cargo) = (median(&plans), median(&releases), median(&builds));
    println!("plan, warm probe cache            {:7.1} ms   limit  150 ms", plan * 1e3);
    println!("release, nothing changed          {:7.1} ms", release * 1e3);
    println!("  of which Cargo's freshness      {:7.1} ms", cargo * 1e3);
    println!("  what we add                     {:7.1} ms   limit 1000 ms", (release - cargo) * 1e3);
}

fn seconds(cmd: &Cmd) -> f64 {
    cmd.capture(LIMIT).map_or(f64::NAN, |output| output.seconds)
}

/// The seconds of the cargo calls that a build made: jobs of one mode shared theirs.
fn cargo_seconds(cmd: &Cmd) -> f64 {
    let Ok(output) = cmd.capture(LIMIT) else { return f64::NAN };
    let Ok(report) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else { return f64::NAN };
    let mut calls: Vec<(String, f64)> = Vec::new();
    for job in report["jobs"].as_array().into_iter().flatten() {
        let mode = job["mode"].to_string();
        if !calls.iter().any(|(m, _)| *m == mode) {
            calls.push((mode, job["seconds"].as_f64().unwrap_or(f64::NAN)));
        }
    }
    calls.into_iter().map(|(_, s)| s).sum()
}
