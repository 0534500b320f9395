//! The types of report.json, which are its contract: keys may be added, but not renamed.

use serde::{Deserialize, Serialize};

use xtask_gate::{Facts, Linkage};

/// The document report.json: what a release built, packed and skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the file's format, which is 1.
    pub schema: u32,
    /// The name of the program that was built.
    #[serde(default)]
    pub app: String,
    /// The version of the program that was built.
    pub version: String,
    /// The jobs that were built, in the order of targets.toml.
    pub jobs: Vec<JobEntry>,
    /// The images that were packed.
    pub images: Vec<ImageEntry>,
    /// The images of targets.toml that were not made, because they would lack a platform or failed on one.
    #[serde(default)]
    pub unmade: Vec<Unmade>,
    /// The targets that could not be built on this machine.
    pub skipped: Vec<SkippedEntry>,
}

/// The entry of a job: one target in one mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobEntry {
    /// The target triple that the job built for.
    pub target: String,
    /// The name of the mode that was built.
    pub mode: String,
    /// The requested mode: `auto` or a name.
    pub requested: String,
    /// The preferred mode, and why it was not built.
    pub fallback: Option<FallbackEntry>,
    /// The C toolchain; none for a mode that needs none.
    pub toolchain: Option<ToolchainEntry>,
    /// The program; none if it was not built.
    pub artifact: Option<ArtifactEntry>,
    /// The verdict of the gate; none if there was nothing to check.
    pub gate: Option<CheckVerdict>,
    /// The warnings of the gate.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Notes that are not faults, for example about a crate that asked for a C compiler and was built without
    /// it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The calls of C compilers that a pure build refused and that did not fail the build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// The contents of the program, from its link map; none if they are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<ContentsEntry>,
    /// Whether the program is proven to contain no C.
    pub purity: PurityEntry,
    /// The smoke run of the program.
    pub smoke: SmokeEntry,
    /// The result of the job.
    pub status: Status,
    /// The error of the job; none if it did not fail.
    pub error: Option<String>,
    /// The duration of its cargo call in seconds. Jobs that share a call have the same value.
    #[serde(serialize_with = "rounded")]
    pub seconds: f64,
}

fn rounded<S: serde::Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // JSON has no form for a number that is not finite. No build takes that long.
    serializer.serialize_f64(if seconds.is_finite() { crate::timing::micro(*seconds) } else { 0.0 })
}

/// The preferred mode, and why another one was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackEntry {
    /// The name of the mode that was preferred.
    pub from: String,
    /// The reason why the preferred mode could not be built, as text.
    pub reason: String,
}

/// The C toolchain with which a job was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolchainEntry {
    /// The name of the toolchain's provider.
    pub provider: String,
    /// The command that compiles C.
    pub cc: String,
    /// The version of the C compiler.
    pub version: String,
    /// The identity of the toolchain, which changes when the compiler changes.
    pub id: String,
}

/// The program that a job built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactEntry {
    /// The path of the program below `target/dist`.
    pub path: String,
    /// The SHA-256 of the program's file, in lower-case hexadecimal.
    pub sha256: String,
    /// The size of the program's file, in bytes.
    pub size: u64,
    /// The kind of linking; none if the file is not an ELF file.
    pub kind: Option<Linkage>,
    /// The processor family of the program, such as `x86_64`; none if the file cannot be read as a program.
    pub machine: Option<String>,
    /// The dynamic loader that the program names.
    pub interpreter: Option<String>,
    /// The shared libraries that the program names.
    pub needed: Vec<String>,
    /// The newest version of glibc that the program requires.
    pub glibc_max: Option<String>,
    /// The bill of materials of the program; none if the command wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<Sbom>,
}

/// The file with a bill of materials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sbom {
    /// The path of the file below `target/dist`.
    pub path: String,
    /// The SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
}

/// The verdict of the gate on a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckVerdict {
    /// The gate found no reason to reject the program.
    Pass,
    /// The program must not be shipped.
    Fail,
}

/// The contents of a program, in bytes of code and data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentsEntry {
    /// The bytes that rustc made of the program's packages.
    pub rust: u64,
    /// The bytes of Rust's std.
    pub std: u64,
    /// The bytes of the C library, the start files and the compiler's runtime.
    pub c_library: u64,
    /// The other parts, which are mostly C.
    pub foreign: Vec<ForeignEntry>,
}

/// A library or an object in a program that rustc did not make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignEntry {
    /// The package that had it linked, with its version; none if no package did.
    pub package: Option<String>,
    /// The name of the archive or object.
    pub file: String,
    /// The number of its objects in the program.
    pub objects: usize,
    /// The number of their bytes; none for a shared library.
    pub bytes: Option<u64>,
    /// The signatures of their compilers. Empty if an assembler made them.
    pub compilers: Vec<String>,
}

