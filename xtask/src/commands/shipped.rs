//! What comes of verified programs: images that are packed and run, and what is said of them.

use std::collections::BTreeSet;

use super::pipeline::Start;
use crate::place::{self, Placed, Unmade};
use crate::plan::{Request, setup_command};
use crate::sbom;
use crate::ship::{self, Origin};
use crate::smoke::{self, Ran, Site};
use crate::verify::{Smoke, Verified};
use xtask_files::Memo;
use xtask_files::error::{Error, Result};
use xtask_oci::{self as oci, ImageSpec, Layout, PackedImage};
use xtask_report::report;
use xtask_report::size::{self, ImageSize, Subject};

/// The images of a run; none where it makes none.
#[derive(Default)]
pub(super) struct Shipped {
    /// Where the programs of those that are packed stand, in the same order.
    pub(super) placed: Vec<Placed>,
    /// Those that are in target/dist now.
    pub(super) packed: Vec<PackedImage>,
    /// Those that are not, as the report says it; and what that means for the run beside the failure of jobs.
    pub(super) unmade: Vec<(report::Unmade, Option<Error>)>,
    /// How each platform of each image ran.
    pub(super) ran: Vec<Ran>,
    /// How large those that are packed are.
    pub(super) sizes: Vec<ImageSize>,
}

/// Finds the base of each image and holds the programs against it. Packs nothing.
fn place(start: &Start, verified: &mut [Verified]) -> Result<Vec<Result<Placed, Unmade>>> {
    let locks = start.session.locks();
    let bases = start.session.bases(&locks, start.setup, start.request.strict);
    place::place(&start.config, &start.request, verified, &bases, &start.session.ui)
}

/// Holds the programs against the images that they would go into, for a run that makes none: of an image it says only
/// what keeps programs from being judged in it, which is the error that ends the run. A program that failed has said so.
pub(super) fn judge(start: &Start, verified: &mut [Verified]) -> Result<Option<Error>> {
    let mut first = None;
    for Unmade { name, reason, error } in place(start, verified)?.into_iter().filter_map(Result::err) {
        let Some(error) = error else { continue };
        start.session.ui.warn(format!("no program was judged for image {name}: {reason}"));
        first.get_or_insert(error);
    }
    Ok(first)
}

/// Packs the images of verified programs, runs each of them, and ships those that do not fail. Until then, and for those
/// that fail, target/dist keeps what was there before.
pub(super) fn ship(start: &Start, verified: &mut [Verified], origin: &Origin) -> Result<Shipped> {
    let mut shipped = Shipped::default();
    for place in place(start, verified)? {
        match place {
            Ok(placed) => shipped.placed.push(placed),
            Err(Unmade { name, reason, error }) => {
                shipped.lacks(name, reason, error, start);
            }
        }
    }
    let (dist, memo, ui) = (start.session.dist(), start.memo(), &start.session.ui);
    let staged = ship::images(&start.config, &shipped.placed, verified, origin, &dist, &memo, ui)?;
    let work = start.session.work().join("smoke");
    let site =
        Site { dist: &dist, work: &work, memo: &memo, limit: smoke::LIMIT, host: &start.session.host, ui };
    let images = staged.images.images();
    shipped.ran = smoke::images(&images, &start.config, &site)?;
    // An index that cannot be read is the next packing's to complain of.
    let lies = |name: &str| oci::lies_in(&dist, name).ok().flatten().is_some();
    let there: BTreeSet<String> =
        images.into_iter().map(|image| image.name).filter(|name| lies(name)).collect();
    let proven = smoke::commit(staged.images, &shipped.ran, &start.session.work().join("failed"))?;
    let ships = |name: &str| proven.packed.iter().any(|image| image.name == name);
    shipped.placed.retain(|place| ships(&place.image.name));
    let specs: Vec<ImageSpec> = staged.specs.into_iter().filter(|spec| ships(&spec.name)).collect();
    ship::docker::base_tars(&shipped.placed, &specs, &start.config.app.bin, &dist, &memo)?;
    for (name, mut reason) in proven.failed {
        if there.contains(&name) && !lies(&name) {
            reason += "; it is that of an earlier run, and taken out of target/dist";
        }
        // Where an image of an earlier run stays, its bills stay too.
        if !shipped.lacks(name.clone(), reason, None, start) {
            sbom::withdraw(&name, &origin.package.version.to_string(), &dist);
        }
    }
    shipped.packed = proven.packed;
    let subjects: Vec<Subject> = shipped.placed.iter().map(|place| Subject::of(&place.image)).collect();
    let _lock = oci::lock_shared(&dist, || ui.waits_for_images())?;
    let work = start.session.work().join("size");
    shipped.sizes = size::measure(&subjects, &Layout::new(dist.join("oci")), &work, &Memo::new(&memo))?;
    Ok(shipped)
}

impl Shipped {
    /// Says that an image is not made, and what of that name lies in target/dist all the same; and answers whether anything
    /// does.
    fn lacks(&mut self, name: String, reason: String, error: Option<Error>, start: &Start) -> bool {
        // An index that cannot be read is the next packing's to complain of.
        let earlier = oci::lies_in(&start.session.dist(), &name).ok().flatten();
        let stays = earlier.is_some();
        let unmade = report::Unmade { name, reason, earlier: earlier.map(|digest| digest.to_string()) };
        start.session.ui.warn(format!("image {} is not made: {}", unmade.name, unmade.words()));
        self.unmade.push((unmade, error));
        stays
    }

    /// An error where an image failed, is larger than its budget or has a base that cannot be had; where `strict` wants
    /// every proof, also where the engine that answers refused it or nothing ran it.
    pub(super) fn end(&self, request: &Request) -> Result<()> {
        let strict = request.strict;
        let list = |wanted: fn(&Ran) -> Option<&String>| -> Vec<String> {
            let said = self.ran.iter().filter_map(|ran| Some((ran, wanted(ran)?)));
            said.map(|(ran, why)| {
                format!("{} on {}: {}", ran.image, ran.platform, why.lines().next().unwrap_or_default())
            })
            .collect()
        };
        let failed = list(|ran| if let Smoke::Failed(why) = &ran.smoke { Some(why) } else { None });
        if !failed.is_empty() {
            let what = format!("{} of {} smoke runs of images failed", failed.len(), self.ran.len());
            return Err(failed.into_iter().fold(Error::failed(what), Error::found));
        }
        size::check_budgets(&self.sizes)?;
        if let Some(error) = self.unmade.iter().find_map(|(_, error)| error.clone()) {
            return Err(error);
        }
        let refused = list(|ran| ran.objection.as_ref().filter(|o| o.refused).map(|o| &o.said));
        if strict && !refused.is_empty() {
            let what = format!("--strict: the engine refuses {} of {} images", refused.len(), self.ran.len());
            let error = refused.into_iter().fold(Error::failed(what), Error::found);
            return Err(error.help("they ran without it, in namespaces; its words say what it wants"));
        }
        let skipped = list(|ran| if let Smoke::Skipped(why) = &ran.smoke { Some(why) } else { None });
        if strict && !skipped.is_empty() {
            let what = format!("--strict: {} of {} images were not run", skipped.len(), self.ran.len());
            let error = skipped.into_iter().fold(Error::missing(what), Error::found);
            let setup = setup_command(&request.targets);
            return Err(
                error.help(format!("start Docker or install podman; for other architectures: {setup}"))
            );
        }
        Ok(())
    }
}
