//! `cargo xtask bench`: times each mode, cold and warm, with the samples of the modes interleaved.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pipeline::{Start, start};
use super::release::{compared, earlier};
use crate::build::Builder;
use crate::cargo::cohort::{Cohort, cohorts};
use crate::cargo::invocation::invocation;
use crate::cli::{Common, Planning, SetupFlag};
use crate::error::{Error, Result};
use crate::exec::End;
use crate::plan::{Job, ModeRequest};
use crate::timing::{self, Case, Executor, Sample, Scenario, Slot, Timings, Trace, host_facts, schedule};

pub(super) fn run(
    common: &Common,
    planning: &Planning,
    samples: u32,
    setup: SetupFlag,
    json: bool,
) -> Result<()> {
    let mut planning = planning.clone();
    planning.mode.get_or_insert_with(|| "all".into());
    let mut start = start(common, &planning, setup, json)?;
    start.check()?;
    start.take_turn();
    narrow(&mut start);
    let jobs: Vec<&Job> = start.plan.jobs.iter().filter(|j| j.buildable()).collect();
    if jobs.is_empty() {
        return Err(start.plan.incomplete().unwrap_or_else(|| Error::usage("there is nothing to time")));
    }
    let targets: Vec<_> = jobs.iter().map(|j| j.target.triple.clone()).collect();
    let site = start.session.site(start.look.findings.host_cc.as_deref(), &targets);
    let builder = start.session.builder(&start.config, site);
    fetch(&builder)?;
    let mut real =
        Real { builder: &builder, jobs: &jobs, dir: start.session.work().join("bench"), done: 0, total: 0 };
    let cases: Vec<Case> = [Scenario::Cold, Scenario::Warm]
        .into_iter()
        .flat_map(|scenario| jobs.iter().map(move |job| case(job, scenario)))
        .collect();
    let slots = schedule(&cases, samples as usize);
    real.total = slots.len();
    let run = timing::run(&slots, &mut real);
    // The build folders are as large as the program's dependencies, and nobody needs them any more.
    let _ = std::fs::remove_dir_all(&real.dir);
    let dist = start.session.dist();
    let file = dist.join("timings.json");
    let (of, to) = compared(&start.config);
    let rustc = jobs[0].std.as_ref().map(|s| s.version.clone());
    let timings = Timings::merge(earlier(&file, &start.session.ui), host_facts(rustc), run.cases, of, to);
    timings.write(&file)?;
    let ui = &start.session.ui;
    ui.data(&if json { timings.json() } else { timing::terminal(&timings, ui.color_out) });
    ui.step("Wrote", file.display().to_string());
    let mut failed = run.failed.into_iter();
    if let Some((case, error)) = failed.next() {
        let what = format!("{} for {} ({}): {}", case.mode, case.target, case.scenario.word(), error.what);
        return Err(Error { what, ..error });
    }
    start.plan.incomplete().map_or(Ok(()), Err)
}

/// Without --target: the host's target, and the first other one that can be built, so that a cross build is timed too.
fn narrow(start: &mut Start) {
    if !start.request.targets.is_empty() || start.request.mode != Some(ModeRequest::All) {
        return;
    }
    let host = start.session.host.triple.clone();
    let others = start.plan.jobs.iter().map(|j| &j.target.triple);
    let cross = others
        .clone()
        .find(|t| t.arch() != host.arch())
        .or_else(|| others.clone().find(|t| **t != host))
        .cloned();
    start.plan.jobs.retain(|j| j.target.triple == host || Some(&j.target.triple) == cross.as_ref());
    start.plan.skipped.retain(|s| s.target == host || Some(&s.target) == cross.as_ref());
}

fn case(job: &Job, scenario: Scenario) -> Case {
    Case { target: job.target.triple.to_string(), scenario, mode: job.mode.name.clone() }
}

/// Fetches the dependencies, so that no cold sample waits for the network.
fn fetch(builder: &Builder) -> Result<()> {
    let site = &builder.site;
    let cmd =
        crate::exec::Cmd::new(&site.cargo).args(["fetch", "--quiet", "--manifest-path"]).arg(&site.manifest);
    let cmd = if site.offline { cmd.arg("--offline") } else { cmd };
    let task = builder.ui.task("Fetching", "dependencies");
    let output = cmd.cwd(site.root).capture(Duration::from_secs(600))?;
    drop(task);
    match output.ok() {
        true => Ok(()),
        false => Err(Error::failed("cannot fetch the dependencies").found(output.errors())),
    }
}

/// Runs cargo for real.
struct Real<'a> {
    builder: &'a Builder<'a>,
    jobs: &'a [&'a Job],
    dir: PathBuf,
    done: usize,
    total: usize,
}

impl Executor for Real<'_> {
    fn measure(&mut self, slot: &Slot) -> Result<Sample> {
        self.done += 1;
        let job = self.jobs.iter().find(|job| case(job, slot.case.scenario) == slot.case);
        let job = job.ok_or_else(|| Error::failed("a case that was not planned"))?;
        let cohort = cohorts([*job]).into_iter().next();
        let cohort = cohort.ok_or_else(|| Error::failed(format!("{} cannot be built", job.title())))?;
        let dir = self.dir.join(format!("{}-{}", job.mode.name, job.target.triple));
        if slot.case.scenario == Scenario::Cold && dir.exists() {
            std::fs::remove_dir_all(&dir).map_err(|e| Error::io("cannot remove", &dir, &e))?;
        }
        let title = format!(
            "{} of {}: {} for {}, {}",
            self.done,
            self.total,
            job.mode.name,
            job.target.triple,
            slot.case.scenario.word()
        );
        // What a warm sample measures is a build folder in which all is done.
        if slot.case.scenario == Scenario::Warm {
            self.build(&cohort, &dir, &title)?;
        }
        self.build(&cohort, &dir, &title)
    }
}

impl Real<'_> {
    fn build(&self, cohort: &Cohort, dir: &Path, title: &str) -> Result<Sample> {
        let traps = self.builder.traps(cohort, dir)?;
        let cmd = invocation(cohort, &self.builder.what(), dir, traps.as_ref(), &self.builder.site);
        let trace = Trace::start();
        let call = self.builder.call(&cmd, None, title)?;
        let parts = trace.and_then(|trace| trace.finish(call.seconds));
        let Some(program) = call.programs.first().filter(|_| call.end == End::Code(0)) else {
            return Err(Error::failed("the build failed").found(call.errors));
        };
        if let Some(traps) = traps {
            traps.judge(&cohort.key.mode, &cohort.jobs[0].target.triple)?;
        }
        let binary_bytes = std::fs::metadata(program).ok().map(|m| m.len());
        Ok(Sample { seconds: call.seconds, parts, binary_bytes, image_bytes: None })
    }
}
