//! Reads Cargo's unit graph: what is compiled for a program, and with which features. Features differ between
//! host and target and between programs, so only the graph gives them exactly. `--unit-graph` is unstable. A
//! cargo that does not support it is not an error.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cohort::{Cohort, cohorts};
use super::invocation::invocation;
use crate::cargo::builder::Builder;
use crate::package_id::name_and_version;
use crate::plan::Job;
use xtask_compilers::toolchain::identity::{Fingerprint, digest};
use xtask_files::error::{Error, Result};

/// The answer of `cargo build --unit-graph`, with the fields that are used here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitGraph {
    /// Everything that is compiled or run.
    pub units: Vec<Unit>,
    /// The indexes of the units that were asked for.
    pub roots: Vec<usize>,
}

/// A crate that is compiled, or a build script that is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The package, in the form of Cargo's package ID specifications.
    pub pkg_id: String,
    /// The crate or build script of the package to which the unit belongs.
    pub target: UnitTarget,
    /// The triple that it is for; none for units that run on the host.
    pub platform: Option<String>,
    /// The mode in Cargo's terms: `build`, `run-custom-build`, ….
    pub mode: String,
    /// The features that are on.
    pub features: Vec<String>,
    /// The units that this unit depends on.
    pub dependencies: Vec<Edge>,
}

/// The part of a package that a unit compiles or runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitTarget {
    /// The name: `app`, `build-script-build`.
    pub name: String,
    /// The kinds of crate: `bin`, `lib`, `proc-macro`, `custom-build`, ….
    pub kind: Vec<String>,
    /// The root source file.
    pub src_path: PathBuf,
}

/// A dependency of a unit on another unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The index of the needed unit in the list of the graph's units.
    pub index: usize,
}

/// The manifests of path dependencies on which an answer depends, with their digests. Only Cargo knows all of
/// them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifests(BTreeMap<PathBuf, String>);

/// The stored graph of one program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptGraph {
    /// The unit graph of the program.
    pub graph: UnitGraph,
    /// The manifests on which it depends, in addition to its key.
    pub manifests: Manifests,
}

impl UnitGraph {
    /// Returns the folders of the packages that have a path on this machine: members of the workspace and
    /// path dependencies.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        self.units.iter().filter_map(|unit| folder(&unit.pkg_id)).collect()
    }

    /// Returns the dependencies of build scripts: the name of each package that has a build script, with the
    /// name of a package that the script depends on.
    pub fn script_needs(&self) -> Vec<(String, String)> {
        let name = |unit: &Unit| name_and_version(&unit.pkg_id).0.to_owned();
        let scripts = self.units.iter().filter(|unit| {
            unit.mode == "build" && unit.target.kind.iter().any(|kind| kind == "custom-build")
        });
        let needs = scripts.flat_map(|unit| {
            let needed = unit.dependencies.iter().filter_map(|edge| self.units.get(edge.index));
            needed.map(|needed| (name(unit), name(needed))).collect::<Vec<_>>()
        });
        needs.collect()
    }

    /// Returns the units that can be reached from `from` through units that are `wanted`, including those of
    /// `from`.
    pub fn reached(
        &self,
        from: impl IntoIterator<Item = usize>,
        wanted: impl Fn(&Unit) -> bool,
    ) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut ahead: Vec<usize> = from.into_iter().collect();
        while let Some(index) = ahead.pop() {
            let Some(unit) = self.units.get(index).filter(|unit| wanted(unit)) else { continue };
            if found.insert(index) {
                ahead.extend(unit.dependencies.iter().map(|edge| edge.index));
            }
        }
        found
    }
}

impl Manifests {
    /// Reads the manifests of all path dependencies in a graph.
    pub fn of(graph: &UnitGraph) -> Self {
        let folders = graph.units.iter().filter_map(|unit| folder(&unit.pkg_id));
        let files = folders.map(|folder| folder.join("Cargo.toml"));
        Self(files.filter_map(|file| digest(&file).ok().map(|digest| (file, digest))).collect())
    }

    /// Adds the manifests of `other` to these.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns whether all of the manifests still have their digests.
    pub fn hold(&self) -> bool {
        self.0.iter().all(|(file, was)| digest(file).is_ok_and(|is| is == *was))
    }
}

/// Returns the graph of a cohort, or none if this cargo does not provide it. In that case the build itself
/// reports what is wrong.
///
/// # Errors
/// Cargo cannot be run.
pub fn graph(cohort: &Cohort, builder: &Builder) -> Result<Option<UnitGraph>> {
    let cmd = invocation(cohort, &builder.what(), &builder.dir(cohort), None, &builder.site);
    let cmd = cmd.args(["--unit-graph", "-Zunstable-options"]).env("RUSTC_BOOTSTRAP", "1");
    Ok(read(&cmd.capture_whole(Duration::from_secs(600))?.stdout))
}

/// Reads the unit graph from Cargo's answer. Returns none if it is not a unit graph in JSON.
pub fn read(answer: &[u8]) -> Option<UnitGraph> {
    serde_json::from_slice(answer).ok()
}

