//! What a valid targets.toml says. A value of these types has passed every check of this module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{GlibcVersion, KeySource, RepositoryTemplate, TagTemplate};
use xtask_base::{Base, SnapshotArchive};
use xtask_compilers::toolchain::CcChoice;
use xtask_gate::Level;
use xtask_triple::{Platform, Triple, system};

mod run;

pub use run::{HealthCheck, Id, ImageRun, ImageSmoke, User};

/// The content of a valid targets.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it came from, as the caller named it.
    pub file: PathBuf,
    /// The program to build, from `[app]`.
    pub app: App,
    /// The modes in order of preference; at least one, all names different.
    pub modes: Vec<Mode>,
    /// The targets in the file's order; at least one, all triples different.
    pub targets: Vec<Target>,
    /// The images in the file's order, all names different.
    pub images: Vec<Image>,
    /// Where locked packages of Debian are taken from that its archive no longer has.
    pub snapshots: Vec<SnapshotArchive>,
    /// Where images are pushed.
    pub publish: PublishSection,
    /// What the project's own tests need.
    pub test: TestSection,
}

/// `[app]`: the program to build. Package and bin exist in the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The name of the package that has the program.
    pub package: String,
    /// The name of the program in that package.
    pub bin: String,
    /// Arguments of the smoke run; `["--version"]` where left out.
    pub smoke: Vec<String>,
}

/// `[[mode]]`: a named set of Cargo features with what it requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    /// Fit for a directory name; not `auto` or `all`.
    pub name: String,
    /// Features of the app's package, or `dependency/feature`.
    pub features: Vec<String>,
    /// Whether the package's default features are on, as they are where left out.
    pub default_features: bool,
    /// What the mode needs.
    pub needs: BTreeSet<Need>,
}

impl Mode {
    /// Whether it must have a compiler besides Rust's. One that needs none is built with traps in place of all of them.
    pub fn compiles(&self) -> bool {
        self.needs.iter().any(|need| matches!(need, Need::C | Need::Cxx))
    }
}

/// What a mode needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// `"c"`: a C compiler for the target.
    C,
    /// `"c++"`: a C++ compiler for the target.
    Cxx,
    /// `"dlopen"`: programs that can load shared libraries when they run, which static ones cannot.
    Dlopen,
}

/// `[[target]]`: a target with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The triple of the target, which rustc knows.
    pub triple: Triple,
    /// The mode to build; `auto` where left out.
    pub mode: ModeChoice,
    /// What happens on a fallback; `allow` where left out.
    pub on_fallback: OnFallback,
    /// The only C toolchain to use; found by search where left out.
    pub cc: Option<CcChoice>,
    /// The oldest glibc to run on; only where the target has one.
    pub glibc: Option<GlibcVersion>,
    /// The oldest processor to run on, as a level of x86-64; only where the target is such. It decides what the gate
    /// accepts, and not what rustc compiles for.
    pub cpu: Option<Level>,
    /// A Cargo profile of the workspace; `release` where left out.
    pub profile: String,
    /// Variables for Cargo and everything it starts. None of them is one that this program sets.
    pub env: BTreeMap<String, String>,
    /// Arguments for rustc, each handed over as one argument.
    pub rustflags: Vec<String>,
}

/// Which mode a target builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModeChoice {
    /// The first mode whose needs are met.
    Auto,
    /// This mode or nothing. A mode of this name exists.
    Named(String),
}

/// What happens where a mode that was not the first choice must be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFallback {
    /// The other mode is taken, and the run says so.
    Allow,
    /// The run ends before anything is built.
    Fail,
}

/// `[[image]]`: a container image over one or more platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// One component of an OCI repository name.
    pub name: String,
    /// What lies below the program.
    pub base: Base,
    /// In the file's order: at least one, each of its own platform.
    pub targets: Vec<ImageTarget>,
    /// Ships the time zone database.
    pub tzdata: bool,
    /// How its layers are compressed in `target/dist/oci`; `gzip` where left out.
    pub compression: Compression,
    /// The most bytes that a pull may fetch for one platform; any number where left out.
    pub budget: Option<u64>,
    /// How to run it.
    pub run: ImageRun,
    /// How it is started once, to see that it starts.
    pub smoke: ImageSmoke,
    /// Ships of the base only what the program needs.
    pub closure: bool,
    /// Where the keys stand that only what is in the image can prove wrong, as messages begin with it:
    /// `targets.toml:12:8`. Those that are written, of `entrypoint`, `user`, `workdir`, `volumes` and `healthcheck`.
    pub places: BTreeMap<&'static str, String>,
}

/// A target of the file whose program an image holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTarget {
    /// The triple of a listed target.
    pub triple: Triple,
    /// The Linux platform that the program is for.
    pub platform: Platform,
}

impl ImageTarget {
    /// The target of a triple.
    ///
    /// # Errors
    /// The message that says why no image can hold its program.
    pub fn of(triple: &Triple) -> Result<Self, String> {
        Ok(Self { triple: triple.clone(), platform: system::image_platform(triple)? })
    }
}

