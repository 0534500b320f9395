//! `cargo xtask bench`: times each mode, cold and warm, with the samples of the modes interleaved.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pipeline::{PlannedRun, start};
use super::release::{compared, earlier};
use crate::build::Shown;
use crate::cargo::builder::Builder;
use crate::cargo::cohort::{Cohort, cohorts};
use crate::cargo::invocation::invocation;
use crate::cargo::units;
use crate::cli::{Common, Planning, SetupFlag};
use crate::plan::Job;
use xtask_files::error::{Error, Result};
use xtask_process::exec::ProcessEnd;
use xtask_report::timing::{
    self, Case, Executor, Sample, Scenario, ScheduledSample, Timings, Trace, host_facts, schedule,
};
use xtask_triple::Triple;

pub(super) fn run(
    common: &Common,
    planning: &Planning,
    samples: u32,
    setup: SetupFlag,
    json: bool,
) -> Result<()> {
    let mut planning = planning.clone();
    planning.making.mode.get_or_insert_with(|| "all".into());
    let mut start = start(common, &planning, setup, json)?;
    start.check()?;
    start.take_turn();
    if planning.targets.is_empty() {
        narrow(&mut start);
    }
    let jobs: Vec<&Job> = start.plan.jobs.iter().filter(|j| j.buildable()).collect();
    if jobs.is_empty() {
        return Err(start.plan.incomplete().unwrap_or_else(|| Error::usage("there is no job to measure")));
    }
    let site = start.site();
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
    // The build folders are as large as the program's dependencies, and are not needed any more.
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

/// Keeps only the jobs that are timed without --target, and prints which ones are left out.
fn narrow(start: &mut PlannedRun) {
    let jobs = &start.plan.jobs;
    let targets: Vec<(&Triple, bool)> = jobs.iter().map(|j| (&j.target.triple, j.buildable())).collect();
    let timed: Vec<Triple> = timed(&start.session.host.triple, &targets).into_iter().cloned().collect();
    let mut left_out: Vec<String> = Vec::new();
    let mut keep = |triple: &Triple| {
        let keeps = timed.contains(triple);
        if !keeps && !left_out.iter().any(|t| t == triple.as_str()) {
            left_out.push(triple.to_string());
        }
        keeps
    };
    start.plan.jobs.retain(|job| keep(&job.target.triple));
    // A target that cannot be built does not fail the run if others are timed in its place.
    start.plan.skipped.retain(|skipped| keep(&skipped.target) || timed.is_empty());
    if let (Some(first), false) = (left_out.first(), timed.is_empty()) {
        let how = format!("to measure it, name it: cargo xtask bench --target {first}");
        start.session.ui.step("Leaving out", format!("{}; {how}", left_out.join(", ")));
    }
}

/// Returns the targets to time if none is named. One is of this machine, the host itself if it is listed. The
/// other has another architecture, so that a cross build is timed too. Targets that can be built are
/// preferred.
fn timed<'t>(host: &Triple, targets: &[(&'t Triple, bool)]) -> Vec<&'t Triple> {
    let first = |wanted: &dyn Fn(&Triple) -> bool| {
        let mut fitting = targets.iter().filter(|(triple, _)| wanted(triple));
        let buildable = fitting.clone().find(|(_, buildable)| *buildable);
        buildable.or_else(|| fitting.next()).map(|(triple, _)| *triple)
    };
    let alike = |t: &Triple| (t.arch(), t.os()) == (host.arch(), host.os());
    let own = first(&|t| t == host).or_else(|| first(&alike));
    let cross = first(&|t| t.arch() != host.arch()).or_else(|| first(&|t| Some(t) != own));
    own.into_iter().chain(cross).collect()
}

fn case(job: &Job, scenario: Scenario) -> Case {
    Case { target: job.target.triple.to_string(), scenario, mode: job.mode.name.clone() }
}

