//! `cargo xtask ci merge`: joins shards to the release that one machine would have made, in target/dist.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::released;
use crate::archive;
use crate::ci::inputs::ReleaseInputs;
use crate::ci::join::{self, JoinTarget, JoinedImage};
use crate::ci::refusal::MergeRefusal;
use crate::ci::shard::{FILE_NAME, ShardFolder};
use crate::cli::Common;
use crate::commands::pipeline::{claim, turn_of};
use crate::commands::release::{compared, earlier};
use crate::commands::verify_image::public_key;
use crate::provenance::write::{StatementFiles, read};
use crate::provenance::{StatedPlatform, of_index};
use crate::session::Session;
use crate::step_summary;
use xtask_config::Config;
use xtask_files::error::{Error, Result};
use xtask_files::threads::{cores, side_by_side};
use xtask_files::{Memo, StagedFolder, dist};
use xtask_oci::{self as oci, Layout, PackedImage, Packer};
use xtask_report::report::{self, Report};
use xtask_report::size::{self, MeasuredImage, SizeFiles, Sizes};
use xtask_report::timing::Timings;

/// The documents of target/dist that a release leaves as they are, or compares itself with.
const KEPT: [&str; 3] = ["publish.json", "digests.txt", "size.json"];

pub(super) fn run(
    common: &Common,
    folders: &[PathBuf],
    asked: &[String],
    key: Option<&str>,
    json: bool,
) -> Result<()> {
    let session = Session::open(common, json)?;
    let config = session.config()?;
    let targets = released(&session, &config, asked)?;
    let by_cosign = format!("cosign verify-blob --bundle {FILE_NAME}.sigstore.json … {FILE_NAME}");
    let key = key.map(|key| public_key(&session, key, &by_cosign)).transpose()?;
    let checkout = ReleaseInputs::of_checkout(&session, &config)?;
    let to = JoinTarget { config: &config, targets: &targets, checkout: &checkout };

    let mut refused = Vec::new();
    let mut shards = Vec::new();
    for dir in found(&session, folders)? {
        match ShardFolder::read(&dir, key.as_ref()) {
            Ok(shard) => shards.push(shard),
            Err(refusal) => refused.push(refusal),
        }
    }
    let unread = !refused.is_empty();
    // The targets of a folder that cannot be read are not known to be missing.
    let of_all = join::refusals(&shards, &to).into_iter();
    refused.extend(of_all.filter(|r| !(unread && matches!(r, MergeRefusal::Missing { .. }))));
    let task = session.ui.task("Checking", xtask_files::counted(shards.len() as u64, "shard"));
    refused
        .extend(side_by_side(shards.iter().collect(), cores().get(), |s| s.damage()).into_iter().flatten());
    drop(task);
    if !refused.is_empty() {
        return Err(MergeRefusal::error(&refused));
    }
    let merge = Merge { session: &session, to, shards, memo: Memo::new(session.work().join("packed")) };
    merge.run(json)
}

/// Returns the folders of shards: the given ones, or the folders below a given one that is none itself.
fn found(session: &Session, folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let own = [session.shards()];
    let folders = if folders.is_empty() { &own[..] } else { folders };
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Error::missing(format!("there is no folder {}", folder.display()))
                    .help("name the folders of shards; `cargo xtask ci shard ID` makes one in target/shards")
            }
            _ => Error::io("cannot read", folder, &e),
        })?;
        let below: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        let is_shard = |dir: &PathBuf| dir.join(FILE_NAME).exists();
        let hidden = |dir: &Path| dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_shard(folder) || !below.iter().any(is_shard) {
            found.push(folder.clone());
            continue;
        }
        let mut below: Vec<PathBuf> = below.into_iter().filter(|dir| dir.is_dir() && !hidden(dir)).collect();
        below.sort();
        found.extend(below);
    }
    Ok(found)
}

/// Shards that fit together.
struct Merge<'a> {
    session: &'a Session,
    to: JoinTarget<'a>,
    shards: Vec<ShardFolder>,
    memo: Memo,
}

