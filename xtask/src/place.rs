//! Where the programs of each image stand: on a base that is given or chosen, and only where the gate passes on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::plan::Request;
use crate::ship::run;
use crate::verify::{Verified, limits};
use xtask_base::Base;
use xtask_base::{BaseImage, Bases, Distroless, Flavour, closure};
use xtask_config::{Config, Image, ImageTarget};
use xtask_files::error::{Error, Result};
use xtask_gate::{Finding, Level, Program, Severity, Tree, blame, check_in, left_out};
use xtask_oci::RootFs;
use xtask_process::ui::Ui;
use xtask_triple::{Platform, Triple};

mod ahead;
mod named;

pub use ahead::{Prospect, Weight, ahead};

/// An image all of whose programs are proven to start on its base.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The image.
    pub image: Image,
    /// The base that it stands on; never [`Base::Auto`].
    pub base: Base,
    /// Where the base was chosen: the smaller ones, and why they are not it.
    pub rejected: Vec<Rejected>,
    /// The base for each target of the run, in the file's order.
    pub grounds: Vec<Ground>,
    /// The platforms that the image has in targets.toml and lacks in this run, since `--target` leaves them out.
    pub left_out: Vec<Platform>,
    /// Why the base is not that of the repository's lock; none where it is.
    pub refreshed: Option<String>,
}

/// What one program stands on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The program's target.
    pub target: Triple,
    /// The program's name.
    pub bin: String,
    /// The base; none for scratch.
    pub base: Option<Arc<BaseImage>>,
    /// What is shipped of the base where that is not all of it (`closure = true`).
    pub trimmed: Option<RootFs>,
}

/// A base that a choice went past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its name.
    pub base: String,
    /// Why a program does not start on it, one line.
    pub reason: String,
}

/// An image that is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmade {
    /// Its name.
    pub name: String,
    /// Which platforms it would lack, and why.
    pub reason: String,
    /// What this means for the run beside the failure of jobs: a base that cannot be had.
    pub error: Option<Error>,
}

/// Finds the base of every image whose targets, of those that were asked for, were all verified, and holds its programs against it.
/// What the gate finds goes to the jobs, and fails them.
///
/// # Errors
/// Where a program or the cache cannot be read.
pub fn place(
    config: &Config,
    request: &Request,
    verified: &mut [Verified],
    bases: &Bases<'_>,
    ui: &Ui,
) -> Result<Vec<Result<Placed, Unmade>>> {
    let mut places = Vec::new();
    for image in &config.images {
        let (targets, others) = request.split(image);
        let left_out = others.into_iter().map(|target| target.platform.clone()).collect();
        let place = Place { image, bin: &config.app.bin, targets, left_out, bases, ui };
        places.push(place.decide(verified)?);
    }
    Ok(places)
}

/// One image whose place is looked for.
struct Place<'a> {
    image: &'a Image,
    bin: &'a str,
    targets: Vec<&'a ImageTarget>,
    left_out: Vec<Platform>,
    bases: &'a Bases<'a>,
    ui: &'a Ui,
}

