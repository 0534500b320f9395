//! What comes of verified programs: images that are packed and run, and what is said of them.

use super::pipeline::Start;
use crate::error::{Error, Result};
use crate::oci::{self, Layout, Memo, PackedImage};
use crate::place::{self, Placed, Unmade};
use crate::sbom;
use crate::ship::{self, Origin};
use crate::size::{self, ImageSize, Subject};
use crate::smoke::{self, Ran, Site};
use crate::verify::{Smoke, Verified};

/// The images of a run; none where it makes none.
#[derive(Default)]
pub(super) struct Shipped {
    /// Where the programs of those that are packed stand, in the same order.
    pub(super) placed: Vec<Placed>,
    /// Those that are in target/dist now.
    pub(super) packed: Vec<PackedImage>,
    /// Those that are not, and why.
    pub(super) unmade: Vec<Unmade>,
    /// How each platform of each image ran.
    pub(super) ran: Vec<Ran>,
    /// How large those that are packed are.
    pub(super) sizes: Vec<ImageSize>,
}

/// Finds the base of each image and holds the programs against it. Packs nothing.
pub(super) fn place(start: &Start, verified: &mut [Verified]) -> Result<Shipped> {
    let locks = start.session.locks();
    let bases = start.session.bases(&locks, start.setup, start.request.strict);
    let places = place::place(&start.config, &start.request.targets, verified, &bases, &start.session.ui)?;
    let mut shipped = Shipped::default();
    for place in places {
        match place {
            Ok(placed) => shipped.placed.push(placed),
            Err(unmade) => shipped.unmade.push(unmade),
        }
    }
    Ok(shipped)
}

/// Packs the images of verified programs and runs each of them; those that fail are taken out again.
pub(super) fn ship(start: &Start, verified: &mut [Verified], origin: &Origin) -> Result<Shipped> {
    let mut shipped = place(start, verified)?;
    let (dist, memo, ui) = (start.session.dist(), start.memo(), &start.session.ui);
    shipped.packed = ship::images(&start.config, &shipped.placed, verified, origin, &dist, &memo, ui)?;
    let work = start.session.work().join("smoke");
    let site =
        Site { dist: &dist, work: &work, memo: &memo, limit: smoke::LIMIT, host: &start.session.host, ui };
    shipped.ran = smoke::images(&shipped.packed, &start.config, &site)?;
    let failed = start.session.work().join("failed");
    let withdrawn = smoke::withdraw(&shipped.packed, &shipped.ran, &dist, &failed)?;
    for (name, _) in &withdrawn {
        sbom::withdraw(name, &origin.package.version.to_string(), &dist);
    }
    let stays = |name: &str| withdrawn.iter().all(|(gone, _)| gone != name);
    shipped.packed.retain(|image| stays(&image.name));
    shipped.placed.retain(|place| stays(&place.image.name));
    let unmade = |(name, reason)| Unmade { name, reason, error: None };
    shipped.unmade.extend(withdrawn.into_iter().map(unmade));
    let subjects: Vec<Subject> = shipped.placed.iter().map(|place| Subject::of(&place.image)).collect();
    let _lock = oci::Lock::shared(&dist)?;
    let work = start.session.work().join("size");
    shipped.sizes = size::measure(&subjects, &Layout::new(dist.join("oci")), &work, &Memo::new(&memo))?;
    Ok(shipped)
}

impl Shipped {
    /// An error where an image failed, is larger than its budget or has a base that cannot be had, or where it was not run and `strict` wants every proof.
    pub(super) fn end(&self, strict: bool) -> Result<()> {
        let list = |wanted: fn(&Smoke) -> Option<&String>| -> Vec<String> {
            let said = self.ran.iter().filter_map(|ran| Some((ran, wanted(&ran.smoke)?)));
            said.map(|(ran, why)| {
                format!("{} on {}: {}", ran.image, ran.platform, why.lines().next().unwrap_or_default())
            })
            .collect()
        };
        let failed = list(|smoke| if let Smoke::Failed(why) = smoke { Some(why) } else { None });
        if !failed.is_empty() {
            let what = format!("{} of {} smoke runs of images failed", failed.len(), self.ran.len());
            return Err(failed.into_iter().fold(Error::failed(what), Error::found));
        }
        size::check_budgets(&self.sizes)?;
        if let Some(error) = self.unmade.iter().find_map(|unmade| unmade.error.clone()) {
            return Err(error);
        }
        let skipped = list(|smoke| if let Smoke::Skipped(why) = smoke { Some(why) } else { None });
        if strict && !skipped.is_empty() {
            let what = format!("--strict: {} of {} images were not run", skipped.len(), self.ran.len());
            let error = skipped.into_iter().fold(Error::missing(what), Error::found);
            return Err(
                error.help("start Docker or install podman; for other architectures: cargo xtask setup")
            );
        }
        Ok(())
    }
}
