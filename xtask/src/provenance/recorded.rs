//! What SLSA provenance of an image records, read back: enough to make the image again, and to say what differed when the
//! result is another one.

use std::collections::BTreeSet;

use serde_json::Value;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;

use super::types;

/// The release that an image comes from, as its provenance records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRelease {
    /// The commit of the sources.
    pub commit: String,
    /// `SOURCE_DATE_EPOCH` of the release, in seconds since 1970; 0 where the variable was not set.
    pub created: u64,
    /// Files of the workspace with their digests: `Cargo.lock`, `targets.toml`, `toolchains.lock`.
    pub files: Vec<(String, Digest)>,
    /// The programs that are in the image, one for each platform.
    pub builds: Vec<RecordedBuild>,
    /// The providers of the C toolchains that the programs were built with, without repetition.
    pub providers: Vec<String>,
}

/// One program of an image, as provenance records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBuild {
    /// The target triple.
    pub target: String,
    /// The mode that was asked for: `auto`, or the name of a mode.
    pub requested: String,
    /// The name of the image in targets.toml.
    pub image: String,
    /// The platform as OCI writes it: `linux/arm64/v8`.
    pub platform: String,
}

impl RecordedRelease {
    /// Reads the predicate of SLSA provenance that a release wrote.
    ///
    /// # Errors
    /// The predicate was not written by `cargo xtask release`, names no commit, or says that the sources differed from
    /// their commit.
    pub fn read(predicate: &Value) -> Result<Self> {
        let definition = &predicate["buildDefinition"];
        if definition["buildType"] != types::BUILD {
            return Err(Error::failed("the provenance of the image does not say how to build it again")
                .found(format!("its build type is not {}", types::BUILD)));
        }
        let source = materials(predicate).find(|material| material["name"] == "source");
        let commit = source.and_then(|source| source["digest"]["gitCommit"].as_str());
        // The text becomes an argument of git.
        let commit = commit.filter(|text| text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit()));
        let (Some(source), Some(commit)) = (source, commit) else {
            return Err(Error::failed("the provenance of the image names no commit of its sources")
                .help("release from a git checkout: cargo xtask release"));
        };
        if source["annotations"]["dirty"] == true {
            return Err(Error::failed("the image was made from sources that no commit contains")
                .found(format!("its provenance says that files differed from commit {commit}"))
                .help("commit the sources, and release and publish again"));
        }
        let build = &definition["externalParameters"]["build"];
        let builds = build.as_array().map_or(std::slice::from_ref(build), Vec::as_slice);
        let builds: Option<Vec<RecordedBuild>> = builds.iter().map(RecordedBuild::read).collect();
        let Some(builds) = builds.filter(|builds| !builds.is_empty()) else {
            return Err(Error::failed("the provenance of the image does not say what was built"));
        };
        let file = |material: &Value| {
            let name = material["name"].as_str()?;
            let known = ["Cargo.lock", "targets.toml", "toolchains.lock"].contains(&name);
            let digest = Digest::parse(&format!("sha256:{}", material["digest"]["sha256"].as_str()?))?;
            known.then(|| (name.to_owned(), digest))
        };
        let provider = |material: &Value| {
            let provider = material["annotations"]["provider"].as_str()?;
            (material["name"] == "c-toolchain").then(|| provider.to_owned())
        };
        let providers: BTreeSet<String> = materials(predicate).filter_map(provider).collect();
        Ok(Self {
            commit: commit.to_owned(),
            created: definition["internalParameters"]["sourceDateEpoch"].as_u64().unwrap_or_default(),
            files: materials(predicate).filter_map(file).collect(),
            builds,
            providers: providers.into_iter().collect(),
        })
    }

    /// The mode that every program was asked for in; none where they differ, so that targets.toml said it.
    pub fn mode(&self) -> Option<&str> {
        let first = self.builds.first()?.requested.as_str();
        self.builds.iter().all(|build| build.requested == first).then_some(first)
    }
}

impl RecordedBuild {
    fn read(build: &Value) -> Option<Self> {
        let text = |key: &str| build[key].as_str().map(str::to_owned);
        Some(Self {
            target: text("target")?,
            requested: text("requestedMode")?,
            image: text("image")?,
            platform: text("platform")?,
        })
    }
}

/// Says in which inputs two releases differ by their provenance: parameters of builds, sources, locks, toolchains, bases.
/// Each difference is one line; there is none where the inputs are equal.
pub fn input_differences(recorded: &Value, rebuilt: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let identity = |material: &Value| {
        let about = ["target", "base"].iter().find_map(|key| material["annotations"][key].as_str());
        let name = material["name"].as_str().unwrap_or("input");
        about.map_or_else(|| name.to_owned(), |about| format!("{name} of {about}"))
    };
    let find = |predicate: &Value, name: &str| {
        materials(predicate).find(|material| identity(material) == name).map(described)
    };
    let names: BTreeSet<String> = materials(recorded).chain(materials(rebuilt)).map(identity).collect();
    for name in names {
        let (then, now) = (find(recorded, &name), find(rebuilt, &name));
        if then != now {
            let [then, now] = [then, now].map(|text| text.unwrap_or_else(|| "none".to_owned()));
            lines.push(format!("{name}: recorded {then}; here {now}"));
        }
    }
    let parameters = |predicate: &Value| predicate["buildDefinition"]["externalParameters"].clone();
    let (then, now) = (parameters(recorded), parameters(rebuilt));
    if then != now {
        lines.push(format!("parameters: recorded {then}; here {now}"));
    }
    lines
}

