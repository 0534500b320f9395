//! Selects the base of each image, given or automatic. A base is accepted only if the program passes the gate
//! on it.

use std::sync::Arc;

use crate::importers::name_importers;
use crate::plan::PlanRequest;
use crate::record::{
    FailedJob, ImageOf, PlacedImage, PlacedProgram, RejectedBase, UnmadeImage, VerifiedProgram, WhyLacking,
    WhyUnmade,
};
use crate::runtime;
use crate::verify::{Verified, judged, limits};
use xtask_base::Base;
use xtask_base::{BaseImage, Bases, Distroless, Flavour, closure};
use xtask_config::{Config, Image, ImageTarget};
use xtask_files::error::{Error, Result};
use xtask_gate::{Finding, Level, Program, Severity, Tree, check_in, left_out};
use xtask_oci::RootFs;
use xtask_process::ui::Ui;
use xtask_triple::{Platform, Triple};

mod ahead;
mod named;

pub use ahead::{Prospect, Weight, ahead};

/// The programs and images of a run after the programs were checked in the images that contain them.
#[derive(Debug)]
pub struct Placements {
    /// The programs, in the order of the jobs, with the findings of the gate in any image.
    pub programs: Vec<Result<Arc<VerifiedProgram>, FailedJob>>,
    /// The images of targets.toml, in the file's order.
    pub images: Vec<Result<ImageOf<PlacedProgram>, UnmadeImage>>,
}

/// Selects the base of every image whose requested targets were all verified, and checks its programs on the
/// base. The findings of the gate are added to the programs, and may reject them. If a target was built in
/// several modes, an image takes the first one.
///
/// # Errors
/// A program or the cache cannot be read.
pub fn place(
    config: &Config,
    request: &PlanRequest,
    programs: Vec<Verified>,
    bases: &Bases<'_>,
    ui: &Ui,
) -> Result<Placements> {
    let mut programs: Vec<_> = programs.into_iter().map(|program| program.map(Arc::new)).collect();
    let mut images = Vec::new();
    for image in &config.images {
        let (targets, others) = request.split(image);
        let left_out = others.into_iter().map(|target| target.platform.clone()).collect();
        let place = ImagePlacement { image, bin: &config.app.bin, left_out, bases, ui };
        let made = match parts(&targets, &programs) {
            // The user asked for this, so it is not an error. But whoever publishes target/dist should know
            // it.
            Ok(parts) if parts.is_empty() => Err(WhyUnmade::NotAskedFor),
            Ok(parts) => place.decide(&parts, &mut programs)?,
            Err(lacks) => Err(WhyUnmade::Lacks(lacks)),
        };
        images.push(made.map_err(|why| UnmadeImage { name: image.name.clone(), why }));
    }
    Ok(Placements { programs, images })
}

/// The programs of a run while images are placed.
type Programs = [Result<Arc<VerifiedProgram>, FailedJob>];

/// A program of an image that is being placed.
struct ImageProgram<'a> {
    target: &'a ImageTarget,
    program: Arc<VerifiedProgram>,
    /// The index of the program in the list of the run.
    at: usize,
}

/// Returns the programs of an image. Only this function looks up targets.
fn parts<'a>(
    targets: &[&'a ImageTarget],
    programs: &Programs,
) -> Result<Vec<ImageProgram<'a>>, Vec<(Triple, WhyLacking)>> {
    let (mut parts, mut lacks) = (Vec::new(), Vec::new());
    for target in targets {
        let is_of = |program: &Result<Arc<VerifiedProgram>, FailedJob>| match program {
            Ok(program) => program.job().target.triple == target.triple,
            Err(failed) => failed.job().target.triple == target.triple,
        };
        match programs.iter().position(is_of).map(|at| (at, &programs[at])) {
            Some((at, Ok(program))) => parts.push(ImageProgram { target, program: Arc::clone(program), at }),
            Some((_, Err(_))) => lacks.push((target.triple.clone(), WhyLacking::Failed)),
            None => lacks.push((target.triple.clone(), WhyLacking::NotBuilt)),
        }
    }
    if lacks.is_empty() { Ok(parts) } else { Err(lacks) }
}

/// One image for which a base is being selected.
struct ImagePlacement<'a> {
    image: &'a Image,
    bin: &'a str,
    left_out: Vec<Platform>,
    bases: &'a Bases<'a>,
    ui: &'a Ui,
}

/// A program on a base that is being tried.
struct TriedBase<'p> {
    part: &'p ImageProgram<'p>,
    base: Option<Arc<BaseImage>>,
    /// The files of the base that ship, if only those that the program needs ship.
    trimmed: Option<RootFs>,
    /// The findings of the gate about the program there, and about the programs of the base that the image
    /// names.
    findings: Vec<Finding>,
}

