//! The in-toto statements of a release: the origin and the contents of each program, and the checks that it passed. They are
//! not signed; `publish` signs them and attaches them to images. docs/reference/predicates.md describes each predicate.
//!
//! Equal releases give equal bytes, because a statement contains no time and no path of the machine.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use xtask_attest::{Statement, Subject};
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_report::report::{JobEntry, ManifestEntry, PurityEntry};

use crate::toolchain_lock::LockedTarget;

pub mod recorded;
pub mod source;
pub mod summary;
pub mod write;

/// The predicate types. Those of this program have documented schemas and belong to no host.
pub mod types {
    /// SLSA provenance, version 1.
    pub const SLSA: &str = "https://slsa.dev/provenance/v1";
    /// A bill of materials in CycloneDX.
    pub const CYCLONEDX: &str = "https://cyclonedx.org/bom";
    /// The checks of the gate.
    pub const GATE: &str = "urn:cargo-xtask:gate:v1";
    /// The C in a program.
    pub const PURITY: &str = "urn:cargo-xtask:purity:v1";
    /// The smoke run.
    pub const SMOKE: &str = "urn:cargo-xtask:smoke:v1";
    /// The places of one program: an archive and images.
    pub const PROGRAM: &str = "urn:cargo-xtask:program:v1";
    /// The build type of SLSA provenance: `cargo xtask release`.
    pub const BUILD: &str = "urn:cargo-xtask:release:v1";
    /// The builder of SLSA provenance: this program, wherever it runs.
    pub const BUILDER: &str = "urn:cargo-xtask:builder:v1";
    /// A verification summary, version 1.
    pub const VSA: &str = "https://slsa.dev/verification_summary/v1";
    /// The verifier of a verification summary: this program, wherever it runs.
    pub const VERIFIER: &str = "urn:cargo-xtask:verifier:v1";
    /// The policy of a verification summary: every check of `verify` passed, and a second build gave the same image.
    pub const REBUILD: &str = "urn:cargo-xtask:rebuild:v1";
}

/// The kind of a statement, which is part of the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatementKind {
    /// The origin: SLSA provenance.
    Slsa,
    /// The bill of materials.
    CycloneDx,
    /// The checks of the gate.
    Gate,
    /// The C in the program.
    Purity,
    /// The smoke run.
    Smoke,
    /// The archive and the images that contain one program.
    Program,
}

impl StatementKind {
    /// Returns the name in the path of the file: `app/linux-amd64.<name>.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slsa => "slsa",
            Self::CycloneDx => "cyclonedx",
            Self::Gate => "gate",
            Self::Purity => "purity",
            Self::Smoke => "smoke",
            Self::Program => "program",
        }
    }

    /// Returns the type of the predicate.
    pub fn predicate_type(self) -> &'static str {
        match self {
            Self::Slsa => types::SLSA,
            Self::CycloneDx => types::CYCLONEDX,
            Self::Gate => types::GATE,
            Self::Purity => types::PURITY,
            Self::Smoke => types::SMOKE,
            Self::Program => types::PROGRAM,
        }
    }

    /// Returns a statement of this kind.
    pub fn about(self, subject: Vec<Subject>, predicate: Value) -> Statement {
        Statement::new(subject, self.predicate_type(), predicate)
    }
}

/// The facts that all statements of a release share.
#[derive(Debug)]
pub struct ReleaseOrigin {
    /// The name of the program.
    pub app: String,
    /// The package.
    pub package: String,
    /// The version of the package.
    pub version: String,
    /// `SOURCE_DATE_EPOCH`, or 0.
    pub created: u64,
    /// The sources, and the lock files of packages and toolchains.
    pub source: source::SourceState,
}

/// A program of a release.
#[derive(Debug)]
pub struct ProgramFacts<'a> {
    /// The entry of the program in the report.
    pub job: &'a JobEntry,
    /// The Cargo profile.
    pub profile: &'a str,
    /// The preferred mode that was not built, and the code of the reason.
    pub fallback: Option<(&'a str, &'a str)>,
    /// The warnings of the gate.
    pub warnings: Vec<&'a str>,
    /// The toolchain, or none if it is not known.
    pub tools: Option<&'a LockedTarget>,
}

/// The base of a platform.
#[derive(Debug)]
pub struct BaseFacts<'a> {
    /// The name of the base: `scratch`, `distroless:static`, or a reference.
    pub name: String,
    /// The digest of the base, or none for scratch.
    pub digest: Option<&'a Digest>,
    /// Whether the image contains only the files that the program needs.
    pub trimmed: bool,
}

