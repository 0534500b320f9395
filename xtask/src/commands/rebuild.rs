//! `cargo xtask verify --rebuild`: builds every program a second time and compares the two. The second build starts from
//! nothing, with a copy of the workspace in another folder and with other settings of the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::pipeline::PlannedRun;
use crate::auditable;
use crate::cargo::builder::Builder;
use crate::cargo::cohort::cohorts;
use crate::cargo::invocation::CargoContext;
use crate::cargo::path_maps::{PathMaps, UnmappedFolder};
use crate::cargo::units;
use crate::compile_cache::CompileCache;
use crate::failure::{Failure, RebuildMismatch};
use crate::rebuild::outside::straight;
use crate::rebuild::patches::patches;
use crate::rebuild::sources::{SourceCopy, copy, counterpart};
use crate::rebuild::{Difference, compare, inputs, paths_in, repository};
use crate::record::VerifiedProgram;
use crate::verify::{Verified, refuse};
use xtask_config::workspace::Workspace;
use xtask_files::error::{Error, Result};
use xtask_files::{counted, human_size};
use xtask_process::exec::Undo;

/// The variables with other values in the second build. No program may depend on them.
const OTHERWISE: [(&str, &str); 6] = [
    ("TZ", "Asia/Kathmandu"),
    ("LC_ALL", "C"),
    ("LANG", "tr_TR.UTF-8"),
    ("USER", "somebody-else"),
    ("LOGNAME", "somebody-else"),
    ("HOSTNAME", "another-machine"),
];

/// The umask of the second build. It is unusual, so that it differs from that of the first build.
const UMASK: &str = "0057";

/// Fails every job whose program differs in the second build, or contains a path of this machine.
pub(super) fn rebuild(start: &PlannedRun, verified: Vec<Verified>) -> Result<Vec<Verified>> {
    let ui = &start.session.ui;
    let work = start.session.work().join("rebuild");
    if work.exists() {
        std::fs::remove_dir_all(&work).map_err(|e| Error::io("cannot remove", &work, &e))?;
    }
    // The folder is as large as the workspace and the built dependencies, and is removed even after an interrupt.
    let gone = Undo::removing(&work);
    let mut site = start.site();
    // What a cache gives back was not built a second time.
    let uncached = site.compile_cache.map(CompileCache::unused);
    site.compile_cache = uncached.as_ref();
    let machine: Vec<PathBuf> = [Some(site.root.to_owned()), site.cargo_home.clone(), Some(work.clone())]
        .into_iter()
        .flatten()
        .chain(start.session.outside())
        .flat_map(|dir| [std::fs::canonicalize(&dir).ok().filter(|real| *real != dir), Some(dir)])
        .flatten()
        .collect();
    let maps = PathMaps::of(&site);
    let copied = elsewhere(start, &site, &work, &verified)?;
    if let Some(copied) = &copied {
        site = of_copy(&site, &copied.sources.root)?;
    }
    // Paths in messages are shown as those of the first build.
    site.renamed.push((work.clone(), "/target/xtask".to_owned()));
    site.extra_env = otherwise(start);
    site.umask = Some(UMASK);
    let builder = Builder { work: work.clone(), ..start.session.builder(&start.config, site) };
    ui.step("Building", "everything a second time, with other settings of the machine");
    // The results are in the order of the plan, as in the first build.
    let again = builder.build(&start.plan)?;
    let mut rebuilt = Vec::new();
    for (first, second) in verified.into_iter().zip(again) {
        rebuilt.push(match first {
            Err(failed) => Err(failed),
            Ok(first) => {
                let second = match &second {
                    // With a dependency list of its own, made from the unit graph of the copy.
                    Ok(second) => Ok(auditable::shipped(second, &builder)?),
                    Err(unbuilt) => Err(&unbuilt.failure),
                };
                let wrong = mismatches(&first, second, copied.as_ref(), &machine, &maps)?;
                match wrong.is_empty() {
                    true => {
                        ui.step("Reproduced", first.job().title());
                        Ok(first)
                    }
                    false => Err(refuse(first, wrong.into_iter().map(Failure::Rebuild).collect(), ui)),
                }
            }
        });
    }
    std::fs::remove_dir_all(&work).map_err(|e| Error::io("cannot remove", &work, &e))?;
    gone.forget();
    Ok(rebuilt)
}