fn materials(predicate: &Value) -> impl Iterator<Item = &Value> {
    predicate["buildDefinition"]["resolvedDependencies"].as_array().into_iter().flatten()
}

/// An input as a person reads it: provider, version and digest, as far as they are known.
fn described(material: &Value) -> String {
    let about = &material["annotations"];
    let mut parts: Vec<&str> =
        ["provider", "version", "rustc"].iter().filter_map(|key| about[key].as_str()).collect();
    let digest = material["digest"].as_object().and_then(|digests| digests.values().next()?.as_str());
    parts.extend(digest);
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn predicate() -> Value {
        let hex = "a".repeat(64);
        json!({"buildDefinition": {
            "buildType": types::BUILD,
            "externalParameters": {"build": [
                {"target": "x86_64-unknown-linux-musl", "requestedMode": "auto", "image": "app", "platform": "linux/amd64"},
                {"target": "aarch64-unknown-linux-musl", "requestedMode": "auto", "image": "app", "platform": "linux/arm64/v8"},
            ]},
            "internalParameters": {"sourceDateEpoch": 7},
            "resolvedDependencies": [
                {"name": "source", "digest": {"gitCommit": "c".repeat(40)}, "annotations": {"dirty": false}},
                {"name": "Cargo.lock", "digest": {"sha256": hex}},
                {"name": "c-toolchain", "digest": {"sha256": hex},
                 "annotations": {"provider": "zig", "version": "zig 0.15.2", "target": "x86_64-unknown-linux-musl"}},
            ],
        }})
    }

    #[test]
    fn a_release_is_read_back() {
        let release = RecordedRelease::read(&predicate()).unwrap();
        assert_eq!((release.commit.len(), release.created, release.mode()), (40, 7, Some("auto")));
        assert_eq!((release.files.len(), release.files[0].0.as_str()), (1, "Cargo.lock"));
        assert_eq!(release.providers, ["zig"]);
        assert_eq!(release.builds[1].platform, "linux/arm64/v8");
        let mut other = predicate();
        other["buildDefinition"]["externalParameters"]["build"][0]["requestedMode"] = json!("pure");
        assert_eq!(RecordedRelease::read(&other).unwrap().mode(), None);
        // The provenance of one platform holds one build.
        let one = other["buildDefinition"]["externalParameters"]["build"][0].clone();
        other["buildDefinition"]["externalParameters"]["build"] = one;
        assert_eq!(RecordedRelease::read(&other).unwrap().mode(), Some("pure"));
    }

    #[test]
    fn what_cannot_be_built_again_is_refused() {
        let changed = |pointer: &str, value: Value| {
            let mut predicate = predicate();
            *predicate.pointer_mut(pointer).unwrap() = value;
            RecordedRelease::read(&predicate).unwrap_err().what
        };
        let dependency = "/buildDefinition/resolvedDependencies/0";
        assert!(changed("/buildDefinition/buildType", json!("x")).contains("does not say how"));
        for commit in [json!(null), json!("--upload-pack=x"), json!("abc")] {
            assert!(changed(&format!("{dependency}/digest/gitCommit"), commit).contains("names no commit"));
        }
        assert!(
            changed(&format!("{dependency}/annotations/dirty"), json!(true)).contains("no commit contains")
        );
        assert!(changed("/buildDefinition/externalParameters/build", json!([])).contains("what was built"));
        for value in [json!(null), json!([1, "x"]), json!({"buildDefinition": 1})] {
            assert!(RecordedRelease::read(&value).is_err());
        }
    }

    #[test]
    fn inputs_that_differ_are_named() {
        let recorded = predicate();
        assert_eq!(input_differences(&recorded, &recorded), Vec::<String>::new());
        let mut rebuilt = predicate();
        let dependencies = &mut rebuilt["buildDefinition"]["resolvedDependencies"];
        dependencies[2]["annotations"]["version"] = json!("zig 0.16.0");
        dependencies.as_array_mut().unwrap().remove(1);
        let lines = input_differences(&recorded, &rebuilt);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("Cargo.lock: recorded aaa") && lines[0].ends_with("here none"));
        assert!(
            lines[1].starts_with("c-toolchain of x86_64-unknown-linux-musl: recorded zig zig 0.15.2 aaa")
        );
        rebuilt["buildDefinition"]["externalParameters"]["build"][0]["mode"] = json!("pure");
        assert!(input_differences(&recorded, &rebuilt)[2].starts_with("parameters: "));
    }
}
