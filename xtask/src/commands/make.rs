//! `build`, `verify` and `image`: each does what comes before it, and stops.

use super::pipeline::start;
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
    ui.data(&if json { report.json() } else { crate::report::terminal(&report, None, ui.color_out()) });
    start.end(&verified)
}

pub(super) fn image(common: &Common, planning: &Planning, setup: SetupFlag, json: bool) -> Result<()> {
    let start = start(common, planning, setup, json)?;
    start.one_mode_each("image")?;
    if start.config.images.is_empty() {
        return Err(Error::usage("targets.toml names no image")
            .help("add an [[image]] table; `cargo xtask init` shows one"));
    }
    let verified = start.verified()?;
    let (packed, unmade) = ship::images(
        &start.config,
        &start.request.targets,
        &verified,
        &start.origin()?,
        &start.session.dist(),
        &start.memo(),
        &start.session.ui,
    )?;
    let report = report(&start, &verified, &packed, &unmade)?;
    let ui = &start.session.ui;
    ui.data(&if json { report.json() } else { crate::report::terminal(&report, None, ui.color_out()) });
    start.end(&verified)
}