/// A platform of an image.
#[derive(Debug)]
pub struct PlatformFacts<'a> {
    /// The name of the image.
    pub image: &'a str,
    /// The program in it.
    pub program: ProgramFacts<'a>,
    /// The base below it.
    pub base: BaseFacts<'a>,
    /// The entry of the manifest in the report.
    pub manifest: &'a ManifestEntry,
    /// The arguments of the smoke run.
    pub args: &'a [String],
    /// The expected exit code of the smoke run.
    pub exit: u8,
    /// The bill of materials.
    pub bill: Value,
}

fn verifier() -> Value {
    json!({"name": "cargo-xtask", "version": env!("CARGO_PKG_VERSION")})
}

impl ProgramFacts<'_> {
    fn identity(&self) -> Value {
        let sha256 = self.job.artifact.as_ref().map(|artifact| artifact.sha256.as_str());
        json!({"target": self.job.target, "mode": self.job.mode, "digest": {"sha256": sha256}})
    }

    /// Returns the predicate of the gate for a program alone, or in the root file system of a base.
    pub fn gate(&self, base: Option<&BaseFacts<'_>>) -> Value {
        let artifact = self.job.artifact.as_ref();
        json!({
            "verifier": verifier(),
            "result": "pass",
            "program": self.identity(),
            "linkage": artifact.and_then(|a| a.kind),
            "machine": artifact.and_then(|a| a.machine.as_ref()),
            "interpreter": artifact.and_then(|a| a.interpreter.as_ref()),
            "needed": artifact.map(|a| a.needed.as_slice()).unwrap_or_default(),
            "glibc": artifact.and_then(|a| a.glibc_max.as_ref()),
            "rootFileSystem": base.map(BaseFacts::json),
            "warnings": self.warnings,
        })
    }

    /// Whether the program contains C of a package, or none if that is not known.
    fn contains_c(&self) -> Option<bool> {
        match (&self.job.contents, self.job.purity) {
            (_, PurityEntry::Proven) => Some(false),
            (Some(contents), _) => Some(!contents.foreign.is_empty()),
            (None, _) => None,
        }
    }

    /// Returns the predicate about the C in the program.
    pub fn purity(&self) -> Value {
        json!({
            "verifier": verifier(),
            "program": self.identity(),
            "purity": self.job.purity,
            "containsC": self.contains_c(),
            "contents": self.job.contents,
            "refusedCalls": self.job.refused.len(),
        })
    }

    /// Returns the predicate about the smoke run of the program without an image.
    pub fn smoke(&self) -> Value {
        let smoke = &self.job.smoke;
        json!({
            "verifier": verifier(),
            "program": self.identity(),
            "result": smoke.status,
            "runner": smoke.runner,
            "reason": smoke.reason,
        })
    }

    /// Returns the resolved dependencies of SLSA provenance: each with name, digest and annotations.
    fn materials(&self, base: Option<&BaseFacts<'_>>) -> Vec<Value> {
        let mut all = Vec::new();
        if let Some(tools) = self.tools {
            let target = &self.job.target;
            let about = json!({"rustc": tools.rustc, "target": target});
            all.extend(material("std", &tools.std, &about));
            // Modes with C use the C toolchain, modes without C only the linker.
            let used = self.job.toolchain.is_some();
            let tools = [
                ("c-toolchain", tools.c.as_ref().filter(|_| used)),
                ("linker", tools.linker.as_ref().filter(|_| !used)),
            ];
            for (name, tool) in tools {
                if let Some(tool) = tool {
                    let about = json!({"provider": tool.provider, "version": tool.version, "target": target});
                    all.extend(material(name, &tool.digest, &about));
                }
            }
        }
        if let Some((base, digest)) = base.and_then(|base| Some((base, base.digest?))) {
            all.extend(material("base", digest.as_str(), &json!({"base": base.name})));
        }
        all
    }

    fn parameters(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("target".into(), json!(self.job.target));
        map.insert("requestedMode".into(), json!(self.job.requested));
        map.insert("mode".into(), json!(self.job.mode));
        map.insert("profile".into(), json!(self.profile));
        if let Some((from, reason)) = self.fallback {
            map.insert("fallback".into(), json!({"from": from, "reason": reason}));
        }
        map
    }

    /// Returns the predicate about the places of the program.
    pub fn places(&self, places: &[Value]) -> Value {
        json!({"verifier": verifier(), "program": self.identity(), "places": places})
    }

    /// Returns SLSA provenance of the program without an image.
    pub fn slsa(&self, origin: &ReleaseOrigin) -> Value {
        origin.slsa(Value::Object(self.parameters()), self.materials(None))
    }
}

