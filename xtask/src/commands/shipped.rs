//! Makes images from verified programs: places them on their bases, packs, starts, commits and measures them.

use super::pipeline::{Packing, PlannedRun};
use crate::base_selection::{self, Placements};
use crate::image_spec::docker::{self, OnBase};
use crate::image_spec::{self, PackedImages};
use crate::licenses::LicenseWriter;
use crate::outcome::Smoke;
use crate::plan::{Job, PlanRequest, setup_command};
use crate::record::{
    ImageOf, ImageStep, ListedPlatform, PackedPlatform, PlacedImage, PlacedProgram, ProgramOrigin,
    StagedIndex, StartedPlatform, UnmadeImage, WhyUnmade,
};
use crate::sbom;
use crate::smoke::{self, Grouped, Ran, SmokeContext, Unstarted};
use crate::verify::Verified;
use xtask_files::Memo;
use xtask_files::dist;
use xtask_files::error::{Error, Result};
use xtask_oci::{self as oci, Digest, Layout, StagedImages};
use xtask_report::report;
use xtask_report::size::{self, ImageSize, MeasuredImage};
use xtask_report::timing::ReleaseStage;
use xtask_triple::Platform;

/// The images of a run.
pub(super) struct Shipped {
    /// The images that are now in target/dist.
    pub(super) images: Vec<ImageOf<StartedPlatform>>,
    /// The images that were not made.
    pub(super) missing: Vec<Missing>,
    /// The sizes of the images that ship.
    pub(super) sizes: Vec<ImageSize>,
}

/// An image that was not made, and the earlier image that is still in target/dist.
pub(super) struct Missing {
    image: UnmadeImage,
    /// The digest of the image with this name from an earlier run.
    earlier: Option<Digest>,
}

/// Selects the base of each image and checks the programs on it. Packs nothing.
pub(super) fn place(start: &PlannedRun, verified: Vec<Verified>) -> Result<Placements> {
    let locks = start.session.locks();
    let bases = start.session.bases(&locks, &start.config, start.setup, start.request.strict);
    base_selection::place(&start.config, &start.request, verified, &bases, &start.session.ui)
}

/// Returns the error of a run that makes no images, if programs could not be verified in their images. Failed
/// programs have already been reported.
pub(super) fn unjudged<P: ImageStep>(
    images: Vec<std::result::Result<ImageOf<P>, UnmadeImage>>,
    start: &PlannedRun,
) -> Option<Error> {
    let mut first = None;
    for UnmadeImage { name, why } in images.into_iter().filter_map(std::result::Result::err) {
        let Some(error) = why.error() else { continue };
        start.session.ui.warn(format!("the programs of image {name} were not checked: {why}"));
        first.get_or_insert_with(|| error.clone());
    }
    first
}

/// Packs images, starts each of them, and commits those that do not fail. Until then, target/dist keeps its
/// earlier images. It also keeps them for images that fail.
pub(super) fn ship(
    start: &Packing,
    placed: Vec<std::result::Result<ImageOf<PlacedProgram>, UnmadeImage>>,
    origin: &ProgramOrigin,
) -> Result<Shipped> {
    let (dist, memo, ui) = (start.session.dist(), start.memo(), &start.session.ui);
    let (mut images, mut missing) = (Vec::new(), Vec::new());
    for image in placed {
        match image {
            Ok(image) => images.push(image),
            Err(unmade) => missing.push(Missing::of(unmade, start)),
        }
    }
    if !start.request.part {
        images.iter().filter_map(image_spec::lacking).for_each(|line| ui.warn(line));
    }
    let PackedImages { images, mut names } = {
        let builder = start.builder();
        let mut licenses = LicenseWriter::new(&builder, start.top());
        let texts_of = &mut |job: &Job| licenses.file(job);
        let pack = || image_spec::pack(images, &start.config, origin, texts_of, (&dist, &memo), ui);
        start.session.stages.time(ReleaseStage::Packing, pack)?
    };
    let (mut shipped, mut failed) = (Vec::new(), Vec::new());
    for (image, platforms) in start.session.stages.time(ReleaseStage::ImageRun, || started(images, start))? {
        match settled(image, platforms, &mut names, start)? {
            Ok(image) => shipped.push(image),
            Err(image) => failed.push(image),
        }
    }
    names.commit()?;
    let on_bases = shipped.iter().flat_map(on_bases);
    docker::base_tars(on_bases, &start.config.app.bin, origin.created, &dist, &memo)?;
    for mut image in failed {
        let gone = !lies(&image.name, start);
        if let WhyUnmade::DoesNotRun { withdrawn, .. } = &mut image.why {
            *withdrawn &= gone;
        }
        if gone {
            // If an image of an earlier run is kept, its bills are kept too.
            sbom::withdraw(&image.name, &origin.package.version.to_string(), &dist);
        }
        missing.push(Missing::of(image, start));
    }
    let sizes = measured(&shipped, start)?;
    Ok(Shipped { images: shipped, missing, sizes })
}