/// The result of the purity check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PurityEntry {
    /// Traps replaced every C compiler, and the link used only Rust code and the C library.
    #[serde(rename = "proven")]
    Proven,
    /// Traps replaced every C compiler, but nothing is known of the link.
    #[serde(rename = "not-seen")]
    NotSeen,
    /// The mode contains C, or the job failed before the check.
    #[serde(rename = "n/a")]
    NotApplicable,
}

/// The smoke run of a program or an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmokeEntry {
    /// The runner: `native` or `qemu`; for an image `docker`, `podman`, `unshare`, `bwrap`, `unshare+qemu`,
    /// ….
    pub runner: Option<String>,
    /// The result of the smoke run.
    pub status: SmokeStatus,
    /// Why it failed or was skipped. For an image that passed with another runner: the objection of the
    /// answering engine.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The result of a smoke run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmokeStatus {
    /// The program ended as expected and in time. The default expectation is exit code 0.
    Pass,
    /// The program did not end as expected, or not in time.
    Fail,
    /// The program was not started: no runner on this machine can run it, or there is no program.
    Skipped,
}

/// The result of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All requested results exist.
    Ok,
    /// The job failed; its error says why.
    Failed,
}

/// The entry of an image: an index over platforms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageEntry {
    /// The name of the image in targets.toml.
    pub name: String,
    /// The base of the image: that of targets.toml, or the one that was chosen automatically.
    pub base: String,
    /// Why a lock of this run replaces the repository's; none if the repository's was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<String>,
    /// Whether only the part of the base that the programs need is shipped.
    #[serde(default)]
    pub closure: bool,
    /// If the base was chosen automatically: the smaller bases that were rejected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
    /// The digest of the index in target/dist/oci, with `sha256:`.
    pub index_digest: String,
    /// The compression of our layers in target/dist/oci: `gzip` or `zstd`.
    #[serde(default)]
    pub compression: String,
    /// The digest of the index in `images/<image>.tar`, whose layers use gzip.
    #[serde(default)]
    pub tar_index_digest: String,
    /// The budget in targets.toml: the maximum number of bytes of a pull for one platform.
    #[serde(default)]
    pub budget: Option<u64>,
    /// The manifests of the image, one for each platform.
    pub manifests: Vec<ManifestEntry>,
    /// The platforms of the image in targets.toml that `--target` leaves out here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// A smaller base that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The name of the base that was rejected.
    pub base: String,
    /// Why a program cannot start on it.
    pub reason: String,
}

/// The entry of one platform of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// The platform in OCI's form, such as `linux/arm64/v8`.
    pub platform: String,
    /// The digest of the manifest, with `sha256:`.
    pub digest: String,
    /// The number of bytes to fetch: config and stored layers.
    pub size: u64,
    /// The smoke run of this image.
    #[serde(default)]
    pub smoke: Option<SmokeEntry>,
    /// The bill of materials of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<Sbom>,
}

/// An image that was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmade {
    /// The name of the image in targets.toml.
    pub name: String,
    /// The platforms that it would lack or on which it failed, with the reasons, or that `--target` leaves
    /// out all of them.
    pub reason: String,
    /// The digest, with `sha256:`, of the index of an earlier image with this name in target/dist. None if
    /// there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<String>,
}

/// A target that could not be built here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// The target triple that was skipped.
    pub target: String,
    /// Why the target could not be built.
    pub reason: String,
}

impl Unmade {
    /// Returns the reason, and the earlier image in target/dist, so that nobody mistakes that one for the new
    /// one.
    pub fn words(&self) -> String {
        let earlier = self.earlier.as_ref();
        let earlier =
            earlier.map(|digest| format!("; target/dist contains the image of an earlier run, {digest}"));
        format!("{}{}", self.reason, earlier.unwrap_or_default())
    }
}

impl ArtifactEntry {
    /// Makes the entry of a program in the report. `path` is relative to `target/dist`, `sha256` is in
    /// lower-case hexadecimal, and `size` is in bytes. `facts` are none if the file cannot be read as a
    /// program.
    pub fn new(path: impl Into<String>, sha256: impl Into<String>, size: u64, facts: Option<&Facts>) -> Self {
        Self {
            path: path.into(),
            sha256: sha256.into(),
            size,
            kind: facts.map(|f| f.kind),
            machine: facts.map(Facts::machine_name),
            interpreter: facts.and_then(|f| f.interpreter.clone()),
            needed: facts.map(|f| f.needed.clone()).unwrap_or_default(),
            glibc_max: facts.and_then(Facts::glibc_max).map(|(version, _)| version.to_string()),
            sbom: None,
        }
    }
}
