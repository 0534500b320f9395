//! Finds the tools of build scripts that are not on this machine, before anything is built. Cargo is not
//! asked: a unit graph that an earlier build stored shows what is used, and Cargo.lock what may be needed.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::cargo::host_libraries::host_libraries;
use crate::cargo::lock_file::LockedGraph;
use crate::cargo::units;
use crate::causes::{ToolUse, required};
use crate::plan::missing_tools::{MissingTool, ToolJob};
use crate::plan::{Job, Plan};
use crate::session::Session;
use xtask_config::Config;
use xtask_process::host::Host;

/// The programs and libraries of this machine, as build scripts look for them.
#[derive(Debug)]
pub struct ToolFinder<'a> {
    host: &'a Host,
    libraries: OnceCell<BTreeSet<String>>,
}

impl<'a> ToolFinder<'a> {
    /// Makes a finder for this machine. Libraries are listed only if a build needs one.
    pub fn new(host: &'a Host) -> Self {
        Self { host, libraries: OnceCell::new() }
    }

    /// Returns the tools of a job that are not on this machine. `edges` are those of [`required`]. A pure job
    /// has none: its build scripts meet traps instead, whatever is installed.
    pub fn missing(&self, job: &Job, edges: &[(String, String)]) -> Vec<ToolUse> {
        if job.pure() {
            return Vec::new();
        }
        let env = &job.target.env;
        let present = |name: &str| {
            self.host.program(name).is_some() || self.host.var_os(name).is_some() || env.contains_key(name)
        };
        let libraries = || self.libraries.get_or_init(|| host_libraries(self.host));
        required(edges, present, |name| libraries().iter().any(|file| file.starts_with(name)))
    }
}

/// Returns the tools that the jobs of a plan lack. A job whose unit graph is not stored is judged by
/// Cargo.lock and the manifests of the workspace.
pub fn missing_tools(session: &Session, config: &Config, plan: &Plan) -> Vec<MissingTool> {
    let package = &config.app.package;
    let lock = std::fs::read_to_string(&session.workspace.lock_file).ok();
    let lock = lock.and_then(|text| LockedGraph::read(&text));
    let mut possible = lock.map(|lock| lock.edges_below(package)).unwrap_or_default();
    // A manifest may be newer than the lock.
    possible.extend(build_dependencies(session, package, &possible));
    let finder = ToolFinder::new(&session.host);
    let builder = OnceCell::new();
    let mut all = Vec::new();
    for job in &plan.jobs {
        let may_need = finder.missing(job, &possible);
        // Every unit of a graph is in the lock or the manifests, so no graph has to be read.
        if may_need.is_empty() {
            continue;
        }
        let builder = builder.get_or_init(|| session.builder(config, session.site(None, &[])));
        let stored = units::stored_needs(job, builder);
        let certain = stored.is_some();
        for ToolUse { tool, by, help } in stored.map_or(may_need, |edges| finder.missing(job, &edges)) {
            let job = ToolJob { target: job.target.triple.to_string(), mode: job.mode.name.clone() };
            MissingTool { tool, certain, by, jobs: vec![job], help }.add(&mut all);
        }
    }
    all
}

/// Returns the build dependencies in the manifests of the members that are below `package` in the lock. Without
/// a lock, every member counts.
fn build_dependencies(
    session: &Session,
    package: &str,
    locked: &[(String, String)],
) -> Vec<(String, String)> {
    let part = |name: &str| locked.is_empty() || name == package || locked.iter().any(|(_, of)| of == name);
    let packages = session.workspace.packages.iter().filter(|member| part(&member.name));
    let edges = packages.flat_map(|member| {
        let used = member.dependencies.values().filter(|dependency| dependency.build);
        used.map(|dependency| (member.name.clone(), dependency.package.clone()))
    });
    edges.collect()
}