impl ImagePlacement<'_> {
    /// Selects the base. `programs` are those of the run; the findings are added to them.
    fn decide(
        self,
        parts: &[ImageProgram<'_>],
        programs: &mut Programs,
    ) -> Result<Result<ImageOf<PlacedProgram>, WhyUnmade>> {
        let mut rejected: Vec<RejectedBase> = Vec::new();
        for base in candidates(&self.image.base) {
            let found = parts.iter().map(|part| Ok((part, self.bases.get(&base, &part.target.platform)?)));
            let found = match found.collect::<Result<Vec<_>>>() {
                Ok(found) => found,
                Err(error) => return Ok(Err(WhyUnmade::NoBase { base, error })),
            };
            let tried = found.into_iter().map(|(part, found)| self.judge(&base, part, found));
            let tried = tried.collect::<Result<Vec<TriedBase<'_>>>>()?;
            let failed = tried.iter().find_map(|tried| Some((tried, failing(&tried.findings)?)));
            if let (Base::Auto, Some((tried, what))) = (&self.image.base, &failed) {
                let reason = format!("{}: {what}", tried.part.target.triple);
                rejected.push(RejectedBase { base: base.to_string(), reason });
                continue;
            }
            let failed = failed.is_some();
            let (mut platforms, mut lacks) = (Vec::new(), Vec::new());
            for TriedBase { part, base, trimmed, mut findings } in tried {
                if failed {
                    name_importers(&mut findings, &part.program.stored.built);
                }
                let program = judged(VerifiedProgram::clone(&part.program), findings, self.ui).map(Arc::new);
                match &program {
                    Ok(program) => platforms.push(PlacedProgram {
                        program: Arc::clone(program),
                        platform: part.target.platform.clone(),
                        base,
                        trimmed,
                    }),
                    Err(_) => lacks.push((part.target.triple.clone(), WhyLacking::Failed)),
                }
                programs[part.at] = program;
            }
            if !lacks.is_empty() {
                return Ok(Err(WhyUnmade::Lacks(lacks)));
            }
            if self.image.base == Base::Auto {
                let why: String =
                    rejected.iter().map(|r| format!("\n             not {}: {}", r.base, r.reason)).collect();
                self.ui.step("Chosen", format!("base {base} for image {}{why}", self.image.name));
            }
            let refreshed = self.bases.refreshed(&base);
            let (config, left_out) = (self.image.clone(), self.left_out);
            let placed = PlacedImage { config, base, rejected, left_out, refreshed };
            return Ok(Ok(ImageOf { placed, whole: (), platforms }));
        }
        let what = format!("image {} starts on none of the bases that `auto` tries", self.image.name);
        let error = rejected
            .iter()
            .fold(Error::failed(&what), |error, r| error.found(format!("not {}: {}", r.base, r.reason)));
        let error = error.help("name a base that has what its programs need");
        Ok(Err(WhyUnmade::NoneCarries(error)))
    }

    /// Checks a program on a base.
    fn judge<'p>(
        &self,
        base: &Base,
        part: &'p ImageProgram<'p>,
        found: Option<Arc<BaseImage>>,
    ) -> Result<TriedBase<'p>> {
        let scratch = RootFs::new();
        let files = found.as_ref().map_or(&scratch, |base| &base.rootfs);
        let below = runtime::RuntimeDefaults::of(found.as_deref()).runtime;
        let runtime = runtime::started(&self.image.run, self.bin, &below);
        let tree = Tree::new(base.to_string(), files).starting_with(&runtime.env, &runtime.working_dir);
        let program = Program::read(&part.program.stored.artifact.path, &format!("/{}", self.bin))?;
        let limits = limits(part.program.job());
        let triple = &part.target.triple;
        let mut findings = check_in(&program, triple, &tree, limits);
        let named = named::named(&runtime, self.bin, &tree);
        findings.extend(named.iter().flat_map(|named| named.judge(triple, &tree, limits.level)));
        let passed = findings.iter().all(|f| f.severity != Severity::Fail);
        let mut trimmed = None;
        if self.image.closure && found.is_some() && passed {
            let level = limits.level.unwrap_or(Level::V1);
            let also = named.iter().map(|named| named.paths(&tree, level)).collect::<Result<Vec<_>>>()?;
            let kept = closure(&tree, &program, level, &also.concat())?;
            findings.extend(left_out(&program, &tree, &kept, level));
            findings.extend(named.iter().flat_map(|named| named.left_out(&tree, &kept, level)));
            trimmed = Some(kept);
        }
        Ok(TriedBase { part, base: found, trimmed, findings })
    }
}

/// Returns what prevents a program from starting, or none.
fn failing(findings: &[Finding]) -> Option<String> {
    let mut fails = findings.iter().filter(|f| f.severity == Severity::Fail);
    let first = fails.next()?;
    Some(match fails.count() {
        0 => first.what.clone(),
        more => format!("{} (and {more} more)", first.what),
    })
}

/// Returns the bases to try, smallest first.
fn candidates(base: &Base) -> Vec<Base> {
    match base {
        Base::Auto => {
            let distroless = Flavour::ALL.map(|flavour| Base::Distroless(Distroless::of(flavour)));
            std::iter::once(Base::Scratch).chain(distroless).collect()
        }
        given => vec![given.clone()],
    }
}
