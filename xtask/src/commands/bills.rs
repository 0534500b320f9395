//! Bills of materials of what a run made.

use std::collections::BTreeMap;

use super::pipeline::Start;
use super::shipped::Shipped;
use crate::sbom::{Writer, Written};
use crate::ship::Origin;
use crate::verify::Verified;
use xtask_files::Memo;
use xtask_files::error::Result;
use xtask_triple::Triple;

/// The bills of a run; none where it wrote none.
#[derive(Default)]
pub(super) struct Bills {
    /// Those of programs, by target.
    pub(super) programs: BTreeMap<Triple, Written>,
    /// Those of images, by name, in the order of the manifests.
    pub(super) images: BTreeMap<String, Vec<Written>>,
}

/// Of what bills are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Of images alone.
    Images,
    /// Of programs too.
    Programs,
}

/// Writes the bills of the images in target/dist and, where they are released, of the programs.
pub(super) fn bills(
    start: &Start,
    verified: &[Verified],
    shipped: &Shipped,
    origin: &Origin,
    extent: Extent,
) -> Result<Bills> {
    let (dist, memo, ui) = (start.session.dist(), Memo::new(start.memo()), &start.session.ui);
    let builder = start.builder();
    let mut writer = Writer::new(&builder, origin, &dist, &memo);
    let mut bills = Bills::default();
    for verified in verified.iter().filter(|_| extent == Extent::Programs) {
        if let Some(written) = writer.program(verified)? {
            bills.programs.insert(verified.job().target.triple.clone(), written);
        }
    }
    for (image, place) in shipped.packed.iter().zip(&shipped.placed) {
        bills.images.insert(image.name.clone(), writer.image(place, image, verified)?);
    }
    let count = bills.programs.len() + bills.images.values().map(Vec::len).sum::<usize>();
    if count > 0 {
        let count = xtask_files::counted(count as u64, "bill");
        let place = dist.join("sbom");
        ui.step("Listed", format!("{count} of materials (CycloneDX) → {}", place.display()));
    }
    Ok(bills)
}
