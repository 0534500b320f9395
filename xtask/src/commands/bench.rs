//! `cargo xtask bench`: times each mode, with the samples of the modes in turn.

mod builds;
mod comparison;
mod executor;
mod identity;
mod sampling;
mod sources;
mod touch;
mod traces;

use std::path::Path;
use std::time::{Duration, SystemTime};

use self::builds::TimedBuild;
use self::comparison::{Baseline, refused};
use self::executor::BuildTimer;
use self::sources::SourceTree;
use self::traces::{TraceStore, TracedCase};
use super::pipeline::{PlannedRun, start};
use super::release::{compared, earlier};
use crate::cargo::builder::Builder;
use crate::cli::{Common, ComparisonOptions, Planning, SamplingOptions, SetupFlag};
use crate::compile_cache::CompileCache;
use crate::plan::Job;
use crate::rebuild::repository;
use crate::step_summary;
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Cmd, Undo};
use xtask_report::timing::{
    self, Case, CaseRecord, EarlierRun, HistoryEntry, HostFacts, Journal, JournalHeader, MethodRecord,
    Scenario, Schedule, TakenSample, TimingComparison, TimingRun, Timings, host_facts,
};
use xtask_triple::Triple;

/// The request of the command line.
pub(super) struct BenchRequest {
    pub(super) planning: Planning,
    pub(super) sampling: SamplingOptions,
    pub(super) comparison: ComparisonOptions,
    pub(super) setup: SetupFlag,
    pub(super) json: bool,
}

pub(super) fn run(common: &Common, mut request: BenchRequest) -> Result<()> {
    request.planning.making.mode.get_or_insert_with(|| "all".into());
    let quiet = request.json || request.comparison.markdown;
    let mut start = start(common, &request.planning, request.setup, quiet)?;
    start.check()?;
    start.take_turn();
    if request.planning.targets.is_empty() {
        narrow(&mut start, if request.sampling.quick { 1 } else { 2 });
    }
    let jobs: Vec<&Job> = start.plan.jobs.iter().filter(|j| j.buildable()).collect();
    if jobs.is_empty() {
        return Err(start.plan.incomplete().unwrap_or_else(|| Error::usage("there is no job to measure")));
    }
    let host = host_facts(jobs[0].std.as_ref().map(|s| s.version.clone()));
    let baseline = Baseline::read(&request.comparison, &start, &host)?;
    HistoryEntry::open(&comparison::history(&request.comparison, &start.session.work()))?;
    let folder = start.session.work().join("bench");
    // The build folders are as large as the program's dependencies, and are removed even after an interrupt.
    let gone = Undo::removing(&folder);
    let measured = measured(&start, &request.sampling, &jobs, (baseline.as_ref(), host), &folder);
    // Without the time limit that an interrupted run has.
    let _ = std::fs::remove_dir_all(&folder);
    drop(gone);
    let (run, header, traces) = measured?;
    let compared = baseline.map(|baseline| baseline.compare(&run.cases, &request.comparison)).transpose();
    let (failed, slower) =
        (run.failed.first().cloned(), compared.as_ref().ok().and_then(Option::as_ref).and_then(refused));
    let traced = traces.finish(&run.cases);
    report(&start, &request, (run, traced), header, compared.as_ref().ok().cloned().flatten())?;
    if let Some((case, error)) = failed {
        return Err(Error { what: format!("{case}: {}", error.what), ..error });
    }
    compared?;
    slower.or_else(|| start.plan.incomplete()).map_or(Ok(()), Err)
}