/// A packed image without its platforms, ready to be started.
struct Starting {
    placed: PlacedImage,
    index: StagedIndex,
    /// The arguments of its programs.
    args: Vec<String>,
}

impl Starting {
    fn platform<'a>(&'a self, platform: &'a PackedPlatform) -> smoke::PlatformStart<'a> {
        smoke::PlatformStart {
            image: &self.placed.config.name,
            tar: &self.index.tar,
            platform: &platform.manifest.platform,
            target: platform.placed.target(),
            manifest: &platform.manifest.digest,
            args: &self.args,
            expect: &self.placed.config.smoke,
            stack: platform.placed.program.facts.as_ref().map(|facts| facts.stack_size),
        }
    }
}

/// Starts every platform of every image.
fn started(
    images: Vec<ImageOf<PackedPlatform>>,
    start: &PlannedRun,
) -> Result<Grouped<Starting, (PackedPlatform, Ran)>> {
    let (dist, memo, work) = (start.session.dist(), start.memo(), start.session.work().join("smoke"));
    let (host, ui) = (&start.session.host, &start.session.ui);
    let site = SmokeContext { dist: &dist, work: &work, memo: &memo, limit: smoke::LIMIT, host, ui };
    let parts = |ImageOf { placed, whole: index, platforms }: ImageOf<PackedPlatform>| {
        let args = placed.config.smoke.args.as_ref().unwrap_or(&start.config.app.smoke).clone();
        (Starting { placed, index, args }, platforms)
    };
    smoke::images(images.into_iter().map(parts).collect(), Starting::platform, &site)
}

/// Returns an image that may be committed, or one that was rejected for its smoke run.
fn settled(
    Starting { placed, index, .. }: Starting,
    platforms: Vec<(PackedPlatform, Ran)>,
    names: &mut StagedImages,
    start: &PlannedRun,
) -> Result<std::result::Result<ImageOf<StartedPlatform>, UnmadeImage>> {
    let name = &placed.config.name;
    let (of, lay) = (platforms.len(), lies(name, start));
    let ran = platforms.iter().map(|(platform, ran)| (&platform.manifest.platform, &ran.smoke));
    if let Some(Unstarted { failed, kept }) =
        smoke::refuse(names, name, ran, &start.session.work().join("failed"))?
    {
        let why = WhyUnmade::DoesNotRun { failed, of, kept, withdrawn: lay };
        return Ok(Err(UnmadeImage { name: name.clone(), why }));
    }
    let started = |(packed, Ran { runner, smoke, objection })| {
        let not_run = if let Smoke::Skipped(why) = smoke { Some(why) } else { None };
        StartedPlatform { packed, runner, not_run, objection }
    };
    let platforms = platforms.into_iter().map(started).collect();
    Ok(Ok(ImageOf { placed, whole: index.digests, platforms }))
}

/// Returns whether target/dist contains an image of this name. The next packing reports an unreadable index.
fn lies(name: &str, start: &PlannedRun) -> bool {
    oci::lies_in(&start.session.dist(), name).ok().flatten().is_some()
}

