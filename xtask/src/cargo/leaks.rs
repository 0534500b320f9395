//! The feature-leak guard: within one cargo call, features unify across the targets, so that a dependency which only
//! one target wants could bring C into another. Targets whose unit graph changes in company are built alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cohort::Cohort;
use super::invocation::invocation;
use crate::build::Builder;
use crate::error::{Error, Result};
use crate::plan::Job;
use crate::toolchain::identity::{Fingerprint, digest};

/// What decides whether two units are the same: package, crate and features.
type Units = BTreeSet<(String, String, Vec<String>)>;

/// The units by the triple that they are for; [`HOST`] for what runs on the host, which Cargo gives no platform.
type Graph = BTreeMap<String, Units>;
const HOST: &str = "host";

#[derive(Deserialize)]
struct Document {
    units: Vec<Unit>,
}

#[derive(Deserialize)]
struct Unit {
    pkg_id: String,
    target: UnitTarget,
    platform: Option<String>,
    features: Vec<String>,
}

#[derive(Deserialize)]
struct UnitTarget {
    name: String,
}

/// What is kept.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    /// The targets to build alone.
    alone: BTreeSet<String>,
    /// The manifests of path dependencies that the answer depends on, with their digests: only Cargo knows all of them.
    manifests: BTreeMap<PathBuf, String>,
}

impl Answer {
    /// Whether all those manifests are as they were.
    fn holds(&self) -> bool {
        self.manifests.iter().all(|(file, was)| digest(file).is_ok_and(|is| is == *was))
    }
}

/// Splits a cohort so that every target gets the units it would get alone. The answer is kept under `target/xtask`
/// until a manifest or the lock file changes.
///
/// # Errors
/// Where Cargo cannot be run or its answer cannot be kept.
pub fn split<'p>(cohort: Cohort<'p>, builder: &Builder) -> Result<Vec<Cohort<'p>>> {
    if cohort.jobs.len() < 2 {
        return Ok(vec![cohort]);
    }
    let targets: Vec<String> = cohort.jobs.iter().map(|j| j.target.triple.to_string()).collect();
    let file = builder.work.join("unit-graphs").join(format!("{}.json", key(&cohort, &targets, builder)));
    let kept: Option<Answer> = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let alone: BTreeSet<String> = match kept.filter(Answer::holds) {
        Some(answer) => answer.alone,
        None => match compare(&cohort, builder)? {
            Some(answer) => {
                keep(&file, &answer)?;
                answer.alone
            }
            // No answer today (no network, say) is not to be remembered as a good one.
            None => BTreeSet::new(),
        },
    };
    let (single, together): (Vec<&Job>, Vec<&Job>) =
        cohort.jobs.iter().partition(|j| alone.contains(j.target.triple.as_str()));
    for job in &single {
        builder.ui.step("Splitting", format!("{}: its features would change in company", job.title()));
    }
    let groups = std::iter::once(together).chain(single.into_iter().map(|j| vec![j]));
    Ok(groups.filter(|g| !g.is_empty()).map(|jobs| Cohort { key: cohort.key.clone(), jobs }).collect())
}

/// The targets whose units differ between a call of their own and the common one; none where Cargo does not tell.
fn compare(cohort: &Cohort, builder: &Builder) -> Result<Option<Answer>> {
    let Some(common) = graph(cohort, builder)? else { return Ok(None) };
    let mut answer = Answer { alone: BTreeSet::new(), manifests: manifests(&common) };
    for job in &cohort.jobs {
        let triple = job.target.triple.to_string();
        let own = graph(&Cohort { key: cohort.key.clone(), jobs: vec![job] }, builder)?;
        let Some(own) = own else { return Ok(None) };
        answer.manifests.extend(manifests(&own));
        if changes(&own, &common, &triple) {
            answer.alone.insert(triple);
        }
    }
    Ok(Some(answer))
}

/// The manifests of all path dependencies in a graph, with their digests.
fn manifests(graph: &Graph) -> BTreeMap<PathBuf, String> {
    let packages = graph.values().flatten().map(|(package, ..)| package.as_str());
    let files = packages.filter_map(folder).map(|folder| folder.join("Cargo.toml"));
    files.filter_map(|file| digest(&file).ok().map(|digest| (file, digest))).collect()
}

/// The folder of a package that a path names: `path+file:///x/dep#0.1.0` (Cargo's package ID specifications).
fn folder(package: &str) -> Option<PathBuf> {
    let url = package.strip_prefix("path+file://")?;
    let path = url.rsplit_once('#').map_or(url, |(path, _)| path);
    Some(PathBuf::from(unescaped(path)))
}

