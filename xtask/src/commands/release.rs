//! `cargo xtask release`: the main job, from source to verified programs, images, archives, checksums and a report.

use std::path::Path;

use super::bills::{Bills, Extent, bills};
use super::pipeline::{Start, start};
use super::shipped::{Shipped, ship};
use crate::cli::{Common, Planning, SetupFlag};
use crate::sbom::Written;
use crate::ship::archives;
use crate::smoke::Ran;
use crate::verify::{Smoke, Verified};
use xtask_files::error::Result;
use xtask_process::ui::Ui;
use xtask_report::report::{self, Report};
use xtask_report::size::{self, Kept, Sizes};
use xtask_report::timing::{By, Case, CaseRecord, Sample, Scenario, Timings, host_facts};

pub(super) fn run(common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<()> {
    let start = start(common, planning, setup, json)?;
    start.one_mode_each("release")?;
    let (dist, memo, origin) = (start.session.dist(), start.memo(), start.origin()?);
    let mut verified = start.verified()?;
    let ui = &start.session.ui;
    let shipped = ship(&start, &mut verified, &origin)?;
    archives(&start.config, &verified, &origin, &start.top(), (&dist, &memo), ui)?;
    let bills = bills(&start, &verified, &shipped, &origin, Extent::Programs)?;
    let report = report(&start, &verified, &shipped, &bills)?;
    let timings = timings(&start, &verified, &report)?;
    timings.write(&dist.join("timings.json"))?;
    let mut images = shipped.sizes.clone();
    size::add_programs(&mut images, &start.config.app.bin, &dist, |_| None)?;
    let (app, version) = (report.app.clone(), report.version.clone());
    Kept::new(&dist, &start.session.work()).release(&Sizes { schema: 1, app, version, images })?;
    report.write(&dist, Some(&timings))?;
    ui.data(&if json { report.json() } else { report::terminal(&report, Some(&timings), ui.color_out) });
    start.end(&verified)?;
    shipped.end(&start.request)?;
    ui.step("Released", format!("{} {} → {}", start.config.app.bin, origin.package.version, dist.display()));
    Ok(())
}

/// What was done, as report.json says it.
pub(super) fn report(
    start: &Start,
    verified: &[Verified],
    shipped: &Shipped,
    bills: &Bills,
) -> Result<Report> {
    let dist = start.session.dist();
    let Shipped { placed, packed, unmade, ran, .. } = shipped;
    let images = packed.iter().zip(placed).map(|(image, place)| report::Image {
        name: image.name.clone(),
        base: place.base.to_string(),
        refreshed: place.refreshed.clone(),
        closure: place.grounds.iter().any(|ground| ground.trimmed.is_some()),
        rejected: place
            .rejected
            .iter()
            .map(|r| report::Rejected { base: r.base.clone(), reason: r.reason.clone() })
            .collect(),
        index_digest: image.index_digest.to_string(),
        compression: image.codec.name().to_owned(),
        tar_index_digest: image.tar_index_digest.to_string(),
        budget: place.image.budget,
        left_out: place.left_out.iter().map(ToString::to_string).collect(),
        manifests: image
            .manifests
            .iter()
            .enumerate()
            .map(|(at, m)| report::Manifest {
                platform: m.platform.to_string(),
                digest: m.digest.to_string(),
                size: m.size,
                smoke: ran
                    .iter()
                    .find(|r| r.image == image.name && r.platform == m.platform)
                    .map(smoke_of_image),
                sbom: bills.images.get(&image.name).and_then(|bills| bills.get(at)).map(sbom),
            })
            .collect(),
    });
    let waiting = start.plan.jobs.iter().filter(|j| !j.buildable());
    let waiting =
        waiting.map(|j| report::Skipped { target: j.target.triple.to_string(), reason: j.lacks.join("; ") });
    let skipped = start.plan.skipped.iter();
    let skipped = skipped.map(|s| report::Skipped { target: s.target.to_string(), reason: s.reason.clone() });
    Ok(Report {
        schema: 1,
        app: start.config.app.bin.clone(),
        version: start.session.package(&start.config)?.version.to_string(),
        jobs: verified.iter().map(|v| job(v, &dist, bills)).collect(),
        images: images.collect(),
        unmade: unmade.iter().map(|(unmade, _)| unmade.clone()).collect(),
        skipped: waiting.chain(skipped).collect(),
    })
}

fn job(verified: &Verified, dist: &Path, bills: &Bills) -> report::Job {
    let job = verified.job();
    let artifact = verified.artifact.as_ref();
    let fails = |f: &xtask_gate::Finding| f.severity == xtask_gate::Severity::Fail;
    let gate = artifact.filter(|_| verified.judged).map(|a| {
        match a.facts.is_none() || verified.findings.iter().any(fails) {
            true => report::Verdict::Fail,
            false => report::Verdict::Pass,
        }
    });
    let warnings = verified.findings.iter().filter(|f| !fails(f)).map(|f| f.what.clone());
    let host_c = verified.built.host_c.iter().map(|line| format!("C was compiled for the host: {line}"));
    report::Job {
        target: job.target.triple.to_string(),
        mode: job.mode.name.clone(),
        requested: job.requested.clone(),
        fallback: job.fallback.as_ref().map(|f| report::Fallback {
            from: f.from.clone(),
            reason: format!("{}: {}", f.reason, f.tried.join("; ")),
        }),
        toolchain: job.toolchain.as_ref().map(|t| report::Toolchain {
            provider: t.provider.name().into(),
            cc: t.cc.to_string_lossy().into_owned(),
            version: t.version.clone(),
            id: t.id.clone(),
        }),
        artifact: artifact.map(|a| {
            let path = a.path.strip_prefix(dist).unwrap_or(&a.path).to_string_lossy().into_owned();
            let sbom = bills.programs.get(&job.target.triple).map(sbom);
            report::Artifact { sbom, ..report::Artifact::new(path, &a.sha256, a.size, a.facts.as_ref()) }
        }),
        gate,
        warnings: warnings.chain(host_c).chain(verified.built.shipped.iter().cloned()).collect(),
        purity: match verified.built.purity_proven {
            true => report::Purity::Proven,
            false => report::Purity::NotApplicable,
        },
        smoke: smoke(artifact.and_then(|_| job.runner.name()).map(str::to_owned), &verified.smoke),
        status: if verified.ok() { report::Status::Ok } else { report::Status::Failed },
        error: verified.error.clone(),
        seconds: verified.built.seconds,
    }
}

fn smoke(runner: Option<String>, smoke: &Smoke) -> report::Smoke {
    let (status, reason) = match smoke {
        Smoke::Passed => (report::SmokeStatus::Pass, None),
        Smoke::Failed(why) => (report::SmokeStatus::Fail, Some(why)),
        Smoke::Skipped(why) => (report::SmokeStatus::Skipped, Some(why)),
    };
    report::Smoke { runner, status, reason: reason.cloned() }
}

fn sbom(written: &Written) -> report::Sbom {
    report::Sbom { path: written.path.clone(), sha256: written.digest.hex().to_owned() }
}

fn smoke_of_image(ran: &Ran) -> report::Smoke {
    let smoke = smoke(ran.runner.clone(), &ran.smoke);
    let objection = ran.objection.as_ref().map(|objection| objection.said.clone());
    report::Smoke { reason: smoke.reason.or(objection), ..smoke }
}

/// The seconds that this release saw, added to what timings.json holds: of calls that built everything or nothing. A
/// call that built several targets stands for each of them, and says how many they were.
fn timings(start: &Start, verified: &[Verified], report: &Report) -> Result<Timings> {
    let mut records = Vec::new();
    for v in verified.iter().filter(|v| v.ok()) {
        let scenario = match (v.built.from_nothing, v.built.worked) {
            (true, _) => Scenario::Cold,
            (false, false) => Scenario::Warm,
            (false, true) => continue,
        };
        let job = v.job();
        let case = Case { target: job.target.triple.to_string(), scenario, mode: job.mode.name.clone() };
        let platform = job.platform.as_ref().map(ToString::to_string);
        let own = report.images.iter().filter(|i| job.images.contains(&i.name));
        let mut manifests = own.flat_map(|i| &i.manifests);
        let image_bytes = manifests.find(|m| Some(&m.platform) == platform.as_ref()).map(|m| m.size);
        let sample = Sample {
            seconds: v.built.seconds,
            parts: None,
            binary_bytes: v.artifact.as_ref().map(|a| a.size),
            image_bytes,
        };
        let mut record = CaseRecord::of(&case, &[sample], By::Release)?;
        record.targets_in_call = v.built.company;
        records.push(record);
    }
    let (of, to) = compared(&start.config);
    let older = earlier(&start.session.dist().join("timings.json"), &start.session.ui);
    Ok(Timings::merge(older, host_facts(Some(start.session.rustc.version.to_string())), records, of, to))
}

/// The timings that lie there. Those that cannot be used are worth a word and no failure: all work is done by now, and
/// the file is written anew.
pub(super) fn earlier(file: &Path, ui: &Ui) -> Option<Timings> {
    Timings::read(file).unwrap_or_else(|error| {
        ui.warn(format!("{}; it is written anew, without what it held", error.what));
        None
    })
}

/// The modes that ratios compare: the first choice, and the last that needs no C (the first of the others where all do).
pub(super) fn compared(config: &xtask_config::Config) -> (&str, &str) {
    let first = &config.modes[0];
    let rest = &config.modes[1..];
    let pure = rest.iter().rev().find(|m| !m.compiles()).or(rest.first()).unwrap_or(first);
    (&first.name, &pure.name)
}
