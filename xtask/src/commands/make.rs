//! `build`, `verify` and `image`: each does what comes before it, and stops.

use super::bills::{self, Bills, bills};
use super::pipeline::{Start, start};
use super::rebuild::rebuild;
use super::release::report;
use super::shipped::{Shipped, judge, ship};
use crate::cli::{Common, Planning, SetupFlag};
use crate::smoke::{Engine, load};
use crate::verify::Extent;
use xtask_config::{Image, ImageTarget};
use xtask_files::error::{Error, Result};
use xtask_oci::PackedImage;

pub(super) fn build(common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<()> {
    up_to(Extent::Place, common, planning, setup, false, json)
}

pub(super) fn verify(
    common: &Common,
    planning: &Planning,
    setup: SetupFlag,
    again: bool,
    json: bool,
) -> Result<()> {
    up_to(Extent::Judge, common, planning, setup, again, json)
}

fn up_to(
    extent: Extent,
    common: &Common,
    planning: &Planning,
    setup: SetupFlag,
    again: bool,
    json: bool,
) -> Result<()> {
    let start = start(common, planning, setup, json)?;
    let mut verified = start.made(extent)?;
    if again {
        rebuild(&start, &mut verified)?;
    }
    let unjudged = match extent {
        Extent::Judge => judge(&start, &mut verified)?,
        Extent::Place => None,
    };
    let report = report(&start, &verified, &Shipped::default(), &Bills::default())?;
    let ui = &start.session.ui;
    ui.data(&if json { report.json() } else { xtask_report::report::terminal(&report, None, ui.color_out) });
    start.end(&verified)?;
    unjudged.map_or(Ok(()), Err)
}

pub(super) fn image(
    common: &Common,
    planning: &Planning,
    setup: SetupFlag,
    to_engine: bool,
    json: bool,
) -> Result<()> {
    let start = start(common, planning, setup, json)?;
    start.one_mode_each("image")?;
    any_image(&start)?;
    // Asked before anything is built: one that does not answer now will not then.
    let engine = to_engine.then(|| load::engine(&start.session.host)).transpose()?;
    let origin = start.origin()?;
    let mut verified = start.verified()?;
    let shipped = ship(&start, &mut verified, &origin)?;
    let bills = bills(&start, &verified, &shipped, &origin, bills::Extent::Images)?;
    let report = report(&start, &verified, &shipped, &bills)?;
    let ui = &start.session.ui;
    let mut names = Vec::new();
    if let Some(engine) = &engine {
        let version = origin.package.version.to_string();
        for image in &shipped.packed {
            names.push(loaded(&start, engine, image, &version)?);
        }
    }
    let table =
        || xtask_report::report::terminal(&report, None, if to_engine { ui.color } else { ui.color_out });
    match (json, to_engine) {
        (true, _) => ui.data(&report.json()),
        // stdout is a name alone, so that a shell can put it into a command line.
        (false, true) if !ui.quiet => ui.raw(&table()),
        (false, true) => {}
        (false, false) => ui.data(&table()),
    }
    // One name, also where there are several images: two would be a name and an argument.
    let first = named(&start).and_then(|name| shipped.packed.iter().position(|image| image.name == name));
    if let Some(name) = first.and_then(|at| names.get(at)).filter(|_| !json) {
        ui.data(name);
    }
    start.end(&verified)?;
    shipped.end(&start.request)
}

/// The image whose name `--load` prints: the first that has this machine's platform, else the first. Where that one is not
/// made, no other takes its place: a shell would run the wrong program.
fn named(start: &Start) -> Option<&str> {
    let own = start.session.host.triple.platform();
    let images = start.config.images.iter().map(|image| (image, start.request.split(image).0));
    let made: Vec<(&Image, Vec<&ImageTarget>)> = images.filter(|(_, targets)| !targets.is_empty()).collect();
    let here = made.iter().find(|(_, targets)| targets.iter().any(|t| Some(&t.platform) == own.as_ref()));
    here.or(made.first()).map(|(image, _)| image.name.as_str())
}

fn loaded(start: &Start, engine: &Engine, image: &PackedImage, version: &str) -> Result<String> {
    let (session, ui) = (&start.session, &start.session.ui);
    let task = ui.task("Loading", format!("{} into {}", image.name, engine.name));
    let work = session.work().join("smoke");
    let loaded = load::load(engine, image, version, &session.host, &session.dist(), &work)?;
    drop(task);
    ui.step("Loaded", format!("{} into {} as {}", image.name, engine.name, loaded.all.join(", ")));
    Ok(loaded.name)
}

/// Refuses, before anything is built, to make none of no images.
fn any_image(start: &Start) -> Result<()> {
    let (images, asked) = (&start.config.images, &start.request.targets);
    let file = start.config.file.display();
    if images.is_empty() {
        return Err(Error::usage(format!("{file} names no image"))
            .help("add an [[image]] table; `cargo xtask init` shows one"));
    }
    if images.iter().all(|image| start.request.split(image).0.is_empty()) {
        let asked: Vec<&str> = asked.iter().map(|t| t.as_str()).collect();
        return Err(Error::usage(format!("no image of {file} holds {}", asked.join(" or ")))
            .help("add the target to the `targets` of an [[image]] table"));
    }
    Ok(())
}