/// A path in a URL with its `%20` and the like read back.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a target's own units, or those that run on the host for it, are others in company. Build scripts and macros
/// are the host's, and write what is compiled for the target.
fn changes(own: &Graph, common: &Graph, triple: &str) -> bool {
    let empty = Units::new();
    let host = common.get(HOST).unwrap_or(&empty);
    own.get(triple) != common.get(triple) || !own.get(HOST).unwrap_or(&empty).is_subset(host)
}

/// The units of each target; none where this cargo does not tell (`--unit-graph` is unstable; the build itself will
/// say what is wrong, if anything is).
fn graph(cohort: &Cohort, builder: &Builder) -> Result<Option<Graph>> {
    let cmd = invocation(cohort, &builder.what(), &builder.dir(cohort), None, &builder.site);
    let cmd = cmd.args(["--unit-graph", "-Zunstable-options"]).env("RUSTC_BOOTSTRAP", "1");
    Ok(units(&cmd.capture(Duration::from_secs(600))?.stdout))
}

/// The units of each target in Cargo's answer, and those of the host.
fn units(answer: &[u8]) -> Option<Graph> {
    let document: Document = serde_json::from_slice(answer).ok()?;
    let mut units = Graph::new();
    for unit in document.units {
        let platform = unit.platform.unwrap_or_else(|| HOST.to_owned());
        units.entry(platform).or_default().insert((unit.pkg_id, unit.target.name, unit.features));
    }
    Some(units)
}

/// Everything that decides the answer: the lock file, every manifest and what is asked.
fn key(cohort: &Cohort, targets: &[String], builder: &Builder) -> String {
    let (app, site) = (builder.app, &builder.site);
    let print = Fingerprint::new("unit graph 4").with(cohort.key.folder()).with(targets.join(" "));
    let print = print.with(&app.package).with(&app.bin);
    let lock = site.root.join("Cargo.lock");
    std::iter::once(&lock)
        .chain(&site.manifests)
        .fold(print, |print, file| print.with(digest(file).unwrap_or_default()))
        .short()
}

fn keep(file: &Path, answer: &Answer) -> Result<()> {
    let text = serde_json::to_vec(answer).map_err(|e| Error::failed(format!("unit graph: {e}")))?;
    crate::files::write(file, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer of `--unit-graph` with these units: platform (`-` for the host), package, features.
    fn answer(list: &[(&str, &str, &[&str])]) -> BTreeMap<String, Units> {
        let unit = |(platform, package, features): &(&str, &str, &[&str])| {
            let platform = (*platform != "-").then_some(platform);
            serde_json::json!({ "pkg_id": package, "platform": platform, "features": features, "mode": "build",
                "target": { "name": package, "kind": ["lib"] }, "dependencies": [] })
        };
        let units_json: Vec<_> = list.iter().map(unit).collect();
        let text = serde_json::json!({ "version": 1, "units": units_json, "roots": [0] }).to_string();
        units(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_feature_that_only_company_brings_is_seen() {
        let own = answer(&[("a", "app", &[]), ("a", "dep", &["std"]), ("-", "cc", &[])]);
        let same =
            answer(&[("a", "app", &[]), ("a", "dep", &["std"]), ("b", "dep", &["c"]), ("-", "cc", &[])]);
        let leaked = answer(&[("a", "app", &[]), ("a", "dep", &["c", "std"]), ("-", "cc", &[])]);
        let more = answer(&[("a", "app", &[]), ("a", "dep", &["std"]), ("a", "ssl", &[]), ("-", "cc", &[])]);
        let host = answer(&[("a", "app", &[]), ("a", "dep", &["std"]), ("-", "cc", &["parallel"])]);
        assert!(!changes(&own, &same, "a"));
        assert!(changes(&own, &leaked, "a"));
        assert!(changes(&own, &more, "a"));
        assert!(changes(&own, &host, "a"), "a build script with other features may write other sources");
    }

    #[test]
    fn a_manifest_outside_the_workspace_is_part_of_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("out side");
        std::fs::create_dir(&outside).unwrap();
        let manifest = outside.join("Cargo.toml");
        std::fs::write(&manifest, "one").unwrap();
        let id = format!("path+file://{}#dep@0.1.0", outside.display().to_string().replace(' ', "%20"));
        let graph = answer(&[("a", &id, &[]), ("a", "registry+https://x/index#y@1.0.0", &[])]);
        let answer = Answer { alone: BTreeSet::new(), manifests: manifests(&graph) };
        assert_eq!(answer.manifests.keys().collect::<Vec<_>>(), [&manifest]);
        assert!(answer.holds());
        std::fs::write(&manifest, "two").unwrap();
        assert!(!answer.holds());
    }

    #[test]
    fn an_answer_that_is_none_is_not_an_empty_one() {
        for text in ["", "error: network", "{\"version\":1}"] {
            assert_eq!(units(text.as_bytes()), None);
        }
    }
}
