//! `cargo xtask bench`: times each mode, with the samples of the modes in turn.

mod builds;
mod executor;
mod identity;
mod sampling;
mod sources;
mod touch;
mod traces;

use std::path::Path;
use std::time::Duration;

use self::builds::TimedBuild;
use self::executor::BuildTimer;
use self::sources::SourceTree;
use self::traces::TraceStore;
use super::pipeline::{PlannedRun, start};
use super::release::{compared, earlier};
use crate::cargo::builder::Builder;
use crate::cli::{Common, Planning, SamplingOptions, SetupFlag};
use crate::plan::Job;
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_report::timing::{
    self, Case, EarlierRun, Journal, JournalHeader, MethodRecord, Scenario, Schedule, TakenSample, TimingRun,
    Timings, host_facts,
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
    let folder = start.session.work().join("bench");
    let measured = measured(&start, sampling, &jobs, &folder);
    // The build folders are as large as the program's dependencies, and are not needed any more.
    let _ = std::fs::remove_dir_all(&folder);
    let (run, header, traces) = measured?;
    let JournalHeader { seed, rule, host, .. } = header;
    let method = MethodRecord { seed, rule, warm_up: sampling.warm_up(), out_of_time: run.out_of_time };
    let file = start.session.dist().join("timings.json");
    let ui = &start.session.ui;
    let (of, to) = compared(&start.config);
    let traced = traces.finish(&run.cases);
    let records = run.cases.into_iter().map(|(_, record)| record).collect();
    let timings = Timings::merge(earlier(&file, ui), host, records, of, to);
    let timings = Timings { method: Some(method), ..timings };
    timings.write(&file)?;
    ui.data(&if json { timings.json() } else { timing::terminal(&timings, ui.color_out) });
    ui.step("Wrote", file.display().to_string());
    if let Some(summary) = traces::terminal(&traced, ui.color_out) {
        if !json {
            ui.data(&format!("\n{summary}"));
        }
        let file = file.with_file_name("trace.json");
        traces::write(&file, &traced)?;
        ui.step("Wrote", format!("{} (for https://ui.perfetto.dev)", file.display()));
    } else if !cfg!(target_os = "linux") {
        ui.step("Tracing", "is possible on Linux only: there is no trace.json");
    }
    let mut failed = run.failed.into_iter();
    if let Some((case, error)) = failed.next() {
        return Err(Error { what: format!("{case}: {}", error.what), ..error });
    }
    start.plan.incomplete().map_or(Ok(()), Err)
}

/// Takes the samples, in build folders below `folder`. Returns them with the header of their journal.
fn measured(
    start: &PlannedRun,
    sampling: &SamplingOptions,
    jobs: &[&Job],
    folder: &Path,
) -> Result<(TimingRun, JournalHeader, TraceStore)> {
    let scenarios = sampling.scenarios();
    let site = start.site();
    let trees = trees(start, &scenarios, folder)?;
    let builders = trees.iter().map(|tree| tree.builder(start, &site)).collect::<Result<Vec<_>>>()?;
    builders.iter().try_for_each(fetch)?;
    let pairs = || trees.iter().zip(&builders);
    let all =
        jobs.iter().flat_map(|job| pairs().map(move |(tree, builder)| TimedBuild::new(tree, builder, job)));
    let mut builds = all.collect::<Result<Vec<_>>>()?;
    if sampling.warm_up() || scenarios.iter().any(|scenario| scenario.is_touched()) {
        builds.iter_mut().try_for_each(|build| build.prepare(&scenarios))?;
    }
    let header = JournalHeader {
        schema: 1,
        seed: sampling.seed.unwrap_or_else(sampling::seed),
        cases: cases(start, &scenarios, &builds)?,
        rule: sampling::rule(sampling, compared(&start.config).1),
        sources: identity::sources(&start.session),
        tools: identity::tools(jobs, &start.builder()),
        host: host_facts(jobs[0].std.as_ref().map(|s| s.version.clone())),
    };
    let file = start.session.work().join("timings").join("samples.jsonl");
    let (header, taken) = continued(&file, header, sampling, start);
    let JournalHeader { seed, cases, rule, .. } = &header;
    start.session.ui.step("Sampling", sampling::announced(cases.len(), rule, *seed));
    let mut timer = BuildTimer {
        builds: &builds,
        journal: Journal::begin(&file, &header, &taken)?,
        traces: TraceStore::beside(&file),
        done: taken.len(),
        total: (rule.least == rule.most).then_some(cases.len() * rule.most),
    };
    let run = timing::run(&Schedule::new(cases, *seed), rule, taken, &mut timer)?;
    timer.journal.finish()?;
    Ok((run, header, timer.traces))
}

/// Returns the sources to build. If files are touched, they are those of a copy.
fn trees(start: &PlannedRun, scenarios: &[Scenario], folder: &Path) -> Result<Vec<SourceTree>> {
    if !scenarios.iter().any(|scenario| scenario.is_touched()) {
        return Ok(vec![SourceTree::workspace(folder)]);
    }
    let copied = SourceTree::copied(start, folder);
    // Cargo may refuse the manifests of a copy, for example because of paths out of the workspace.
    let usable = copied.and_then(|tree| tree.builder(start, &start.site()).map(|_| ()).map(|()| tree));
    Ok(vec![usable.unwrap_or_else(|error| {
        let ui = &start.session.ui;
        ui.warn(format!("files cannot be touched, since the workspace cannot be copied: {error}"));
        SourceTree::workspace(folder)
    })])
}

/// Returns the cases to time, and prints which of the wanted ones are not there.
fn cases(start: &PlannedRun, scenarios: &[Scenario], builds: &[TimedBuild]) -> Result<Vec<Case>> {
    let ui = &start.session.ui;
    let mut cases = Vec::new();
    for scenario in scenarios {
        let lacking = || builds.iter().filter_map(|build| Some((build, build.lacks(*scenario)?)));
        let there = builds.iter().filter(|build| build.lacks(*scenario).is_none());
        let before = cases.len();
        cases.extend(there.map(|build| build.case(*scenario)));
        match lacking().next() {
            Some((_, why)) if cases.len() == before => {
                ui.step("Leaving out", format!("{}: {why}", scenario.word()));
            }
            _ => lacking().for_each(|(build, why)| {
                ui.detail("Leaving out", format!("{}: {why}", build.case(*scenario)));
            }),
        }
    }
    match cases.is_empty() {
        true => Err(Error::failed("there is no case to measure").help("choose others: --cases")),
        false => Ok(cases),
    }
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
