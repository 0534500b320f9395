//! The workflows for GitHub Actions. Only the job that publishes may write packages and attestations, and nothing is compiled in
//! it: it gets this program and the release from other jobs, and checks their digests.

mod check;
mod job_text;
mod refresh;
mod release;

use super::CiFacts;
use job_text::JobText;

/// The machine for jobs that are not a shard.
const RUNNER: &str = "ubuntu-24.04";

/// Returns the workflows, by their paths. A second release has its own workflow, and no others.
pub(super) fn files(facts: &CiFacts) -> Vec<(String, String)> {
    let file = |name: &str| format!(".github/workflows/{name}.yml");
    if facts.second.is_some() {
        return vec![(file(&release::name(facts)), release::workflow(facts))];
    }
    let mut files = vec![
        (file("xtask-check"), check::workflow(facts)),
        (file(&release::name(facts)), release::workflow(facts)),
    ];
    if facts.locks {
        files.push((file("xtask-refresh"), refresh::workflow(facts)));
    }
    files
}

/// Returns the lines of a workflow before its jobs. `cancel` says whether a newer run ends an older one of the same branch or tag.
fn head(name: &str, about: &str, on: &str, cancel: &str) -> String {
    let indented = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    let about: String = about.lines().map(|line| format!("# {line}\n")).collect();
    format!(
        "{about}name: {name}

on:
{}
# What a job may do beyond this stands at the job.
permissions:
  contents: read

concurrency:
  group: {name}-${{{{ github.ref }}}}
  cancel-in-progress: {cancel}

defaults:
  run:
    shell: bash

jobs:
",
        indented(on)
    )
}

fn joined(head: String, jobs: Vec<JobText>) -> String {
    let jobs: Vec<String> = jobs.into_iter().map(|job| job.0).collect();
    head + &jobs.join("\n")
}

/// Indents lines once more.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