/// Returns the graph of a job that is built alone. In a cohort that [`super::leaks`] did not split, the job
/// has the same graph. It is stored under `target/xtask` until a manifest or the lock file changes.
///
/// # Errors
/// Cargo cannot be run, or its answer cannot be stored.
pub fn of_job(job: &Job, builder: &Builder) -> Result<Option<KeptGraph>> {
    let Some(cohort) = cohorts([job]).pop() else { return Ok(None) };
    let file = place(&key(&cohort, "one", builder), builder);
    if let Some(kept) = recall::<KeptGraph>(&file).filter(|kept| kept.manifests.hold()) {
        return Ok(Some(kept));
    }
    let Some(graph) = graph(&cohort, builder)? else { return Ok(None) };
    // Cargo may have completed the lock file for its answer.
    let file = place(&key(&cohort, "one", builder), builder);
    let kept = KeptGraph { manifests: Manifests::of(&graph), graph };
    let needs = KeptNeeds { needs: kept.graph.script_needs(), manifests: kept.manifests.clone() };
    keep(&needs_file(&file), &needs)?;
    keep(&file, &kept)?;
    Ok(Some(kept))
}

/// The dependencies of build scripts in a stored graph, apart from it: reading them takes less than 1 ms,
/// where the graph of a large program takes tens.
#[derive(Debug, Serialize, Deserialize)]
struct KeptNeeds {
    needs: Vec<(String, String)>,
    manifests: Manifests,
}

fn needs_file(graph: &Path) -> PathBuf {
    graph.with_extension("needs.json")
}

/// Returns [`UnitGraph::script_needs`] of a job's graph, if the graph is stored: see [`of_job`]. Cargo is not
/// asked.
pub fn stored_needs(job: &Job, builder: &Builder) -> Option<Vec<(String, String)>> {
    let file = place(&key_of_job(job, builder)?, builder);
    let kept: KeptNeeds = recall(&needs_file(&file))?;
    kept.manifests.hold().then_some(kept.needs)
}

/// Returns the number of units of a cohort with one job, if its graph is stored: see [`of_job`]. Cargo is not
/// asked.
pub fn count(cohort: &Cohort, builder: &Builder) -> Option<u64> {
    if cohort.jobs.len() != 1 {
        return None;
    }
    #[derive(Deserialize)]
    struct UnitList {
        units: Vec<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Counted {
        graph: UnitList,
        manifests: Manifests,
    }
    let kept: Counted = recall(&place(&key(cohort, "one", builder), builder))?;
    kept.manifests.hold().then_some(kept.graph.units.len() as u64)
}

/// Returns the key of a job's graph: all inputs except the manifests, which only the graph itself names.
pub fn key_of_job(job: &Job, builder: &Builder) -> Option<String> {
    cohorts([job]).pop().map(|cohort| key(&cohort, "one", builder))
}

/// Returns the file in which an answer is stored.
pub(super) fn place(key: &str, builder: &Builder) -> PathBuf {
    builder.work.join("unit-graphs").join(format!("{key}.json"))
}

/// Reads a stored answer. Returns none if it cannot be read.
pub(super) fn recall<T: serde::de::DeserializeOwned>(file: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

/// Writes an answer to `file` as JSON, for [`recall`].
pub(super) fn keep(file: &Path, answer: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec(answer).map_err(|e| Error::failed(format!("unit graph: {e}")))?;
    xtask_files::write(file, &text)
}

/// Returns the key of an answer about a cohort. It covers the lock file, every manifest, Cargo's
/// configuration (which may contain `[patch]` and `paths`) and the question.
pub(super) fn key(cohort: &Cohort, question: &str, builder: &Builder) -> String {
    let (app, site) = (builder.app, &builder.site);
    let targets: Vec<&str> = cohort.jobs.iter().map(|job| job.target.triple.as_str()).collect();
    let print = Fingerprint::new("unit graph 8").with(question);
    let print = print
        .with(site.configuration.digest())
        .with(cohort.key.folder())
        .with(targets.join(" "))
        .with(&app.package)
        .with(&app.bin);
    let lock = site.root.join("Cargo.lock");
    std::iter::once(lock)
        .chain(site.manifests.iter().cloned())
        .fold(print, |print, file| print.with(digest(&file).unwrap_or_default()))
        .short()
}

/// Returns the folder of a package that is named by its path: `path+file:///x/dep#0.1.0` (Cargo's package ID
/// specifications).
fn folder(package: &str) -> Option<PathBuf> {
    let url = package.strip_prefix("path+file://")?;
    let path = url.rsplit_once('#').map_or(url, |(path, _)| path);
    Some(PathBuf::from(&*percent_encoding::percent_decode_str(path).decode_utf8_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_outside_the_workspace_is_part_of_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("out side");
        std::fs::create_dir(&outside).unwrap();
        let manifest = outside.join("Cargo.toml");
        std::fs::write(&manifest, "one").unwrap();
        let unit = |id: String| {
            serde_json::json!({ "pkg_id": id, "platform": "a", "features": [], "mode": "build",
                "target": { "name": "x", "kind": ["lib"], "src_path": "/x.rs" }, "dependencies": [] })
        };
        let path = format!("path+file://{}#dep@0.1.0", outside.display().to_string().replace(' ', "%20"));
        let units = [unit(path), unit("registry+https://x/index#y@1.0.0".into())];
        let text = serde_json::json!({ "version": 1, "units": units, "roots": [0] }).to_string();
        let manifests = Manifests::of(&read(text.as_bytes()).unwrap());
        assert_eq!(manifests.0.keys().collect::<Vec<_>>(), [&manifest]);
        assert!(manifests.hold());
        std::fs::write(&manifest, "two").unwrap();
        assert!(!manifests.hold());
    }

    #[test]
    fn an_answer_that_is_none_is_not_an_empty_one() {
        for text in ["", "error: network", "{\"version\":1}"] {
            assert_eq!(read(text.as_bytes()), None);
        }
    }
}
