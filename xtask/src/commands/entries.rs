//! Converts the records of programs and images to the entries of report.json.

use std::path::Path;

use super::pipeline::PlannedRun;
use super::shipped::Missing;
use crate::contents::ProgramContents;
use crate::failure::Failure;
use crate::outcome::Smoke;
use crate::plan::Job;
use crate::record::{
    Artifact, BillFile, BuildRecord, FailedJob, ImageOf, ListedPlatform, ListedProgram, PlacedImage, Purity,
    StartedPlatform, StoredProgram, VerifiedProgram,
};
use crate::trap::package_name;
use xtask_files::error::Result;
use xtask_gate::Facts;
use xtask_report::report::{self, Report};

/// A record that has an entry among the jobs of the report.
pub(super) trait ReportedJob {
    /// Returns the entry. `dist` is target/dist.
    fn entry(&self, dist: &Path) -> report::JobEntry;
}

impl ReportedJob for StoredProgram {
    fn entry(&self, dist: &Path) -> report::JobEntry {
        stored(self, None, None, dist)
    }
}

impl ReportedJob for VerifiedProgram {
    fn entry(&self, dist: &Path) -> report::JobEntry {
        verified(self, None, dist)
    }
}

impl ReportedJob for ListedProgram {
    fn entry(&self, dist: &Path) -> report::JobEntry {
        verified(&self.program, Some(&self.bill), dist)
    }
}

impl ReportedJob for FailedJob {
    fn entry(&self, dist: &Path) -> report::JobEntry {
        let entry = match self {
            FailedJob::Unbuilt(unbuilt) => job(&unbuilt.job, &unbuilt.build),
            FailedJob::Refused(refused) => {
                let of_gate = |f: &Failure| matches!(f, Failure::Gate(_) | Failure::Unreadable(_));
                let passed = !refused.failures.iter().any(of_gate);
                let entry = stored(&refused.stored, refused.facts.as_ref(), None, dist);
                let runner = refused.stored.job().runner.name();
                report::JobEntry {
                    gate: Some(if passed { report::CheckVerdict::Pass } else { report::CheckVerdict::Fail }),
                    warnings: refused.warnings.iter().map(|f| f.what.clone()).chain(entry.warnings).collect(),
                    smoke: smoke(runner.map(str::to_owned), &refused.smoke),
                    ..entry
                }
            }
        };
        report::JobEntry { status: report::Status::Failed, error: Some(self.text()), ..entry }
    }
}

impl<P: ReportedJob> ReportedJob for std::sync::Arc<P> {
    fn entry(&self, dist: &Path) -> report::JobEntry {
        P::entry(self, dist)
    }
}

impl<P: ReportedJob, E: ReportedJob> ReportedJob for std::result::Result<P, E> {
    fn entry(&self, dist: &Path) -> report::JobEntry {
        match self {
            Ok(program) => program.entry(dist),
            Err(failed) => failed.entry(dist),
        }
    }
}

/// Returns the entry of a job for which only the build is known.
fn job(job: &Job, build: &BuildRecord) -> report::JobEntry {
    let host_c = build.host_c.iter().map(|line| format!("C was compiled for the host: {line}"));
    report::JobEntry {
        target: job.target.triple.to_string(),
        mode: job.mode.name.clone(),
        requested: job.requested.clone(),
        fallback: job.fallback.as_ref().map(|f| report::FallbackEntry {
            from: f.from.clone(),
            reason: format!("{}: {}", f.reason, f.tried.join("; ")),
        }),
        toolchain: job.toolchain.as_ref().map(|t| report::ToolchainEntry {
            provider: t.provider.name().into(),
            cc: t.cc.to_string_lossy().into_owned(),
            version: t.version.clone(),
            id: t.id.clone(),
        }),
        artifact: None,
        gate: None,
        warnings: host_c.chain(build.shipped.iter().chain(&build.other_compilers).cloned()).collect(),
        notes: build.notes.clone(),
        refused: build.refused.clone(),
        contents: None,
        purity: report::PurityEntry::NotApplicable,
        smoke: smoke(None, &Smoke::Skipped("there is no program".into())),
        status: report::Status::Ok,
        error: None,
        seconds: build.seconds,
    }
}

fn stored(
    program: &StoredProgram,
    facts: Option<&Facts>,
    bill: Option<&BillFile>,
    dist: &Path,
) -> report::JobEntry {
    let StoredProgram { built, artifact: Artifact { path, sha256, size } } = program;
    let path = path.strip_prefix(dist).unwrap_or(path).to_string_lossy().into_owned();
    let sbom = bill.map(sbom);
    let c = built.contents.as_ref().ok().and_then(ProgramContents::c_in_words);
    let contains = c.map(|words| format!("contains {words}"));
    let not_run = Smoke::Skipped("`build` does not start programs".into());
    report::JobEntry {
        artifact: Some(report::ArtifactEntry {
            sbom,
            ..report::ArtifactEntry::new(path, sha256, *size, facts)
        }),
        notes: built.build.notes.iter().cloned().chain(contains).collect(),
        contents: built.contents.as_ref().ok().map(contents),
        purity: match &built.purity {
            Purity::Proven => report::PurityEntry::Proven,
            Purity::NotPromised => report::PurityEntry::NotApplicable,
            Purity::NotSeen(_) => report::PurityEntry::NotSeen,
        },
        smoke: smoke(built.job.runner.name().map(str::to_owned), &not_run),
        ..job(&built.job, &built.build)
    }
}