/// Returns the differences from the second build, which may have failed, and the paths of this machine in the program.
fn mismatches(
    first: &VerifiedProgram,
    second: std::result::Result<Vec<u8>, &Failure>,
    copied: Option<&Copied>,
    machine: &[PathBuf],
    maps: &PathMaps,
) -> Result<Vec<RebuildMismatch>> {
    let path = &first.stored.artifact.path;
    let one = std::fs::read(path).map_err(|e| Error::io("cannot read", path, &e))?;
    let mut wrong = Vec::new();
    let toolchain = first.job().toolchain.as_ref();
    let unmapped = toolchain.map(|toolchain| maps.c(toolchain).unmapped).unwrap_or_default();
    match second {
        Err(failure) => wrong.push(failed(failure, copied)),
        Ok(second) => wrong.extend(compare(&one, &second).map(|found| differs(found, &unmapped))),
    }
    wrong.extend(paths_in(&one, machine).iter().map(|(path, text)| held(path, text, &unmapped)));
    Ok(wrong)
}

/// The sources of the second build.
struct Copied {
    sources: SourceCopy,
    /// The root of the original workspace.
    of: PathBuf,
    /// The message of git, if it could not list the repository around the workspace.
    refused: Option<String>,
}

/// Returns the settings of cargo calls in a copy of the workspace, or in a clone of it, whose root is `root`.
/// Configuration and vendored sources stay where they are.
pub(super) fn of_copy<'a>(site: &CargoContext<'a>, root: &'a Path) -> Result<CargoContext<'a>> {
    let mut site = site.clone();
    site.renamed.push((site.root.to_owned(), "/src".to_owned()));
    site.manifest = root.join("Cargo.toml");
    let workspace = Workspace::ask(site.host, site.start, Some(&site.manifest), site.offline)?;
    site.manifests = workspace.packages.iter().map(|package| package.dir.join("Cargo.toml")).collect();
    site.ids = workspace.ids();
    site.settings.extend(patches(site.configuration.patches(), site.root, root));
    site.root = root;
    Ok(site)
}

/// Returns the folders that no copy of the workspace contains: build outputs, caches and toolchains.
pub(super) fn spare(start: &PlannedRun, site: &CargoContext, work: &Path) -> Vec<PathBuf> {
    let spare = [
        Some(start.session.workspace.target_directory.clone()),
        Some(work.to_owned()),
        Some(start.session.cache.clone()),
        Some(start.session.rustc.sysroot.clone()),
        start.session.host.var("RUSTUP_HOME").map(PathBuf::from),
        site.cargo_home.clone(),
    ];
    spare.into_iter().flatten().collect()
}

/// Returns the folders of the path packages that the programs of a plan are built from, or none if Cargo does not list them.
fn folders(start: &PlannedRun, builder: &Builder) -> Result<Option<BTreeSet<PathBuf>>> {
    let mut all = BTreeSet::new();
    for cohort in cohorts(&start.plan.jobs) {
        match units::graph(&cohort, builder)? {
            Some(graph) => all.extend(graph.folders()),
            None => return Ok(None),
        }
    }
    Ok(Some(all))
}

/// Copies the workspace. Returns none, after a warning, if a program would differ in a copy for a good reason.
fn elsewhere(
    start: &PlannedRun,
    site: &CargoContext,
    work: &Path,
    verified: &[Verified],
) -> Result<Option<Copied>> {
    let ui = &start.session.ui;
    let in_place = |why: String, help: &str| {
        ui.warn(format!("the second build is made in the folder of the first: {why}\n  help: {help}"));
        Ok(None)
    };
    // Cargo reads the manifests of all named packages, so the unused ones are copied too.
    let named = start.session.outside();
    let built = folders(start, &start.builder())?;
    let known = built.is_some();
    let (outside, unused): (Vec<PathBuf>, Vec<PathBuf>) = match built {
        None => (named.into_iter().collect(), Vec::new()),
        Some(built) => {
            let outside =
                built.into_iter().filter(|folder| !folder.starts_with(site.root)).collect::<Vec<_>>();
            let unused = named.into_iter().filter(|folder| !outside.contains(folder)).collect();
            (outside, unused)
        }
    };
    if !outside.is_empty() {
        return in_place(
            format!(
                "the path of a package outside the workspace becomes part of the program, and there is {}",
                shown(&outside)
            ),
            "move these packages into the workspace's folder, so that programs do not depend on a path",
        );
    }
    let spare = spare(start, site, work);
    let (around, refused) = match repository::around(site.root) {
        Ok(around) => (around, None),
        Err(words) => {
            ui.warn(format!(
                "git cannot tell which repository contains the workspace; the second build continues without the files of that repository:\n  {}",
                words.replace('\n', "\n  ")
            ));
            (None, Some(words))
        }
    };
    let programs = verified.iter().flatten().map(|program| &program.stored.built.program);
    let read = programs.flat_map(|program| inputs::read_for(program));
    let inputs: Vec<PathBuf> = inputs::beside(site.root, read).into_iter().chain(unused).collect();
    let into = work.join("sources-of-the-second-build");
    let sources = copy(site.root, around.as_ref(), &inputs, &into, &spare)
        .map_err(|e| Error::io("cannot copy the workspace to", &into, &e))?;
    let copied = Copied { sources, of: site.root.to_owned(), refused };
    // A refusal of git was reported above. Build scripts get the same refusal.
    let commit = |root| repository::commit(root).ok().flatten();
    if commit(site.root) != commit(&copied.sources.root) {
        return in_place(
            "git gives other answers for a copy of this checkout than for the checkout".to_owned(),
            "run it in a fresh clone",
        );
    }
    let builder = start.session.builder(&start.config, of_copy(site, &copied.sources.root)?);
    let builder = Builder { work: work.to_owned(), ..builder };
    let not_copied = |folder: &PathBuf| !folder.starts_with(&copied.sources.root);
    let fixed: Vec<PathBuf> = match folders(start, &builder)? {
        None if known => {
            return in_place(
                "Cargo cannot read the manifests of a copy".to_owned(),
                "look for packages that are named by paths outside of the workspace",
            );
        }
        built => built.unwrap_or_default().into_iter().filter(not_copied).collect(),
    };
    if !fixed.is_empty() {
        return in_place(
            format!("Cargo builds {} wherever the workspace lies", shown(&fixed)),
            "name the packages by relative paths in the manifest, and not by `paths` of Cargo's configuration",
        );
    }
    let SourceCopy { root, files, bytes } = &copied.sources;
    let what = format!("the workspace ({}, {})", counted(*files, "file"), human_size(*bytes));
    ui.step("Copied", format!("{what} to {}", root.display()));
    Ok(Some(copied))
}