impl BaseFacts<'_> {
    fn json(&self) -> Value {
        let digest = self.digest.map(|digest| json!({"sha256": digest.hex()}));
        json!({"base": self.name, "digest": digest, "trimmed": self.trimmed})
    }
}

/// Returns a resolved dependency with a digest `sha256:…`, or none if the text is not a digest.
fn material(name: &str, digest: &str, about: &Value) -> Option<Value> {
    let digest = Digest::parse(digest)?;
    Some(json!({"name": name, "digest": {"sha256": digest.hex()}, "annotations": about}))
}

impl ReleaseOrigin {
    fn slsa(&self, parameters: Value, materials: Vec<Value>) -> Value {
        let mut all = self.source.materials();
        for material in materials {
            if !all.contains(&material) {
                all.push(material);
            }
        }
        json!({
            "buildDefinition": {
                "buildType": types::BUILD,
                "externalParameters": {"package": self.package, "version": self.version, "bin": self.app, "build": parameters},
                "internalParameters": {"sourceDateEpoch": self.created},
                "resolvedDependencies": all,
            },
            "runDetails": {"builder": {"id": types::BUILDER, "version": {"cargo-xtask": env!("CARGO_PKG_VERSION")}}},
        })
    }
}

impl PlatformFacts<'_> {
    fn parameters(&self) -> Value {
        let mut map = self.program.parameters();
        map.insert("image".into(), json!(self.image));
        map.insert("platform".into(), json!(self.manifest.platform));
        map.insert("base".into(), json!(self.base.name));
        Value::Object(map)
    }

    fn smoke(&self) -> Value {
        let smoke = self.manifest.smoke.as_ref();
        json!({
            "verifier": verifier(),
            "program": self.program.identity(),
            "result": smoke.map(|smoke| smoke.status),
            "runner": smoke.and_then(|smoke| smoke.runner.as_ref()),
            "reason": smoke.and_then(|smoke| smoke.reason.as_ref()),
            "arguments": self.args,
            "expectedExitCode": self.exit,
        })
    }

    /// Returns the predicates about the platform.
    pub fn stated(&self, origin: &ReleaseOrigin) -> StatedPlatform {
        let predicates = [
            (StatementKind::Slsa, origin.slsa(self.parameters(), self.program.materials(Some(&self.base)))),
            (StatementKind::CycloneDx, self.bill.clone()),
            (StatementKind::Gate, self.program.gate(Some(&self.base))),
            (StatementKind::Purity, self.program.purity()),
            (StatementKind::Smoke, self.smoke()),
        ];
        StatedPlatform {
            platform: self.manifest.platform.clone(),
            manifest: self.manifest.digest.clone(),
            predicates: predicates.into(),
        }
    }
}

/// A platform of an image, with the predicates that a release states about it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatedPlatform {
    /// The platform in OCI's form, such as `linux/arm64/v8`.
    pub platform: String,
    /// The digest of the manifest, with `sha256:`.
    pub manifest: String,
    /// The predicates by their kinds.
    pub predicates: BTreeMap<StatementKind, Value>,
}

impl StatedPlatform {
    /// The kinds of the statements about a platform.
    pub const KINDS: [StatementKind; 5] = [
        StatementKind::Slsa,
        StatementKind::CycloneDx,
        StatementKind::Gate,
        StatementKind::Purity,
        StatementKind::Smoke,
    ];

    /// Returns the name of the platform in the names of files.
    pub fn file_name(&self) -> String {
        self.platform.replace('/', "-")
    }

    /// Returns every statement about the platform.
    ///
    /// # Errors
    /// The digest of the manifest is none.
    pub fn statements(&self) -> Result<Vec<(StatementKind, Statement)>> {
        let digest = Digest::parse(&self.manifest)
            .ok_or_else(|| Error::failed(format!("{} is not the digest of a manifest", self.manifest)))?;
        let about = |(kind, predicate): (&StatementKind, &Value)| {
            (*kind, kind.about(vec![Subject::new(None, &digest)], predicate.clone()))
        };
        Ok(self.predicates.iter().map(about).collect())
    }

    fn predicate(&self, kind: StatementKind) -> &Value {
        self.predicates.get(&kind).unwrap_or(&Value::Null)
    }
}

