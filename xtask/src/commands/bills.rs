//! Writes the bills of materials of a run.

use std::path::Path;
use std::sync::Arc;

use super::pipeline::Packing;
use crate::record::{
    FailedJob, ImageOf, ListedPlatform, ListedProgram, ProgramOrigin, StartedPlatform, VerifiedProgram,
};
use crate::sbom::BillWriter;
use xtask_files::Memo;
use xtask_files::dist;
use xtask_files::error::Result;

/// A program that may ship, or a job that failed.
pub(super) type ShippableProgram<P> = std::result::Result<P, FailedJob>;

/// The programs and images of a release, with their bills.
pub(super) struct Listed {
    pub(super) programs: Vec<ShippableProgram<ListedProgram>>,
    pub(super) images: Vec<ImageOf<ListedPlatform>>,
}

/// Writes the bills of all programs and images of a release.
pub(super) fn release(
    start: &Packing,
    programs: Vec<ShippableProgram<Arc<VerifiedProgram>>>,
    images: Vec<ImageOf<StartedPlatform>>,
    origin: &ProgramOrigin,
) -> Result<Listed> {
    let (builder, memo, dist) = (start.builder(), Memo::new(start.memo()), start.session.dist());
    let mut writer = BillWriter::new(&builder, origin, &dist, &memo);
    let mut listed = Vec::new();
    for program in programs {
        listed.push(match program {
            Ok(program) => Ok(ListedProgram { bill: writer.program(&program)?, program }),
            Err(failed) => Err(failed),
        });
    }
    let images = images.into_iter().map(|image| writer.image(image)).collect::<Result<Vec<_>>>()?;
    say(start, listed.iter().flatten().count(), &images, &dist);
    Ok(Listed { programs: listed, images })
}

/// Writes the bills of images.
pub(super) fn images(
    start: &Packing,
    images: Vec<ImageOf<StartedPlatform>>,
    origin: &ProgramOrigin,
) -> Result<Vec<ImageOf<ListedPlatform>>> {
    let (builder, memo, dist) = (start.builder(), Memo::new(start.memo()), start.session.dist());
    let mut writer = BillWriter::new(&builder, origin, &dist, &memo);
    let images = images.into_iter().map(|image| writer.image(image)).collect::<Result<Vec<_>>>()?;
    say(start, 0, &images, &dist);
    Ok(images)
}

fn say(start: &Packing, programs: usize, images: &[ImageOf<ListedPlatform>], dist: &Path) {
    let count = programs + images.iter().map(|image| image.platforms.len()).sum::<usize>();
    if count > 0 {
        let count = xtask_files::counted(count as u64, "bill");
        let place = dist::bills(dist);
        start.session.ui.step("Listed", format!("{count} of materials (CycloneDX) → {}", place.display()));
    }
}