/// Fetches the dependencies, so that no cold sample waits for the network.
fn fetch(builder: &Builder) -> Result<()> {
    let site = &builder.site;
    let cmd = xtask_process::exec::Cmd::new(&site.cargo)
        .args(["fetch", "--quiet", "--manifest-path"])
        .arg(&site.manifest);
    let cmd = if site.offline { cmd.arg("--offline") } else { cmd };
    let task = builder.ui.task("Fetching", "dependencies");
    let output = site.host.settled(cmd, site.start).capture(Duration::from_secs(600))?;
    drop(task);
    match output.ok() {
        true => Ok(()),
        false => Err(Error::failed("cannot fetch the dependencies").found(output.errors())),
    }
}

/// The measured builds: it runs cargo.
struct Real<'a> {
    builder: &'a Builder<'a>,
    jobs: &'a [&'a Job],
    dir: PathBuf,
    done: usize,
    total: usize,
}

impl Executor for Real<'_> {
    fn measure(&mut self, slot: &ScheduledSample) -> Result<Sample> {
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
        // A warm sample measures a build folder in which everything is built.
        if slot.case.scenario == Scenario::Warm {
            self.build(&cohort, &dir, Some(&title))?;
            return self.build(&cohort, &dir, None);
        }
        self.build(&cohort, &dir, Some(&title))
    }
}

impl Real<'_> {
    fn build(&self, cohort: &Cohort, dir: &Path, title: Option<&str>) -> Result<Sample> {
        let traps = self.builder.traps(cohort, dir)?;
        let cmd = invocation(cohort, &self.builder.what(), dir, traps.as_ref(), &self.builder.site);
        let shown = title.map(|title| Shown { title, units: units::count(cohort, self.builder) });
        let trace = Trace::start();
        let call = self.builder.call(&cmd, None, shown)?;
        let parts = trace.and_then(|trace| trace.finish(call.seconds));
        let Some(program) = call.programs.first().filter(|_| call.end == ProcessEnd::Code(0)) else {
            if let Some(traps) = traps {
                traps.judge(&cohort.key.mode, &cohort.jobs[0].target.triple)?;
            }
            return Err(Error::failed("the build failed").found(call.errors));
        };
        let binary_bytes = std::fs::metadata(program).ok().map(|m| m.len());
        Ok(Sample { seconds: call.seconds, parts, binary_bytes, image_bytes: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_timed_where_nothing_is_named() {
        let timed = |targets: &[(&str, bool)]| -> String {
            let targets: Vec<(Triple, bool)> = targets.iter().map(|(t, b)| (Triple::parse(t), *b)).collect();
            let targets: Vec<(&Triple, bool)> = targets.iter().map(|(t, b)| (t, *b)).collect();
            let timed = timed(&Triple::parse("x86_64-unknown-linux-gnu"), &targets);
            timed.into_iter().map(Triple::as_str).collect::<Vec<_>>().join(" ")
        };
        const GNU: &str = "x86_64-unknown-linux-gnu";
        const MUSL: &str = "x86_64-unknown-linux-musl";
        const ARM: &str = "aarch64-unknown-linux-gnu";
        const ARM_MUSL: &str = "aarch64-unknown-linux-musl";
        // `init` writes the targets in this form.
        assert_eq!(timed(&[(MUSL, true), (ARM_MUSL, true)]), format!("{MUSL} {ARM_MUSL}"));
        assert_eq!(
            timed(&[(MUSL, true), (ARM, true), (GNU, true), (ARM_MUSL, true)]),
            format!("{GNU} {ARM}")
        );
        assert_eq!(timed(&[(GNU, true), (MUSL, true)]), format!("{GNU} {MUSL}"));
        assert_eq!(timed(&[(MUSL, true), (ARM, false), (ARM_MUSL, true)]), format!("{MUSL} {ARM_MUSL}"));
        assert_eq!(timed(&[(MUSL, false), (ARM, false)]), format!("{MUSL} {ARM}"));
        assert_eq!(timed(&[(ARM, true)]), ARM);
        assert_eq!(timed(&[]), "");
    }
}
