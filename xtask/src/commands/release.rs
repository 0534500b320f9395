//! `cargo xtask release`: makes verified programs, images, archives, checksums and a report from the sources.

use std::collections::BTreeMap;
use std::path::Path;

use super::bills::{self, Listed};
use super::entries::report;
use super::pipeline::{Packing, PlannedRun, packing};
use super::shipped::{self, Shipped, place, ship};
use super::statements;
use crate::base_selection::Placements;
use crate::cli::{Common, Planning, SetupFlag};
use crate::image_spec::archives;
use crate::licenses::LicenseWriter;
use crate::plan::Job;
use crate::record::{ImageOf, ListedPlatform, ListedProgram};
use crate::step_summary;
use xtask_files::error::Result;
use xtask_process::ui::Ui;
use xtask_report::report::{self, Report};
use xtask_report::size::{self, ImageSize, SizeFiles, Sizes};
use xtask_report::timing::{
    Case, CaseRecord, ReleaseStage, Sample, SampledBy, Scenario, Timings, host_facts,
};
use xtask_triple::Triple;

pub(super) fn run(common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<()> {
    let start = packing(common, planning, setup, json, "release")?;
    let ui = &start.session.ui;
    make(&start, |report, timings| {
        ui.data(&if json { report.json() } else { report::terminal(report, Some(timings), ui.color_out) });
    })?;
    let (version, dist) = (&start.session.package(&start.config)?.version, start.session.dist());
    ui.step("Released", format!("{} {version} → {}", start.config.app.bin, dist.display()));
    Ok(())
}

/// Makes a release, or a part of one, and shows its report. An error for what failed comes after the report.
pub(super) fn make(start: &Packing, show: impl FnOnce(&Report, &Timings)) -> Result<()> {
    let (dist, ui, origin) = (start.session.dist(), &start.session.ui, start.origin()?);

    // The files there may belong to another workspace until this run has its turn.
    start.take_turn();
    say_changes(start);
    let stages = &start.session.stages;
    let verified = start.verified()?;
    let Placements { programs, images } = stages.time(ReleaseStage::Bases, || place(start, verified))?;
    let Shipped { images, missing, sizes } = ship(start, images, &origin)?;
    let Listed { programs, images } =
        stages.time(ReleaseStage::Bills, || bills::release(start, programs, images, &origin))?;
    let (builder, top) = (start.builder(), start.top());
    let mut licenses = LicenseWriter::new(&builder, top.clone());
    let archive = || {
        archives(
            programs.iter().flatten().collect(),
            &start.config,
            &origin,
            (&top, &mut |job| licenses.file(job)),
            (&dist, &start.memo()),
            ui,
        )
    };
    let archived = stages.time(ReleaseStage::Archives, archive)?;
    let state = || statements::write(start, &archived, &images, &origin);
    stages.time(ReleaseStage::Statements, state)?;

    let report = report(start, &programs, &images, &missing)?;
    let timings = timings(start, programs.iter().flatten(), &images)?;
    let timings = Timings { stages: stages.records(), ..timings };
    timings.write(&dist.join("timings.json"))?;
    keep_sizes(start, &sizes, &report)?;
    report.write(&dist, Some(&timings))?;
    step_summary::add(&report::markdown(&report, Some(&timings)), &start.session.host, ui);
    show(&report, &timings);
    start.end(&programs)?;
    shipped::end(&images, &missing, &sizes, &start.request)
}

/// Prints which jobs have another C toolchain than in the previous release in `target/dist`. With a lock this
/// is not needed: the lock reports more, and earlier.
fn say_changes(start: &PlannedRun) {
    let earlier = Report::last(&start.session.dist());
    for entry in earlier.iter().filter(|_| start.look.lock.is_none()).flat_map(|report| &report.jobs) {
        let same = |job: &&Job| job.target.triple.as_str() == entry.target && job.mode.name == entry.mode;
        let job = start.plan.jobs.iter().find(same);
        let now = job.and_then(|job| Some((job, job.toolchain.as_ref()?)));
        if let (Some((job, now)), Some(then)) = (now, &entry.toolchain)
            && now.id != then.id
        {
            start.session.ui.warn(format!(
                "{}: the last release was made by {} ({}), this one by {} ({}): its programs will differ\n  \
                 help: to hold releases to one toolchain: cargo xtask lock",
                job.title(),
                then.version,
                then.provider,
                now.version,
                now.provider
            ));
        }
    }
}

/// Saves the sizes of this release, for comparison with later ones.
fn keep_sizes(start: &PlannedRun, sizes: &[ImageSize], report: &Report) -> Result<()> {
    let dist = start.session.dist();
    let (app, mut images) = (start.config.app.bin.clone(), sizes.to_vec());
    size::add_programs(&mut images, &app, &dist, |_| None)?;
    size::add_origins(&mut images, report);
    let programs = size::archived(report, &images, &dist, |_, _| None)?;
    let version = start.session.package(&start.config)?.version.to_string();
    SizeFiles::new(&dist, &start.session.work()).release(&Sizes { schema: 1, app, version, images, programs })
}

/// Adds the durations of this release to those in timings.json. Only calls that built everything or nothing
/// count. A call that built several targets counts for each of them, and its number of targets is recorded.
fn timings<'p>(
    start: &PlannedRun,
    programs: impl Iterator<Item = &'p ListedProgram>,
    images: &[ImageOf<ListedPlatform>],
) -> Result<Timings> {
    let mut pulls: BTreeMap<&Triple, u64> = BTreeMap::new();
    for platform in images.iter().flat_map(|image| &image.platforms) {
        let packed = &platform.started.packed;
        pulls.entry(packed.placed.target()).or_insert(packed.manifest.size);
    }
    let mut records = Vec::new();
    for ListedProgram { program, .. } in programs {
        let (job, build) = (program.job(), &program.stored.built.build);
        let scenario = match (build.from_nothing, build.worked) {
            (true, _) => Scenario::Cold,
            (false, false) => Scenario::Warm,
            (false, true) => continue,
        };
        let case = Case::new(job.target.triple.to_string(), scenario, job.mode.name.clone());
        let sample = Sample {
            seconds: build.seconds,
            binary_bytes: Some(program.stored.artifact.size),
            image_bytes: pulls.get(&job.target.triple).copied(),
            ..Sample::default()
        };
        let mut record = CaseRecord::of(&case, &[sample], SampledBy::Release)?;
        record.targets_in_call = build.company;
        record.share_s = build.share_s.map(|share| (share * 1e6).round() / 1e6);
        records.push(record);
    }
    let (of, to) = compared(&start.config);
    let older = earlier(&start.session.dist().join("timings.json"), &start.session.ui);
    Ok(Timings::merge(older, host_facts(Some(start.session.rustc.version.to_string())), records, of, to))
}

/// Reads the timings in a file. An unusable file is only a warning: all work is done by then, and the file is
/// written again.
pub(crate) fn earlier(file: &Path, ui: &Ui) -> Option<Timings> {
    Timings::read(file).unwrap_or_else(|error| {
        ui.warn(format!("{}; it is written again, without its earlier content", error.what));
        None
    })
}

/// Returns the modes that ratios compare: the first choice, and the last mode that needs no C. If all modes
/// need C, the second is the next mode.
pub(super) fn compared(config: &xtask_config::Config) -> (&str, &str) {
    let first = &config.modes[0];
    let rest = &config.modes[1..];
    let pure = rest.iter().rev().find(|m| !m.compiles()).or(rest.first()).unwrap_or(first);
    (&first.name, &pure.name)
}