impl Place<'_> {
    fn decide(&self, verified: &mut [Verified]) -> Result<Result<Placed, Unmade>> {
        if self.targets.is_empty() {
            // What was asked for, so no error; but who publishes what lies in target/dist should know.
            return Ok(Err(self.unmade("--target leaves out all of its platforms".to_owned(), None)));
        }
        if let Some(lacking) = self.lacking(verified) {
            return Ok(Err(self.unmade(lacking, None)));
        }
        let mut rejected: Vec<Rejected> = Vec::new();
        for base in candidates(&self.image.base) {
            let mut grounds = match self.grounds(&base) {
                Ok(grounds) => grounds,
                Err(error) => {
                    let reason = format!("its base {base} cannot be had: {}", error.what);
                    return Ok(Err(self.unmade(reason, Some(error))));
                }
            };
            let found = self.judge(&base, &mut grounds, verified)?;
            let failing = |findings: &Vec<Finding>| {
                let mut fails = findings.iter().filter(|f| f.severity == Severity::Fail);
                let first = fails.next()?;
                Some(match fails.count() {
                    0 => first.what.clone(),
                    more => format!("{} (and {more} more)", first.what),
                })
            };
            let failed = found.iter().find_map(|(at, findings)| Some((*at, failing(findings)?)));
            if let (Base::Auto, Some((at, what))) = (&self.image.base, &failed) {
                let reason = format!("{}: {what}", verified[*at].job().target.triple);
                rejected.push(Rejected { base: base.to_string(), reason });
                continue;
            }
            for (at, mut findings) in found {
                if failed.is_some() {
                    blame(&mut findings, &linked(&verified[at]));
                }
                verified[at].add(findings, self.ui);
            }
            if failed.is_some() {
                let lacking = self.lacking(verified).unwrap_or_default();
                return Ok(Err(self.unmade(lacking, None)));
            }
            if self.image.base == Base::Auto {
                let why: String =
                    rejected.iter().map(|r| format!("\n             not {}: {}", r.base, r.reason)).collect();
                self.ui.step("Chosen", format!("base {base} for image {}{why}", self.image.name));
            }
            let refreshed = self.bases.refreshed(&base);
            let (image, left_out) = (self.image.clone(), self.left_out.clone());
            return Ok(Ok(Placed { image, base, rejected, grounds, left_out, refreshed }));
        }
        let what = format!("no base that auto knows carries image {}", self.image.name);
        let error = rejected
            .iter()
            .fold(Error::failed(&what), |error, r| error.found(format!("not {}: {}", r.base, r.reason)));
        Ok(Err(self.unmade(what, Some(error.help("name a base that holds what its programs need")))))
    }

    fn unmade(&self, reason: String, error: Option<Error>) -> Unmade {
        Unmade { name: self.image.name.clone(), reason, error }
    }

    /// Which of its programs are not there; none where all are.
    fn lacking(&self, verified: &[Verified]) -> Option<String> {
        let lack = |target: &&ImageTarget| match at(verified, &target.triple).map(|at| verified[at].ok()) {
            Some(true) => None,
            Some(false) => Some(format!("{} failed", target.triple)),
            None => Some(format!("{} was not built", target.triple)),
        };
        let lacking: Vec<String> = self.targets.iter().filter_map(lack).collect();
        (!lacking.is_empty()).then(|| lacking.join(", "))
    }

    fn grounds(&self, base: &Base) -> Result<Vec<Ground>> {
        let ground = |target: &&ImageTarget| {
            let ImageTarget { triple, platform } = target;
            let base = self.bases.get(base, platform)?;
            Ok(Ground { target: triple.clone(), bin: self.bin.to_owned(), base, trimmed: None })
        };
        self.targets.iter().map(ground).collect()
    }

    /// What the gate finds of each program on its ground, and of those of the ground that the image names, by the program's
    /// index; and what of the ground it needs, where only that is shipped.
    fn judge(
        &self,
        base: &Base,
        grounds: &mut [Ground],
        verified: &[Verified],
    ) -> Result<Vec<(usize, Vec<Finding>)>> {
        let scratch = RootFs::new();
        let mut found = Vec::new();
        for ground in grounds {
            let Some(at) = at(verified, &ground.target) else { continue };
            let Some(artifact) = &verified[at].artifact else { continue };
            let files = ground.base.as_ref().map_or(&scratch, |base| &base.rootfs);
            let runtime =
                run::started(&self.image.run, self.bin, &run::Below::of(ground.base.as_deref()).runtime);
            let tree = Tree::new(base.to_string(), files).starting_with(&runtime.env, &runtime.working_dir);
            let program = Program::read(&artifact.path, &format!("/{}", self.bin))?;
            let limits = limits(verified[at].job());
            let mut findings = check_in(&program, &ground.target, &tree, limits);
            let named = named::named(&runtime, self.bin, &tree);
            findings.extend(named.iter().flat_map(|named| named.judge(&ground.target, &tree, limits.level)));
            let passed = findings.iter().all(|f| f.severity != Severity::Fail);
            if self.image.closure && ground.base.is_some() && passed {
                let level = limits.level.unwrap_or(Level::V1);
                let also = named.iter().map(|named| named.paths(&tree, level)).collect::<Result<Vec<_>>>()?;
                let trimmed = closure(&tree, &program, level, &also.concat())?;
                findings.extend(left_out(&program, &tree, &trimmed, level));
                findings.extend(named.iter().flat_map(|named| named.left_out(&tree, &trimmed, level)));
                ground.trimmed = Some(trimmed);
            }
            found.push((at, findings));
        }
        Ok(found)
    }
}

fn at(verified: &[Verified], target: &Triple) -> Option<usize> {
    verified.iter().position(|v| v.job().target.triple == *target)
}

/// What Cargo linked the program from: libraries and objects in the folder that it was built in.
fn linked(verified: &Verified) -> Vec<PathBuf> {
    let Some(folder) = verified.built.program.as_deref().and_then(Path::parent) else { return Vec::new() };
    let mut found = Vec::new();
    let mut todo = vec![folder.join("deps"), folder.join("build")];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => todo.push(path),
                Ok(_) if path.extension().is_some_and(|e| e == "rlib" || e == "a" || e == "o") => {
                    found.push(path)
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The bases to try, smallest first.
fn candidates(base: &Base) -> Vec<Base> {
    match base {
        Base::Auto => {
            let distroless = Flavour::ALL.map(|flavour| Base::Distroless(Distroless::of(flavour)));
            std::iter::once(Base::Scratch).chain(distroless).collect()
        }
        given => vec![given.clone()],
    }
}
