//! Finds the faults of images' bases that are known before anything is built: the bases that cannot be
//! obtained.

use crate::plan::{Job, Plan, PlanRequest, is_static};
use xtask_base::Base;
use xtask_base::{Bases, Distroless, Flavour};
use xtask_config::{Config, Image, ImageTarget};
use xtask_files::error::Error;
use xtask_triple::{Libc, Platform};

/// A known fact about the base of one or more images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    /// How certain it is, and what it leads to.
    pub weight: Weight,
    /// The error with which the run would end. Its notes name the images.
    pub error: Error,
}

/// How certain a prospect is, and what it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The image cannot be made.
    Sure,
    /// The image is not made if its program cannot start on scratch. Only the gate can tell that.
    Likely,
    /// The image is made, and the run locks its base.
    Locks,
}

/// Returns what is known about the bases of the images that a run would make. These are the images whose
/// requested targets can all be built.
pub fn ahead(config: &Config, request: &PlanRequest, plan: &Plan, bases: &Bases<'_>) -> Vec<Prospect> {
    let mut prospects: Vec<Prospect> = Vec::new();
    for image in &config.images {
        let job = |t: &&ImageTarget| plan.jobs.iter().find(|j| j.target.triple == t.triple && j.buildable());
        let (targets, _) = request.split(image);
        let Some(jobs) = targets.iter().map(job).collect::<Option<Vec<&Job>>>() else { continue };
        let Some((weight, error, note)) = of_image(image, &jobs, bases) else { continue };
        let known = prospects.iter_mut().find(|p| p.weight == weight && p.error.what == error.what);
        match known {
            Some(known) => known.error.found.push(note),
            None => prospects.push(Prospect { weight, error: error.found(note) }),
        }
    }
    prospects
}

fn of_image(image: &Image, jobs: &[&Job], bases: &Bases<'_>) -> Option<(Weight, Error, String)> {
    let checked = |base: &Base, platform: &Platform| bases.check(base, platform).err();
    if image.base == Base::Auto {
        let dynamic = jobs.iter().find(|job| {
            job.target.triple.libc() == Libc::Glibc && !is_static(&job.target, Some(&job.user))
        })?;
        // The static one has no C library, so the next one is checked too.
        let tried = [Flavour::Static, Flavour::Base].map(|flavour| Base::Distroless(Distroless::of(flavour)));
        let mut platforms = jobs.iter().filter_map(|job| job.platform.as_ref());
        let error = platforms.find_map(|p| tried.iter().find_map(|base| checked(base, p)))?;
        let triple = &dynamic.target.triple;
        let note = format!(
            "image {} takes the smallest base on which it starts: its program for {triple} probably cannot start on `scratch`",
            image.name
        );
        return Some((Weight::Likely, error, note));
    }
    let note = format!("image {} is to stand on it", image.name);
    let mut platforms = jobs.iter().filter_map(|job| job.platform.as_ref());
    if let Some(error) = platforms.find_map(|platform| checked(&image.base, platform)) {
        return Some((Weight::Sure, error, note));
    }
    let first = "the first run that makes the image locks its current digest";
    bases.locks(&image.base).then(|| {
        let error = Error::missing(format!("{} is not locked yet: {first}", image.base));
        (Weight::Locks, error, note)
    })
}
