//! `build`, `verify` and `image`: each command does the steps before its own, and then stops.

use super::bills;
use super::entries::{ReportedJob, report};
use super::pipeline::{PlannedRun, packing, start};
use super::rebuild::rebuild;
use super::shipped::{self, Shipped, place, ship, unjudged};
use crate::base_selection::Placements;
use crate::cli::{Common, Planning, SetupFlag};
use crate::record::{ImageOf, ListedPlatform};
use crate::smoke::ContainerEngine;
use crate::smoke::load::{self, Loading};
use xtask_config::{Image, ImageTarget};
use xtask_files::error::{Error, Result};
use xtask_oci::PackedManifest;

pub(super) fn build(common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<()> {
    let start = start(common, planning, setup, json)?;
    let stored = start.stored()?;
    say(&start, &stored, json)?;
    start.end(&stored)
}

pub(super) fn verify(
    common: &Common,
    planning: &Planning,
    setup: SetupFlag,
    again: bool,
    json: bool,
) -> Result<()> {
    let start = start(common, planning, setup, json)?;
    let verified = start.made()?;
    let verified = if again { rebuild(&start, verified)? } else { verified };
    let Placements { programs, images } = place(&start, verified)?;
    let unjudged = unjudged(images, &start);
    say(&start, &programs, json)?;
    start.end(&programs)?;
    unjudged.map_or(Ok(()), Err)
}

/// Prints the results of jobs.
fn say(start: &PlannedRun, jobs: &[impl ReportedJob], json: bool) -> Result<()> {
    let report = report(start, jobs, &[], &[])?;
    let ui = &start.session.ui;
    ui.data(&if json { report.json() } else { xtask_report::report::terminal(&report, None, ui.color_out) });
    Ok(())
}

pub(super) fn image(
    common: &Common,
    planning: &Planning,
    setup: SetupFlag,
    to_engine: bool,
    json: bool,
) -> Result<()> {
    let start = packing(common, planning, setup, json, "image")?;
    any_image(&start)?;
    // The engine is asked before anything is built: if it does not answer now, it will not answer then.
    let engine = to_engine.then(|| load::engine(&start.session.host)).transpose()?;
    let origin = start.origin()?;

    let verified = start.verified()?;
    let Placements { programs, images } = place(&start, verified)?;
    let Shipped { images, missing, sizes } = ship(&start, images, &origin)?;
    let images = bills::images(&start, images, &origin)?;

    let report = report(&start, &programs, &images, &missing)?;
    let ui = &start.session.ui;
    // Only one name is printed even if there are several images: a shell would take the second one as an
    // argument.
    let wanted = named(&start);
    let mut name = None;
    if let Some(engine) = &engine {
        let version = origin.package.version.to_string();
        for image in &images {
            let loaded = loaded(&start, engine, image, &version)?;
            if wanted == Some(image.name()) {
                name = Some(loaded);
            }
        }
    }
    let table =
        || xtask_report::report::terminal(&report, None, if to_engine { ui.color } else { ui.color_out });
    match (json, to_engine) {
        (true, _) => ui.data(&report.json()),
        // stdout has only a name, so that a shell can insert it into a command line.
        (false, true) if !ui.quiet => ui.styled(&table()),
        (false, true) => {}
        (false, false) => ui.data(&table()),
    }
    if let Some(name) = name.filter(|_| !json) {
        ui.data(&name);
    }
    start.end(&programs)?;
    shipped::end(&images, &missing, &sizes, &start.request)
}

/// Returns the image whose name `--load` prints: the first one with this machine's platform, or else the
/// first one. If that image is not made, no other replaces it: a shell would run the wrong program.
fn named(start: &PlannedRun) -> Option<&str> {
    let own = start.session.host.triple.platform();
    let images = start.config.images.iter().map(|image| (image, start.request.split(image).0));
    let made: Vec<(&Image, Vec<&ImageTarget>)> = images.filter(|(_, targets)| !targets.is_empty()).collect();
    let here = made.iter().find(|(_, targets)| targets.iter().any(|t| Some(&t.platform) == own.as_ref()));
    here.or(made.first()).map(|(image, _)| image.name.as_str())
}

fn loaded(
    start: &PlannedRun,
    engine: &ContainerEngine,
    image: &ImageOf<ListedPlatform>,
    version: &str,
) -> Result<String> {
    let (session, ui, name) = (&start.session, &start.session.ui, image.name());
    let task = ui.task("Loading", format!("{name} into {}", engine.name));
    let (dist, work) = (session.dist(), session.work().join("smoke"));
    let manifests: Vec<&PackedManifest> =
        image.platforms.iter().map(|platform| &platform.started.packed.manifest).collect();
    let loading = Loading { name, version, manifests: &manifests, dist: &dist, work: &work };
    let loaded = load::load(engine, &loading, &session.host)?;
    drop(task);
    ui.step("Loaded", format!("{name} into {} as {}", engine.name, loaded.all.join(", ")));
    Ok(loaded.name)
}

/// Returns an error before anything is built if there is no image to make.
fn any_image(start: &PlannedRun) -> Result<()> {
    let (images, asked) = (&start.config.images, &start.request.targets);
    let file = start.config.file.display();
    if images.is_empty() {
        return Err(Error::usage(format!("{file} names no image"))
            .help("add an [[image]] table; `cargo xtask init` shows one"));
    }
    if images.iter().all(|image| start.request.split(image).0.is_empty()) {
        let asked: Vec<&str> = asked.iter().map(|t| t.as_str()).collect();
        return Err(Error::usage(format!("no image of {file} contains {}", asked.join(" or ")))
            .help("add the target to the `targets` of an [[image]] table"));
    }
    Ok(())
}
