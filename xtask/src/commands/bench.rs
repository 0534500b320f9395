//! `cargo xtask bench`: times each mode, with the samples of the modes in turn.

mod executor;
mod identity;
mod sampling;

use std::path::Path;
use std::time::Duration;

use self::executor::BuildTimer;
use super::pipeline::{PlannedRun, start};
use super::release::{compared, earlier};
use crate::cargo::builder::Builder;
use crate::cli::{Common, Planning, SamplingOptions, SetupFlag};
use crate::plan::Job;
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_report::timing::{
    self, Case, EarlierRun, Journal, JournalHeader, MethodRecord, Scenario, Schedule, TakenSample, Timings,
    host_facts,
};
use xtask_triple::Triple;

pub(super) fn run(
    common: &Common,
    planning: &Planning,
    sampling: &SamplingOptions,
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
    let builder = start.session.builder(&start.config, start.site());
    fetch(&builder)?;
    let (of, to) = compared(&start.config);
    let cases: Vec<Case> = [Scenario::Cold, Scenario::Warm]
        .into_iter()
        .flat_map(|scenario| jobs.iter().map(move |job| executor::case(job, scenario)))
        .collect();
    let rule = sampling::rule(sampling, to);
    let rustc = jobs[0].std.as_ref().map(|s| s.version.clone());
    let header = JournalHeader {
        schema: 1,
        seed: sampling.seed.unwrap_or_else(sampling::seed),
        cases,
        rule,
        sources: identity::sources(&start.session),
        tools: identity::tools(&jobs, &builder),
        host: host_facts(rustc),
    };
    let ui = &start.session.ui;
    let folder = start.session.work().join("bench");
    let file = start.session.work().join("timings").join("samples.jsonl");
    let (header, taken) = continued(&file, header, sampling, &start);
    let JournalHeader { seed, ref cases, ref rule, ref host, .. } = header;
    ui.step("Sampling", sampling::announced(cases.len(), rule, seed));
    let schedule = Schedule::new(cases, seed);
    let journal = Journal::begin(&file, &header, &taken)?;
    let mut timer = BuildTimer::new(&builder, &jobs, folder.clone(), journal, sampling.warm_up());
    timer.progress(taken.len(), cases.len(), rule);
    let run = timing::run(&schedule, rule, taken, &mut timer)?;
    timer.finish()?;
    // The build folders are as large as the program's dependencies, and are not needed any more.
    let _ = std::fs::remove_dir_all(&folder);
    let method =
        MethodRecord { seed, rule: rule.clone(), warm_up: sampling.warm_up(), out_of_time: run.out_of_time };
    let file = start.session.dist().join("timings.json");
    let records = run.cases.into_iter().map(|(_, record)| record).collect();
    let timings = Timings::merge(earlier(&file, ui), host.clone(), records, of, to);
    let timings = Timings { method: Some(method), ..timings };
    timings.write(&file)?;
    ui.data(&if json { timings.json() } else { timing::terminal(&timings, ui.color_out) });
    ui.step("Wrote", file.display().to_string());
    let mut failed = run.failed.into_iter();
    if let Some((case, error)) = failed.next() {
        return Err(Error { what: format!("{case}: {}", error.what), ..error });
    }
    start.plan.incomplete().map_or(Ok(()), Err)
}

/// Returns the header of the run, and the samples of an interrupted run that it continues. A run that continues takes the
/// seed of the earlier one.
fn continued(
    file: &Path,
    header: JournalHeader,
    sampling: &SamplingOptions,
    start: &PlannedRun,
) -> (JournalHeader, Vec<TakenSample>) {
    let ui = &start.session.ui;
    match EarlierRun::read(file, &header) {
        EarlierRun::Interrupted(seed, taken) if sampling.seed.is_none_or(|wanted| wanted == seed) => {
            let count = xtask_files::counted(taken.len() as u64, "sample");
            ui.step("Continuing", format!("an interrupted run, which took {count}"));
            (JournalHeader { seed, ..header }, taken)
        }
        EarlierRun::None => (header, Vec::new()),
        EarlierRun::Interrupted(..) => anew(header, "its seed was another one", start),
        EarlierRun::Changed(why) => anew(header, why, start),
    }
}

fn anew(header: JournalHeader, why: &str, start: &PlannedRun) -> (JournalHeader, Vec<TakenSample>) {
    start.session.ui.step("Starting", format!("anew: an interrupted run cannot go on, since {why}"));
    (header, Vec::new())
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

/// Fetches the dependencies, so that no cold sample waits for the network.
fn fetch(builder: &Builder) -> Result<()> {
    let site = &builder.site;
    let cmd = Cmd::new(&site.cargo).args(["fetch", "--quiet", "--manifest-path"]).arg(&site.manifest);
    let cmd = if site.offline { cmd.arg("--offline") } else { cmd };
    let task = builder.ui.task("Fetching", "dependencies");
    let output = site.host.settled(cmd, site.start).capture(Duration::from_secs(600))?;
    drop(task);
    match output.ok() {
        true => Ok(()),
        false => Err(Error::failed("cannot fetch the dependencies").found(output.errors())),
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