fn shown(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns the changed variables of the second build.
fn otherwise(start: &PlannedRun) -> BTreeMap<String, String> {
    let here = xtask_files::threads::cores().get();
    let jobs = start.session.host.var("CARGO_BUILD_JOBS").and_then(|jobs| jobs.parse().ok()).unwrap_or(here);
    let variables = OTHERWISE.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    variables.chain([("CARGO_BUILD_JOBS".to_owned(), jobs.saturating_add(1).to_string())]).collect()
}

fn failed(failure: &Failure, copied: Option<&Copied>) -> RebuildMismatch {
    let found = vec![failure.headline()];
    let Some(copied) = copied else {
        return RebuildMismatch { what: "the second build failed".to_owned(), found, help: None };
    };
    if let Some(file) = copied.lacks(&failure.to_string()) {
        let what = format!(
            "the second build failed: it reads {}, which is not among its known inputs",
            file.display()
        );
        let help = "have the build script that reads it print `cargo::rerun-if-changed=` with its path, or move it into the \
                    workspace";
        return RebuildMismatch { what, found, help: Some(help.to_owned()) };
    }
    let help = match &copied.refused {
        None => "it may read files that lie outside of the workspace, or write into its sources".to_owned(),
        Some(words) => format!(
            "it may read files beside the workspace; they were not copied, because git refused: {}",
            words.lines().next().unwrap_or_default()
        ),
    };
    let what = format!("the second build failed; its folder {} was removed", copied.sources.root.display());
    RebuildMismatch { what, found, help: Some(help) }
}

impl Copied {
    /// Returns the file that a tool does not find in the copy, by its message, if the original exists on this machine.
    fn lacks(&self, words: &str) -> Option<PathBuf> {
        let root = &self.sources.root;
        let quoted = words.split(['`', '"', '\'', '\n']).filter(|word| word.contains('/'));
        quoted.map(|word| straight(&root.join(word))).find_map(|path| {
            let original = counterpart(&path, root, &self.of);
            let missing = original != path && !path.exists() && original.is_file();
            missing.then_some(original)
        })
    }
}

fn held(path: &Path, text: &str, unmapped: &[UnmappedFolder]) -> RebuildMismatch {
    let unmapped = unmapped.iter().find(|unmapped| path.starts_with(&unmapped.folder));
    let script = || "find the build script or macro that puts it there".to_owned();
    RebuildMismatch {
        what: format!(
            "the program contains the path {}: a build in another folder would give another program",
            path.display()
        ),
        found: vec![format!("it is in: {text}")],
        help: Some(unmapped.map_or_else(script, |unmapped| unmapped.why.clone())),
    }
}

fn differs(difference: Difference, unmapped: &[UnmappedFolder]) -> RebuildMismatch {
    let place = difference.place();
    let Difference { texts, cause, .. } = difference;
    let is_in = |unmapped: &&UnmappedFolder| {
        texts.iter().flat_map(|(one, other)| [one, other]).any(|text| unmapped.is_in(text.as_bytes()))
    };
    let cause = unmapped.iter().find(is_in).map_or(cause, |unmapped| unmapped.why.clone());
    let texts =
        texts.map(|(one, other)| vec![format!("first build:  {one}"), format!("second build: {other}")]);
    RebuildMismatch {
        what: format!("the two builds differ, first {place}"),
        found: texts.unwrap_or_default(),
        help: Some(cause),
    }
}