impl Merge<'_> {
    /// Writes the release beside target/dist, and then takes its place.
    fn run(&self, json: bool) -> Result<()> {
        let (session, config) = (self.session, self.to.config);
        let (ui, whole) = (&session.ui, session.whole_dist());
        let _turn = turn_of(session, "lock");
        claim(session);
        let staged = StagedFolder::new(&whole)?;
        let new = staged.path();
        let reports = self.shards.iter().map(shard_report).collect::<Result<Vec<Report>>>()?;
        self.copy(new)?;
        archive::sums(new, &self.memo)?;
        let packed = self.pack(&reports, new)?;
        self.state(&packed, new)?;
        let report = join::report(reports, &self.to, &packed);
        let timings = self.timings(&whole)?;
        timings.write(&new.join("timings.json"))?;
        self.sizes(&report, &whole, new)?;
        report.write(new, Some(&timings))?;
        {
            // Whoever reads images has ended, and whoever begins waits.
            let _images = oci::lock(&whole, || ui.waits_for_images())?;
            staged.publish("", &whole)?;
        }
        step_summary::add(&report::markdown(&report, Some(&timings)), &session.host, ui);
        ui.data(&if json { report.json() } else { report::terminal(&report, Some(&timings), ui.color_out) });
        let shards = xtask_files::counted(self.shards.len() as u64, "shard");
        let bin = &config.app.bin;
        ui.step("Joined", format!("{bin} {} from {shards} → {}", report.version, whole.display()));
        Ok(())
    }

    /// Copies everything that becomes a part of the release as it is.
    fn copy(&self, new: &Path) -> Result<()> {
        for shard in &self.shards {
            let files = shard.document.files.iter().filter(|file| join::is_copied(&file.path));
            for file in files {
                let place = new.join(&file.path);
                if place.exists() {
                    // Another shard has the same file.
                    continue;
                }
                shard.copy(file, &place)?;
                if place.starts_with(dist::programs(new)) {
                    executable(&place)?;
                }
            }
        }
        Ok(())
    }

    /// Packs the images from the layers of the shards.
    fn pack(&self, reports: &[Report], new: &Path) -> Result<Vec<PackedImage>> {
        let session = self.session;
        let version = session.package(self.to.config)?.version.to_string();
        let images = join::images(&self.shards, reports, &self.to, &version)?;
        let specs: Vec<_> = images.iter().map(|image| image.spec.clone()).collect();
        let cache = session.work().join("packed");
        let packed = Packer { dist: new, cache: &cache, threads: cores() }.pack(&specs)?;
        for (image, packed) in images.iter().zip(&packed) {
            join::check_packed(image, packed)?;
            let JoinedImage { platforms, .. } = image;
            let platforms = xtask_files::counted(platforms.len() as u64, "platform");
            session.ui.step("Packed", format!("{} for {platforms} → {}", packed.name, packed.index_digest));
        }
        Ok(packed)
    }

    /// Writes the statements about indexes, from those about their platforms.
    fn state(&self, packed: &[PackedImage], new: &Path) -> Result<()> {
        let mut written = StatementFiles::new(new);
        for image in packed {
            let mut platforms = Vec::new();
            for manifest in &image.manifests {
                let mut stated = StatedPlatform {
                    platform: manifest.platform.to_string(),
                    manifest: manifest.digest.to_string(),
                    predicates: Default::default(),
                };
                for kind in StatedPlatform::KINDS {
                    let name = format!("{}.{}.json", stated.file_name(), kind.name());
                    let file = dist::provenance(new).join(&image.name).join(name);
                    let statement = read(&file)?;
                    let predicate: Value = match statement.is_about(&manifest.digest) {
                        true => statement.predicate,
                        false => {
                            let what = format!("{} is about another image", file.display());
                            return Err(Error::failed(what).found(format!("expected {}", manifest.digest)));
                        }
                    };
                    stated.predicates.insert(kind, predicate);
                }
                platforms.push(stated);
            }
            for (kind, statement) in of_index(&image.name, &image.index_digest, &platforms) {
                written.add(&image.name, "index", kind, &statement)?;
            }
        }
        Ok(())
    }

    /// Adds the durations of all shards to those in target/dist.
    fn timings(&self, whole: &Path) -> Result<Timings> {
        let mut parts = Vec::new();
        for shard in &self.shards {
            parts.extend(Timings::read(&shard.dir.join("timings.json"))?);
        }
        let (of, to) = compared(self.to.config);
        let older = earlier(&whole.join("timings.json"), &self.session.ui);
        Timings::joined(older, parts, of, to)
            .ok_or_else(|| Error::failed("no shard has timings.json").help("make the shards again"))
    }

    fn sizes(&self, report: &Report, whole: &Path, new: &Path) -> Result<()> {
        let Merge { session, memo, .. } = self;
        let config: &Config = self.to.config;
        for name in KEPT {
            if let Ok(bytes) = xtask_files::read(&whole.join(name)) {
                xtask_files::write(&new.join(name), &bytes)?;
            }
        }
        let made = |image: &&xtask_config::Image| report.images.iter().any(|entry| entry.name == image.name);
        let subjects: Vec<MeasuredImage> = config.images.iter().filter(made).map(MeasuredImage::of).collect();
        let layout = Layout::new(dist::layout(new));
        let mut images = size::measure(&subjects, &layout, &session.work().join("size"), memo)?;
        size::add_programs(&mut images, &config.app.bin, new, |_| None)?;
        size::add_origins(&mut images, report);
        let programs = size::archived(report, &images, new, |_, _| None)?;
        let (app, version) = (report.app.clone(), report.version.clone());
        SizeFiles::new(new, &session.work()).release(&Sizes { schema: 1, app, version, images, programs })
    }
}

fn shard_report(shard: &ShardFolder) -> Result<Report> {
    Report::last(&shard.dir).ok_or_else(|| {
        Error::failed(format!("{} cannot be used", shard.dir.join("report.json").display()))
            .help("make the shard again")
    })
}

/// Lets everybody execute a program. What carries shards from machine to machine may drop the modes of files.
#[cfg(unix)]
fn executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(file, mode).map_err(|e| Error::io("cannot make executable", file, &e))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result<()> {
    Ok(())
}
