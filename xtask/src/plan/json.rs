//! `plan --json`: the document that scripts read. Its keys are a contract: keys are added, but never renamed.

use serde::Serialize;

use super::missing_tools::MissingTool;
use super::{Job, Plan, Skipped};
use crate::compile_cache::PlannedCache;

#[derive(Serialize)]
struct PlanDocument<'a> {
    schema: u32,
    jobs: Vec<JobJson<'a>>,
    skipped: &'a [Skipped],
    /// The tools of build scripts that are not on this machine.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    missing_tools: &'a [MissingTool],
    /// The cache of compiled files that builds use.
    #[serde(skip_serializing_if = "Option::is_none")]
    compile_cache: Option<&'a PlannedCache>,
}

#[derive(Serialize)]
struct JobJson<'a> {
    target: &'a str,
    platform: Option<String>,
    mode: &'a str,
    requested: &'a str,
    buildable: bool,
    lacks: Vec<&'a str>,
    fallback: &'a Option<super::Fallback>,
    toolchain: Option<ToolchainJson<'a>>,
    linker: Option<&'a str>,
    std: Option<StdJson<'a>>,
    runner: Option<&'a str>,
    /// Why this machine cannot run the programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_run: Option<&'a str>,
    cpu: Option<String>,
    image: &'a [String],
    /// The tools that the user named for the job and that others replace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaced: Vec<String>,
}

#[derive(Serialize)]
struct ToolchainJson<'a> {
    provider: &'a str,
    cc: String,
    version: &'a str,
    id: &'a str,
}

#[derive(Serialize)]
struct StdJson<'a> {
    provider: &'a str,
    rustc: &'a str,
}

impl Plan {
    /// Returns the plan as a pretty-printed JSON document, together with the tools that its jobs lack and the
    /// compile cache.
    pub fn json(&self, missing_tools: &[MissingTool], compile_cache: Option<&PlannedCache>) -> String {
        let jobs = self.jobs.iter().map(job).collect();
        let document = PlanDocument { schema: 1, jobs, skipped: &self.skipped, missing_tools, compile_cache };
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }
}

fn job(job: &Job) -> JobJson<'_> {
    JobJson {
        target: job.target.triple.as_str(),
        platform: job.platform.as_ref().map(ToString::to_string),
        mode: &job.mode.name,
        requested: &job.requested,
        buildable: job.buildable(),
        lacks: job.lacks.iter().map(|lack| lack.what.as_str()).collect(),
        fallback: &job.fallback,
        toolchain: job.toolchain.as_ref().map(|t| ToolchainJson {
            provider: t.provider.name(),
            cc: t.cc.to_string_lossy().into_owned(),
            version: &t.version,
            id: &t.id,
        }),
        linker: job.linker.as_ref().map(|l| l.name()),
        std: job.std.as_ref().map(|s| StdJson { provider: s.provider, rustc: &s.version }),
        runner: job.runner.name(),
        not_run: job.not_run(),
        cpu: job.target.cpu.map(|level| level.to_string()),
        image: &job.images,
        replaced: job.replaced(),
    }
}
