//! What comes of verified programs: images that are packed and run, and what is said of them.

use super::pipeline::Start;
use crate::error::{Error, Result};
use crate::oci::PackedImage;
use crate::ship::{self, Origin, Unmade};
use crate::smoke::{self, Ran, Site};
use crate::verify::{Smoke, Verified};

/// The images of a run; none where it makes none.
#[derive(Default)]
pub(super) struct Shipped {
    /// Those that are in target/dist now.
    pub(super) packed: Vec<PackedImage>,
    /// Those that are not, and why.
    pub(super) unmade: Vec<Unmade>,
    /// How each platform of each image ran.
    pub(super) ran: Vec<Ran>,
}

/// Packs the images of verified programs and runs each of them; those that fail are taken out again.
pub(super) fn ship(start: &Start, verified: &[Verified], origin: &Origin) -> Result<Shipped> {
    let (dist, memo, ui) = (start.session.dist(), start.memo(), &start.session.ui);
    let (config, asked) = (&start.config, &start.request.targets);
    let (mut packed, mut unmade) = ship::images(config, asked, verified, origin, &dist, &memo, ui)?;
    let work = start.session.work().join("smoke");
    let site = Site { dist: &dist, work: &work, memo: &memo, host: &start.session.host, ui };
    let ran = smoke::images(&packed, config, &site)?;
    let withdrawn = smoke::withdraw(&packed, &ran, &dist, &start.session.work().join("failed"))?;
    packed.retain(|image| withdrawn.iter().all(|(name, _)| *name != image.name));
    unmade.extend(withdrawn.into_iter().map(|(name, reason)| Unmade { name, reason }));
    Ok(Shipped { packed, unmade, ran })
}

impl Shipped {
    /// An error where an image failed, or was not run and `strict` wants every proof.
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
