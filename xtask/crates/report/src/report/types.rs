//! report.json: the types are its contract. Keys may be added, not renamed.

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
    /// The images of targets.toml that were not made, since they would have lacked a platform or do not run on one.
    #[serde(default)]
    pub unmade: Vec<Unmade>,
    /// Targets that could not be built here at all.
    pub skipped: Vec<SkippedEntry>,
}

/// One target in one mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobEntry {
    /// The target triple that the job built for.
    pub target: String,
    /// The name of the mode that was built.
    pub mode: String,
    /// The mode that was asked for: `auto` or a name.
    pub requested: String,
    /// The mode that would have been preferred, and why it was not built.
    pub fallback: Option<FallbackEntry>,
    /// The C toolchain; none for a mode that needs none.
    pub toolchain: Option<ToolchainEntry>,
    /// The program that was built; none where there is none.
    pub artifact: Option<ArtifactEntry>,
    /// The verdict of the gate; none where there was nothing to check.
    pub gate: Option<CheckVerdict>,
    /// The warnings that the gate gave.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What is worth knowing and no fault, such as a crate that asked for a C compiler and got on without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The calls of C compilers that a pure build refused and got on without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// What the program consists of, by the map of its link; none where nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<ContentsEntry>,
    /// Whether the program is known to contain no C.
    pub purity: PurityEntry,
    /// The first start of the program.
    pub smoke: SmokeEntry,
    /// How the job ended.
    pub status: Status,
    /// Why the job failed; none where it did not.
    pub error: Option<String>,
    /// Wall time of its cargo call in seconds; jobs that share a call have the same.
    #[serde(serialize_with = "rounded")]
    pub seconds: f64,
}

fn rounded<S: serde::Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // JSON has no word for what is not finite; no build takes that long.
    serializer.serialize_f64(if seconds.is_finite() { crate::timing::micro(*seconds) } else { 0.0 })
}

/// A mode that was preferred, and why another was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackEntry {
    /// The name of the mode that was preferred.
    pub from: String,
    /// Why the preferred mode could not be built, in words.
    pub reason: String,
}

/// The C toolchain that a job was built with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolchainEntry {
    /// The name of the provider that the toolchain comes from.
    pub provider: String,
    /// The command that compiles C.
    pub cc: String,
    /// The version of the C compiler.
    pub version: String,
    /// The identity of the toolchain, which changes when the compiler changes.
    pub id: String,
}

/// A program that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactEntry {
    /// The path of the program below `target/dist`.
    pub path: String,
    /// The SHA-256 of the program's file, in lower-case hexadecimal.
    pub sha256: String,
    /// The size of the program's file, in bytes.
    pub size: u64,
    /// How the program is linked; none where it is not an ELF file.
    pub kind: Option<Linkage>,
    /// The processor family that the program is for, such as `x86_64`; none where the file cannot be read as a program.
    pub machine: Option<String>,
    /// The dynamic loader that the program names.
    pub interpreter: Option<String>,
    /// The shared libraries that the program names.
    pub needed: Vec<String>,
    /// The newest version of glibc that the program requires.
    pub glibc_max: Option<String>,
    /// The bill of materials of the program; none where the command wrote none.
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

/// What a program consists of, in bytes of code and data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentsEntry {
    /// What rustc made of the program's packages.
    pub rust: u64,
    /// Rust's std.
    pub std: u64,
    /// The C library, start files and the runtime of the compiler.
    pub c_library: u64,
    /// What is none of these, mostly C.
    pub foreign: Vec<ForeignEntry>,
}

/// A library or an object in a program that rustc did not make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignEntry {
    /// The package that had it linked, with its version; none where it was no package.
    pub package: Option<String>,
    /// The name of the archive or object.
    pub file: String,
    /// How many of its objects are in the program.
    pub objects: usize,
    /// How many bytes they gave; none for a shared library.
    pub bytes: Option<u64>,
    /// How their compilers signed; empty where an assembler made them.
    pub compilers: Vec<String>,
}

