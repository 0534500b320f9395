//! Writes the statements of a release about its archives and images.

use std::sync::Arc;

use serde_json::{Value, json};
use xtask_attest::Subject;
use xtask_files::dist;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_report::report::{JobEntry, ManifestEntry};

use super::entries::{ReportedJob, manifest};
use super::pipeline::Packing;
use crate::image_spec::ArchivedProgram;
use crate::plan::Job;
use crate::provenance::source::SourceState;
use crate::provenance::write::StatementFiles;
use crate::provenance::{
    self, BaseFacts, PlatformFacts, ProgramFacts, ReleaseOrigin, StatedPlatform, StatementKind,
};
use crate::record::{BillFile, ImageOf, ListedPlatform, ProgramOrigin, VerifiedProgram};
use crate::toolchain_lock::{FILE_NAME, ToolchainLock};

/// Writes every statement of a release.
///
/// # Errors
/// A file or a tool cannot be read, or a statement cannot be written.
pub(super) fn write(
    start: &Packing,
    archives: &[ArchivedProgram<'_>],
    images: &[ImageOf<ListedPlatform>],
    origin: &ProgramOrigin<'_>,
) -> Result<()> {
    let (session, dist) = (&start.session, start.session.dist());
    let root = &session.workspace.root;
    let [cargo, tools] = ["Cargo.lock", FILE_NAME].map(|name| root.join(name));
    // `--config` may name a file with another name in another folder.
    let config = ("targets.toml", start.config.file.as_path());
    let files = [("Cargo.lock", cargo.as_path()), config, (FILE_NAME, tools.as_path())];
    let output = &session.workspace.target_directory;
    let release = ReleaseOrigin {
        app: start.config.app.bin.clone(),
        package: origin.package.name.clone(),
        version: origin.package.version.to_string(),
        created: origin.created,
        source: SourceState::read(root, output, origin.package.repository.as_deref(), &files)?,
    };
    let tools = start.observed().unwrap_or_else(|error| {
        session.ui.warn(format!("the statements of the release do not name its toolchains: {}", error.what));
        ToolchainLock::default()
    });
    let mut written = StatementFiles::new(&dist);
    for image in images {
        let drafts = image.platforms.iter().map(|platform| Draft::of(image, platform, start));
        let drafts = drafts.collect::<Result<Vec<_>>>()?;
        let platforms = drafts.iter().map(|draft| draft.facts(&tools).stated(&release));
        let platforms: Vec<StatedPlatform> = platforms.collect();
        for platform in &platforms {
            for (kind, statement) in platform.statements()? {
                written.add(image.name(), &platform.file_name(), kind, &statement)?;
            }
        }
        for (kind, statement) in provenance::of_index(image.name(), &image.whole.layout, &platforms) {
            written.add(image.name(), "index", kind, &statement)?;
        }
    }
    for ArchivedProgram { listed, archive } in archives {
        let name = archive.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let subject = || Subject::new(Some(&name), &archive.digest);
        let entry = listed.program.entry(&dist);
        let program = facts(&listed.program, &entry, &tools);
        for (kind, predicate) in [
            (StatementKind::Slsa, program.slsa(&release)),
            (StatementKind::CycloneDx, bill(&listed.bill, start)?),
            (StatementKind::Gate, program.gate(None)),
            (StatementKind::Purity, program.purity()),
            (StatementKind::Smoke, program.smoke()),
        ] {
            written.add(dist::ARCHIVES, &name, kind, &kind.about(vec![subject()], predicate))?;
        }
        let mut subjects = vec![subject()];
        let mut places =
            vec![json!({"subject": name, "path": format!("{}/{}", archive.folder, release.app)})];
        for (image, platform) in with_program(images, &listed.program) {
            let packed = &platform.started.packed.manifest;
            let title = format!("{} {}", image.name(), packed.platform);
            places.push(json!({"subject": title, "path": format!("/{}", release.app)}));
            subjects.push(Subject::new(Some(&title), &packed.digest));
        }
        let predicate = program.places(&places);
        let kind = StatementKind::Program;
        written.add(dist::ARCHIVES, &name, kind, &kind.about(subjects, predicate))?;
    }
    let count = xtask_files::counted(written.finish()? as u64, "statement");
    session.ui.step("Stated", format!("{count} (in-toto) → {}", dist::provenance(&dist).display()));
    Ok(())
}

/// Returns the platforms of images that contain a program.
fn with_program<'i>(
    images: &'i [ImageOf<ListedPlatform>],
    program: &'i Arc<VerifiedProgram>,
) -> impl Iterator<Item = (&'i ImageOf<ListedPlatform>, &'i ListedPlatform)> {
    let holds = |platform: &&ListedPlatform| Arc::ptr_eq(&platform.started.packed.placed.program, program);
    images
        .iter()
        .flat_map(move |image| image.platforms.iter().filter(holds).map(move |platform| (image, platform)))
}

/// A platform, with its entries in the report.
struct Draft<'i> {
    image: &'i ImageOf<ListedPlatform>,
    platform: &'i ListedPlatform,
    job: JobEntry,
    manifest: ManifestEntry,
    args: &'i [String],
    bill: Value,
}

impl<'i> Draft<'i> {
    fn of(
        image: &'i ImageOf<ListedPlatform>,
        platform: &'i ListedPlatform,
        start: &'i Packing,
    ) -> Result<Self> {
        let program = &platform.started.packed.placed.program;
        Ok(Self {
            image,
            platform,
            job: program.entry(&start.session.dist()),
            manifest: manifest(platform),
            args: image.placed.config.smoke.args.as_ref().unwrap_or(&start.config.app.smoke),
            bill: bill(&platform.bill, start)?,
        })
    }

    fn facts<'f>(&'f self, tools: &'f ToolchainLock) -> PlatformFacts<'f> {
        let placed = &self.platform.started.packed.placed;
        PlatformFacts {
            image: self.image.name(),
            program: facts(&placed.program, &self.job, tools),
            base: BaseFacts {
                name: self.image.placed.base.to_string(),
                digest: placed.base.as_ref().map(|base| &base.digest),
                trimmed: placed.trimmed.is_some(),
            },
            manifest: &self.manifest,
            args: self.args,
            exit: self.image.placed.config.smoke.exit,
            bill: self.bill.clone(),
        }
    }
}

fn facts<'f>(
    program: &'f VerifiedProgram,
    entry: &'f JobEntry,
    tools: &'f ToolchainLock,
) -> ProgramFacts<'f> {
    let job: &Job = program.job();
    ProgramFacts {
        job: entry,
        profile: &job.target.profile,
        fallback: job.fallback.as_ref().map(|fallback| (fallback.from.as_str(), fallback.reason)),
        warnings: program.warnings.iter().map(|finding| finding.what.as_str()).collect(),
        tools: tools.targets.get(&job.target.triple),
    }
}

/// Reads a bill of materials from `target/dist`.
fn bill(bill: &BillFile, start: &Packing) -> Result<Value> {
    let path = start.session.dist().join(&bill.path);
    let bytes = xtask_files::read(&path).map_err(|e| Error::io("cannot read", &path, &e))?;
    let same = Digest::of(&bytes) == bill.digest;
    let read = serde_json::from_slice(&bytes).ok().filter(|_| same);
    read.ok_or_else(|| Error::failed(format!("{} was changed while the release was made", path.display())))
}