/// Prints the results of a run, and writes its files. One that cannot be written does not keep the others from it.
fn report(
    start: &PlannedRun,
    request: &BenchRequest,
    (run, traced): (TimingRun, Vec<TracedCase>),
    header: JournalHeader,
    comparison: Option<TimingComparison>,
) -> Result<()> {
    let BenchRequest { sampling, comparison: options, json, .. } = request;
    let JournalHeader { seed, rule, host, .. } = header;
    let (ui, (of, to)) = (&start.session.ui, compared(&start.config));
    let method = MethodRecord { seed, rule, warm_up: sampling.warm_up(), out_of_time: run.out_of_time };
    let current = run.cases.into_iter().filter(|(case, _)| case.revision.is_none());
    let records: Vec<CaseRecord> = current.map(|(_, record)| record).collect();
    let own = Timings::merge(None, host.clone(), records.clone(), of, to);
    let own = Timings { method: Some(method.clone()), comparison, ..own };
    let line = history(start, &own, method.clone());
    let file = start.session.dist().join("timings.json");
    let timings = Timings::merge(earlier(&file, ui), host, records, of, to);
    let timings = Timings { method: Some(method), comparison: own.comparison.clone(), ..timings };
    let written = timings.write(&file);
    let markdown = || match &own.comparison {
        Some(compared) => timing::comparison_markdown(compared),
        None => timing::markdown(&own),
    };
    step_summary::add(&markdown(), &start.session.host, ui);
    ui.data(&match (json, options.markdown) {
        (true, _) => timings.json(),
        (_, true) => markdown(),
        _ => timing::terminal(&timings, ui.color_out),
    });
    if written.is_ok() {
        ui.step("Wrote", file.display().to_string());
    }
    let traces = traces::report(&file.with_file_name("trace.json"), &traced, *json || options.markdown, ui);
    let saved = options.save.as_deref().map_or(Ok(()), |name| {
        let file = comparison::saved(start, name);
        let saved = Timings { comparison: None, ..own }.write(&file);
        saved.map(|_| ui.step("Saved", file.display().to_string()))
    });
    let kept = line.append(&comparison::history(options, &start.session.work()));
    written.and(traces).and(saved).and(kept)
}

/// Returns the line of the history for the results of a run.
fn history(start: &PlannedRun, own: &Timings, method: MethodRecord) -> HistoryEntry {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    HistoryEntry {
        schema: 1,
        time: now.map_or(0, |age| age.as_secs()),
        revision: repository::commit(&start.session.workspace.root).ok().flatten(),
        host: own.host.clone(),
        method,
        cases: own.cases.iter().map(|case| CaseRecord { taken: Vec::new(), ..case.clone() }).collect(),
        ratios: own.ratios.clone(),
    }
}

/// Takes the samples, in build folders below `folder`. Returns them with the header of their journal.
fn measured(
    start: &PlannedRun,
    sampling: &SamplingOptions,
    jobs: &[&Job],
    (baseline, host): (Option<&Baseline>, HostFacts),
    folder: &Path,
) -> Result<(TimingRun, JournalHeader, TraceStore)> {
    let scenarios = sampling.scenarios();
    let mut site = start.site();
    // What a cache gives back takes no time.
    let uncached = site.compile_cache.map(CompileCache::unused);
    site.compile_cache = uncached.as_ref();
    let revision = baseline.and_then(Baseline::revision);
    let trees = trees(start, &scenarios, revision, folder)?;
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
        sources: identity::sources(&start.session, revision.map(|(_, commit)| commit)),
        tools: identity::tools(jobs, &start.builder()),
        host,
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

/// Returns the sources to build: the workspace, or a copy of it if files are touched, and a clone at a revision.
fn trees(
    start: &PlannedRun,
    scenarios: &[Scenario],
    revision: Option<(&str, &str)>,
    folder: &Path,
) -> Result<Vec<SourceTree>> {
    let copied = || {
        let copied = SourceTree::copied(start, folder);
        // Cargo may refuse the manifests of a copy, for example because of paths out of the workspace.
        let usable = copied.and_then(|tree| tree.builder(start, &start.site()).map(|_| ()).map(|()| tree));
        usable.unwrap_or_else(|error| {
            let ui = &start.session.ui;
            ui.warn(format!("files cannot be touched, since the workspace cannot be copied: {error}"));
            SourceTree::workspace(folder)
        })
    };
    let mut trees = vec![match scenarios.iter().any(|scenario| scenario.is_touched()) {
        true => copied(),
        false => SourceTree::workspace(folder),
    }];
    if let Some((name, commit)) = revision {
        trees.push(SourceTree::cloned(start, folder, name, commit)?);
    }
    Ok(trees)
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

/// Keeps only the jobs of the targets that are timed without --target, `most` at most, and prints which are left out.
fn narrow(start: &mut PlannedRun, most: usize) {
    let jobs = &start.plan.jobs;
    let targets: Vec<(&Triple, bool)> = jobs.iter().map(|j| (&j.target.triple, j.buildable())).collect();
    let timed = timed(&start.session.host.triple, &targets).into_iter().take(most);
    let timed: Vec<Triple> = timed.cloned().collect();
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
