//! `build`, `verify` and `image`: each does what comes before it, and stops.

use super::pipeline::{Start, start};
use super::release::report;
use crate::cli::{Common, Planning, SetupFlag};
use crate::error::{Error, Result};
use crate::ship;
use crate::verify::Extent;

pub(super) fn build(common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<()> {
    up_to(Extent::Place, common, planning, setup, json)
}

pub(super) fn verify(common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<()> {
    up_to(Extent::Judge, common, planning, setup, json)
}

fn up_to(extent: Extent, common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<()> {
    let start = start(common, planning, setup, json)?;
    let verified = start.made(extent)?;
    let report = report(&start, &verified, &[], &[])?;
    let ui = &start.session.ui;
    ui.data(&if json { report.json() } else { crate::report::terminal(&report, None, ui.color_out) });
    start.end(&verified)
}

pub(super) fn image(common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<()> {
    let start = start(common, planning, setup, json)?;
    start.one_mode_each("image")?;
    any_image(&start)?;
    let origin = start.origin()?;
    let verified = start.verified()?;
    let (packed, unmade) = ship::images(
        &start.config,
        &start.request.targets,
        &verified,
        &origin,
        &start.session.dist(),
        &start.memo(),
        &start.session.ui,
    )?;
    let report = report(&start, &verified, &packed, &unmade)?;
    let ui = &start.session.ui;
    ui.data(&if json { report.json() } else { crate::report::terminal(&report, None, ui.color_out) });
    start.end(&verified)
}

/// Refuses, before anything is built, to make none of no images.
fn any_image(start: &Start) -> Result<()> {
    let (images, asked) = (&start.config.images, &start.request.targets);
    let file = start.config.file.display();
    if images.is_empty() {
        return Err(Error::usage(format!("{file} names no image"))
            .help("add an [[image]] table; `cargo xtask init` shows one"));
    }
    if !asked.is_empty() && !images.iter().any(|i| i.targets.iter().any(|t| asked.contains(t))) {
        let asked: Vec<&str> = asked.iter().map(|t| t.as_str()).collect();
        return Err(Error::usage(format!("no image of {file} holds {}", asked.join(" or ")))
            .help("add the target to the `targets` of an [[image]] table"));
    }
    Ok(())
}