/// Returns the platforms of an image that have a base.
fn on_bases(image: &ImageOf<StartedPlatform>) -> impl Iterator<Item = OnBase<'_>> {
    image.platforms.iter().filter_map(|StartedPlatform { packed, .. }| {
        let (placed, ours) = (&packed.placed, &packed.ours);
        Some(OnBase { image: image.name(), target: placed.target(), below: placed.below()?, ours })
    })
}

fn measured(images: &[ImageOf<StartedPlatform>], start: &PlannedRun) -> Result<Vec<ImageSize>> {
    let dist = start.session.dist();
    let subjects: Vec<MeasuredImage> =
        images.iter().map(|image| MeasuredImage::of(&image.placed.config)).collect();
    let _lock = oci::lock_shared(&dist, || start.session.ui.waits_for_images())?;
    let layout = Layout::new(dist::layout(&dist));
    size::measure(&subjects, &layout, &start.session.work().join("size"), &Memo::new(start.memo()))
}

impl Missing {
    /// Warns that an image is not made, and finds the earlier image of that name in target/dist.
    fn of(image: UnmadeImage, start: &PlannedRun) -> Self {
        // The next packing reports an unreadable index.
        let earlier = oci::lies_in(&start.session.dist(), &image.name).ok().flatten();
        let this = Self { image, earlier };
        let entry = this.entry();
        if !(start.request.part && this.image.why == WhyUnmade::NotAskedFor) {
            start.session.ui.warn(format!("image {} is not made: {}", entry.name, entry.words()));
        }
        this
    }

    /// Returns the entry of the report.
    pub(super) fn entry(&self) -> report::Unmade {
        let UnmadeImage { name, why } = &self.image;
        let earlier = self.earlier.as_ref().map(ToString::to_string);
        report::Unmade { name: name.clone(), reason: why.to_string(), earlier }
    }
}

/// Returns the error of a run for its images. It is an error if an image failed, is larger than its budget,
/// or has a base that cannot be obtained. With `strict`, it is also an error if the answering engine rejected
/// an image or nothing ran it.
pub(super) fn end(
    images: &[ImageOf<ListedPlatform>],
    missing: &[Missing],
    sizes: &[ImageSize],
    request: &PlanRequest,
) -> Result<()> {
    let mut failed = Vec::new();
    let mut count: usize = images.iter().map(|image| image.platforms.len()).sum();
    let line = |image: &str, platform: &Platform, why: &str| {
        format!("{image} on {platform}: {}", why.lines().next().unwrap_or_default())
    };
    for Missing { image, .. } in missing {
        if let WhyUnmade::DoesNotRun { failed: platforms, of, .. } = &image.why {
            failed.extend(platforms.iter().map(|(platform, why)| line(&image.name, platform, why)));
            count += of;
        }
    }
    if !failed.is_empty() {
        let what = format!("{} of {count} smoke runs of images failed", failed.len());
        return Err(failed.into_iter().fold(Error::failed(what), Error::found));
    }
    size::check_budgets(sizes)?;
    if let Some(error) = missing.iter().find_map(|missing| missing.image.why.error()) {
        return Err(error.clone());
    }
    if !request.strict {
        return Ok(());
    }
    let list = |wanted: fn(&StartedPlatform) -> Option<&String>| -> Vec<String> {
        let all = images.iter().flat_map(|image| image.platforms.iter().map(move |p| (image, &p.started)));
        all.filter_map(|(image, p)| Some(line(image.name(), &p.packed.manifest.platform, wanted(p)?)))
            .collect()
    };
    let refused = list(|p| p.objection.as_ref().filter(|o| o.refused).map(|o| &o.said));
    if !refused.is_empty() {
        let what = format!("--strict: the container engine refuses {} of {count} images", refused.len());
        let error = refused.into_iter().fold(Error::failed(what), Error::found);
        return Err(error.help("they were started without it, in namespaces; its message says why"));
    }
    let skipped = list(|p| p.not_run.as_ref());
    if !skipped.is_empty() {
        let what = format!("--strict: {} of {count} images were not run", skipped.len());
        let error = skipped.into_iter().fold(Error::missing(what), Error::found);
        let setup = setup_command(&request.targets);
        return Err(error.help(format!("start Docker or install podman; for other architectures: {setup}")));
    }
    Ok(())
}