fn contents(contents: &ProgramContents) -> report::ContentsEntry {
    let foreign = contents.parts.iter().map(|part| report::ForeignEntry {
        package: part.asker.package.as_deref().map(package_name),
        file: part.file.file_name().unwrap_or(part.file.as_os_str()).to_string_lossy().into_owned(),
        objects: part.members.len().max(1),
        bytes: part.bytes,
        compilers: part.makers.clone(),
    });
    let account = &contents.account;
    report::ContentsEntry {
        foreign: foreign.collect(),
        rust: account.rust,
        std: account.std,
        c_library: account.c_library,
    }
}

fn verified(program: &VerifiedProgram, bill: Option<&BillFile>, dist: &Path) -> report::JobEntry {
    let entry = stored(&program.stored, program.facts.as_ref(), bill, dist);
    let runner = program.job().runner.name();
    report::JobEntry {
        gate: Some(report::CheckVerdict::Pass),
        warnings: program.warnings.iter().map(|f| f.what.clone()).chain(entry.warnings).collect(),
        smoke: smoke(runner.map(str::to_owned), &program.smoke()),
        ..entry
    }
}

fn smoke(runner: Option<String>, smoke: &Smoke) -> report::SmokeEntry {
    let (status, reason) = match smoke {
        Smoke::Passed => (report::SmokeStatus::Pass, None),
        Smoke::Failed(why) => (report::SmokeStatus::Fail, Some(why)),
        Smoke::Skipped(why) => (report::SmokeStatus::Skipped, Some(why)),
    };
    report::SmokeEntry { runner, status, reason: reason.cloned() }
}

fn sbom(bill: &BillFile) -> report::Sbom {
    report::Sbom { path: bill.path.clone(), sha256: bill.digest.hex().to_owned() }
}

/// Returns the entry of an image.
fn image(image: &ImageOf<ListedPlatform>) -> report::ImageEntry {
    let ImageOf { placed, whole, platforms } = image;
    let PlacedImage { config, base, rejected, left_out, refreshed } = placed;
    let rejected = rejected.iter();
    report::ImageEntry {
        name: config.name.clone(),
        base: base.to_string(),
        refreshed: refreshed.clone(),
        closure: platforms.iter().any(|p| p.started.packed.placed.trimmed.is_some()),
        rejected: rejected
            .map(|r| report::Rejected { base: r.base.clone(), reason: r.reason.clone() })
            .collect(),
        index_digest: whole.layout.to_string(),
        compression: whole.codec.name().to_owned(),
        tar_index_digest: whole.tar.to_string(),
        budget: config.budget,
        left_out: left_out.iter().map(ToString::to_string).collect(),
        manifests: platforms.iter().map(manifest).collect(),
    }
}

pub(super) fn manifest(ListedPlatform { started, bill }: &ListedPlatform) -> report::ManifestEntry {
    let StartedPlatform { packed, runner, not_run, objection } = started;
    let ran = smoke(runner.clone(), &not_run.clone().map_or(Smoke::Passed, Smoke::Skipped));
    let objection = objection.as_ref().map(|objection| objection.said.clone());
    report::ManifestEntry {
        platform: packed.manifest.platform.to_string(),
        digest: packed.manifest.digest.to_string(),
        size: packed.manifest.size,
        smoke: Some(report::SmokeEntry { reason: ran.reason.or(objection), ..ran }),
        sbom: Some(sbom(bill)),
    }
}

/// Returns the report of a run.
pub(super) fn report(
    start: &PlannedRun,
    jobs: &[impl ReportedJob],
    images: &[ImageOf<ListedPlatform>],
    missing: &[Missing],
) -> Result<Report> {
    let dist = start.session.dist();
    let waiting = start.plan.jobs.iter().filter(|j| !j.buildable());
    let waiting =
        waiting.map(|j| report::SkippedEntry { target: j.target.triple.to_string(), reason: j.lacking() });
    let skipped = start.plan.skipped.iter();
    let skipped =
        skipped.map(|s| report::SkippedEntry { target: s.target.to_string(), reason: s.reason.clone() });
    Ok(Report {
        schema: 1,
        app: start.config.app.bin.clone(),
        version: start.session.package(&start.config)?.version.to_string(),
        jobs: jobs.iter().map(|job| job.entry(&dist)).collect(),
        images: images.iter().map(image).collect(),
        unmade: missing.iter().map(Missing::entry).collect(),
        skipped: waiting.chain(skipped).collect(),
    })
}