/// Returns every statement about an index. Each contains the predicates of the platforms, and nothing else, so that
/// platforms which several machines made give the same statements.
pub fn of_index(
    image: &str,
    index: &Digest,
    platforms: &[StatedPlatform],
) -> Vec<(StatementKind, Statement)> {
    let each = |kind: StatementKind| -> Vec<Value> {
        let one = |platform: &StatedPlatform| {
            let mut said = json!({"platform": platform.platform, "manifest": platform.manifest});
            if let (Some(all), Value::Object(more)) = (said.as_object_mut(), platform.predicate(kind)) {
                all.extend(more.clone().into_iter().filter(|(key, _)| key != "verifier"));
            }
            said
        };
        platforms.iter().map(one).collect()
    };
    let of = |kind, key: &str| -> Vec<Value> {
        platforms.iter().map(|platform| platform.predicate(kind)[key].clone()).collect()
    };
    let contains_c = of(StatementKind::Purity, "containsC");
    let contains_c = match (contains_c.contains(&json!(true)), contains_c.contains(&Value::Null)) {
        (true, _) => json!(true),
        (false, true) => Value::Null,
        (false, false) => json!(false),
    };
    let all = |values: Vec<Value>, wanted: Value| values.iter().all(|value| *value == wanted);
    let pure = all(of(StatementKind::Purity, "purity"), json!(PurityEntry::Proven));
    let ran = all(of(StatementKind::Smoke, "result"), json!("pass"));
    let predicates = [
        (StatementKind::Slsa, slsa_of_index(platforms)),
        (StatementKind::CycloneDx, bill_of_index(image, index, platforms)),
        (
            StatementKind::Gate,
            json!({"verifier": verifier(), "result": "pass", "platforms": each(StatementKind::Gate)}),
        ),
        (
            StatementKind::Purity,
            json!({
                "verifier": verifier(),
                "purity": if pure { json!(PurityEntry::Proven) } else { Value::Null },
                "containsC": contains_c,
                "platforms": each(StatementKind::Purity),
            }),
        ),
        (
            StatementKind::Smoke,
            json!({
                "verifier": verifier(),
                "result": if ran { json!("pass") } else { json!("skipped") },
                "platforms": each(StatementKind::Smoke),
            }),
        ),
    ];
    let about = |(kind, predicate): (StatementKind, Value)| {
        (kind, kind.about(vec![Subject::new(None, index)], predicate))
    };
    predicates.map(about).into()
}

/// Returns SLSA provenance of an index: the builds of all platforms, and every dependency once.
fn slsa_of_index(platforms: &[StatedPlatform]) -> Value {
    let definitions = platforms.iter().map(|p| &p.predicate(StatementKind::Slsa)["buildDefinition"]);
    let builds: Vec<&Value> =
        definitions.clone().map(|definition| &definition["externalParameters"]["build"]).collect();
    let mut materials: Vec<&Value> = Vec::new();
    for material in
        definitions.filter_map(|definition| definition["resolvedDependencies"].as_array()).flatten()
    {
        if !materials.contains(&material) {
            materials.push(material);
        }
    }
    // The rest is the same for all platforms of a release.
    let mut whole = platforms.first().map_or(Value::Null, |p| p.predicate(StatementKind::Slsa).clone());
    for (path, value) in [
        ("/buildDefinition/externalParameters/build", json!(builds)),
        ("/buildDefinition/resolvedDependencies", json!(materials)),
    ] {
        if let Some(there) = whole.pointer_mut(path) {
            *there = value;
        }
    }
    whole
}

/// Returns the bill of an index, which lists the image of each platform by digest. The bill of a platform lists its contents.
fn bill_of_index(name: &str, index: &Digest, platforms: &[StatedPlatform]) -> Value {
    let slsa = platforms.first().map_or(&Value::Null, |platform| platform.predicate(StatementKind::Slsa));
    let version = &slsa["buildDefinition"]["externalParameters"]["version"];
    let component = |name: &str, digest: &str, platform: Option<&str>| {
        let mut component = json!({
            "type": "container",
            "bom-ref": digest,
            "name": name,
            "version": version,
            "hashes": [{"alg": "SHA-256", "content": digest.trim_start_matches("sha256:")}],
        });
        if let Some(platform) = platform {
            component["properties"] = json!([{"name": "xtask:platform", "value": platform}]);
        }
        component
    };
    let parts: Vec<Value> = platforms
        .iter()
        .map(|platform| component(name, &platform.manifest, Some(&platform.platform)))
        .collect();
    let digests: Vec<&str> = platforms.iter().map(|platform| platform.manifest.as_str()).collect();
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "component": component(name, index.as_str(), None),
        },
        "components": parts,
        "dependencies": [{"ref": index.as_str(), "dependsOn": digests}],
    })
}

#[cfg(test)]
mod tests;