/// How the layers of an image are compressed. Its tar for Docker always holds gzip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// Every tool takes it.
    #[default]
    Gzip,
    /// Faster to unpack. Docker takes it from 23 on, containerd from 1.5, podman from 1.6.2.
    Zstd,
}

/// `[publish]`: where images are pushed, and under which tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishSection {
    /// The repository; none where `--to` must name it.
    pub to: Option<RepositoryTemplate>,
    /// The tags; none where the file says nothing of them.
    pub tags: Option<Vec<TagTemplate>>,
    /// The key that signs; none where nothing is signed.
    pub sign: Option<KeySource>,
    /// Whether the statements of the release are signed and attached too.
    pub attest: bool,
}

impl Default for PublishSection {
    fn default() -> Self {
        Self { to: None, tags: None, sign: None, attest: true }
    }
}

/// `[test]`: what the tests of the project itself need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestSection {
    /// The tools that the tests need, each once.
    pub needs: BTreeSet<TestNeed>,
    /// Packages whose tests run once more with all their features, which no mode may turn on together.
    pub all_features: BTreeSet<String>,
}

/// A tool that tests can need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TestNeed {
    /// A container daemon that answers to `docker`.
    Docker,
    /// Handlers in binfmt_misc, so that the daemon runs foreign images.
    Binfmt,
    /// The program `skopeo`, a tool for container images.
    Skopeo,
    /// The program `umoci`, a tool for OCI images.
    Umoci,
    /// The program `podman`, a container engine.
    Podman,
    /// The program `buildah`, a tool that builds container images.
    Buildah,
    /// The program `bwrap` of bubblewrap, a tool for sandboxes.
    Bubblewrap,
    /// The program `zstd`, as opposed to the library.
    Zstd,
    /// `docker-registry`, and `openssl` for its certificates: a registry that tests start for themselves.
    Registry,
    /// `musl-gcc`, with musl's loader.
    MuslGcc,
    /// `zig`, as a C compiler for targets that the machine has none for.
    Zig,
    /// `cyclonedx`: the reference library of CycloneDX, for Python.
    Cyclonedx,
    /// `in-toto`: the library of in-toto's attestation framework, for Python.
    InToto,
    /// `cosign`: both major versions of the program that verifies signatures.
    Cosign,
    /// `rust-src`: the source of Rust's library, of any rustc that may be used.
    RustSrc,
}

impl Target {
    /// A target that targets.toml does not list, with the defaults of every key.
    pub fn with_defaults(triple: Triple) -> Self {
        Self {
            triple,
            mode: ModeChoice::Auto,
            on_fallback: OnFallback::Allow,
            cc: None,
            glibc: None,
            cpu: None,
            profile: "release".to_owned(),
            env: BTreeMap::new(),
            rustflags: Vec::new(),
        }
    }
}

/// A fixed set of words in targets.toml.
pub(super) trait Keyword: Copy + 'static {
    /// Every value with its spelling, in the order in which help names them.
    const ALL: &'static [(&'static str, Self)];
}

impl Keyword for Need {
    const ALL: &'static [(&'static str, Self)] =
        &[("c", Self::C), ("c++", Self::Cxx), ("dlopen", Self::Dlopen)];
}

impl Keyword for OnFallback {
    const ALL: &'static [(&'static str, Self)] = &[("allow", Self::Allow), ("fail", Self::Fail)];
}

impl Keyword for Compression {
    const ALL: &'static [(&'static str, Self)] = &[("gzip", Self::Gzip), ("zstd", Self::Zstd)];
}

impl Keyword for Level {
    const ALL: &'static [(&'static str, Self)] =
        &[("x86-64", Self::V1), ("x86-64-v2", Self::V2), ("x86-64-v3", Self::V3), ("x86-64-v4", Self::V4)];
}

impl Keyword for TestNeed {
    const ALL: &'static [(&'static str, Self)] = &[
        ("docker", Self::Docker),
        ("binfmt", Self::Binfmt),
        ("skopeo", Self::Skopeo),
        ("umoci", Self::Umoci),
        ("podman", Self::Podman),
        ("buildah", Self::Buildah),
        ("bwrap", Self::Bubblewrap),
        ("zstd", Self::Zstd),
        ("registry", Self::Registry),
        ("musl-gcc", Self::MuslGcc),
        ("zig", Self::Zig),
        ("cyclonedx", Self::Cyclonedx),
        ("in-toto", Self::InToto),
        ("cosign", Self::Cosign),
        ("rust-src", Self::RustSrc),
    ];
}

macro_rules! spelled {
    ($($word:ty),*) => {$(
        impl $word {
            /// Its spelling in targets.toml.
            pub fn as_str(self) -> &'static str {
                Self::ALL.iter().find(|(_, value)| *value == self).map_or("", |(spelling, _)| spelling)
            }
        }
    )*};
}
spelled!(Need, OnFallback, Compression, TestNeed);