/// What is known about the absence of C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PurityEntry {
    /// Traps stood in place of every C compiler, and the link took nothing but Rust and the C library.
    #[serde(rename = "proven")]
    Proven,
    /// Traps stood in place of every C compiler, and nothing is known of the link.
    #[serde(rename = "not-seen")]
    NotSeen,
    /// A mode with C, or one that failed before it was proven.
    #[serde(rename = "n/a")]
    NotApplicable,
}

/// The first start of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmokeEntry {
    /// What ran it: `native`, `qemu`; of an image `docker`, `podman`, `unshare`, `bwrap`, `unshare+qemu`, ….
    pub runner: Option<String>,
    /// How the first start ended.
    pub status: SmokeStatus,
    /// Why it failed or was skipped; of an image that passed, what the engine that answers said, where that did not run it.
    #[serde(default)]
    pub reason: Option<String>,
}

/// How the first start ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmokeStatus {
    /// The program ended as expected and in time. Exit code 0 is expected where nothing else is said.
    Pass,
    /// The program did not end as expected, or not in time.
    Fail,
    /// The program was not started: nothing here can run it, or there is no program.
    Skipped,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything that was asked for is there.
    Ok,
    /// The job failed; its error says why.
    Failed,
}

/// An image: an index over platforms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageEntry {
    /// The name of the image in targets.toml.
    pub name: String,
    /// The base that it stands on: that of targets.toml, or the one that was chosen.
    pub base: String,
    /// Why a lock that was made for this run stands in for the repository's; none where the repository's was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<String>,
    /// Only what the programs need of the base is shipped.
    #[serde(default)]
    pub closure: bool,
    /// Where the base was chosen: the smaller ones that are not it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
    /// Digest of the index in target/dist/oci, with `sha256:`.
    pub index_digest: String,
    /// How the layers in target/dist/oci that are ours are compressed: `gzip` or `zstd`.
    #[serde(default)]
    pub compression: String,
    /// Digest of the index in `images/<image>.tar`, whose layers are gzip.
    #[serde(default)]
    pub tar_index_digest: String,
    /// The most bytes that a platform may have to pull, as targets.toml says.
    #[serde(default)]
    pub budget: Option<u64>,
    /// The manifests of the image, one for each platform.
    pub manifests: Vec<ManifestEntry>,
    /// The platforms that it has in targets.toml and not here, since `--target` leaves them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// A smaller base that the choice of a base rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The name of the base that was rejected.
    pub base: String,
    /// Why a program does not start on it.
    pub reason: String,
}

/// An image's part for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// The platform as OCI writes it, for instance `linux/arm64/v8`.
    pub platform: String,
    /// Digest of the manifest, with `sha256:`.
    pub digest: String,
    /// Bytes to fetch: config and layers as stored.
    pub size: u64,
    /// The first start of this very image.
    #[serde(default)]
    pub smoke: Option<SmokeEntry>,
    /// Its bill of materials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<Sbom>,
}

/// An image that was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmade {
    /// The name of the image in targets.toml.
    pub name: String,
    /// Which platforms it would have lacked, or on which it does not run, and why; or that `--target` leaves out all.
    pub reason: String,
    /// The digest of the index, with `sha256:`, of the image of this name that target/dist holds all the same: an earlier
    /// run made it. None where there is none.
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
    /// The reason, and the image of an earlier run in target/dist, so that nobody takes that one for the new one.
    pub fn words(&self) -> String {
        let earlier = self.earlier.as_ref();
        let earlier = earlier.map(|digest| format!("; target/dist holds that of an earlier run, {digest}"));
        format!("{}{}", self.reason, earlier.unwrap_or_default())
    }
}

impl ArtifactEntry {
    /// A program's entry in the report. `path` is relative to `target/dist`, `sha256` lower-case hexadecimal, `size` in
    /// bytes; no `facts` where the file cannot be read as a program.
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
