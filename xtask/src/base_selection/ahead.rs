//! What is known before anything is built of the bases that images are to stand on: that they cannot be had.

use crate::plan::{Job, Plan, PlanRequest, is_static};
use xtask_base::Base;
use xtask_base::{Bases, Distroless, Flavour};
use xtask_config::{Config, Image, ImageTarget};
use xtask_files::error::Error;
use xtask_triple::{Libc, Platform};

/// Something about the base of an image, or of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    /// How certain it is, and what comes of it.
    pub weight: Weight,
    /// What it is: the error that the run would end with, with the images in its notes.
    pub error: Error,
}

/// How certain a prospect is, and what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The image cannot be made.
    Sure,
    /// It is not made where its program does not start from scratch, which the gate alone can say.
    Likely,
    /// It is made, and locks its base.
    Locks,
}

/// What is known of the bases of the images that a run would make: of those all of whose targets that are asked for can be
/// built.
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
        // The static one has no C library, so that the next is looked at too.
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
