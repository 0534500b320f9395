//! The types of a valid targets.toml. A value of these types has passed every check of this crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{GlibcVersion, RepositoryTemplate, SigningSource, TagTemplate};
use xtask_base::{Base, SnapshotArchive};
use xtask_compilers::toolchain::{CcChoice, Provider};
use xtask_gate::Level;
use xtask_triple::{Platform, Triple, system};

mod run;

pub use run::{HealthCheck, Id, ImageRun, ImageSmoke, User};

/// The content of a valid targets.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The path of the file, as the caller wrote it.
    pub file: PathBuf,
    /// The program to build, from `[app]`.
    pub app: App,
    /// The modes in order of preference; at least one, all names different.
    pub modes: Vec<Mode>,
    /// The targets in the file's order; at least one, all triples different.
    pub targets: Vec<Target>,
    /// The C toolchains that the file defines, in its order, all names different.
    pub providers: Vec<Provider>,
    /// The images in the file's order, all names different.
    pub images: Vec<Image>,
    /// The archives from which locked Debian packages are downloaded if Debian's archive no longer has them.
    pub snapshots: Vec<SnapshotArchive>,
    /// The settings for pushing images.
    pub publish: PublishSection,
    /// The needs of the project's own tests.
    pub test: TestSection,
}

/// `[app]`: the program to build. Package and bin exist in the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The name of the package that has the program.
    pub package: String,
    /// The name of the program in that package.
    pub bin: String,
    /// The arguments of the smoke run. The default is `["--version"]`.
    pub smoke: Vec<String>,
    /// Whether each program carries the list of its packages; `false` where left out.
    pub auditable: bool,
}

/// `[[mode]]`: a named set of Cargo features with what it requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    /// The name, which can be a folder name and is not `auto` or `all`.
    pub name: String,
    /// The features of the app's package, or `dependency/feature`.
    pub features: Vec<String>,
    /// Whether the package's default features are on. The default is true.
    pub default_features: bool,
    /// The needs of the mode.
    pub needs: BTreeSet<Need>,
}

impl Mode {
    /// Whether it needs a compiler in addition to Rust's. A mode that needs none is built with traps in place
    /// of all compilers.
    pub fn compiles(&self) -> bool {
        self.needs.iter().any(|need| matches!(need, Need::C | Need::Cxx))
    }
}

/// A requirement of a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// `"c"`: a C compiler for the target.
    C,
    /// `"c++"`: a C++ compiler for the target.
    Cxx,
    /// `"dlopen"`: the program can load shared libraries at run time, which a static program cannot.
    Dlopen,
}

/// `[[target]]`: a target with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The triple of the target, which rustc knows.
    pub triple: Triple,
    /// The mode to build. The default is `auto`.
    pub mode: ModeChoice,
    /// The reaction to a fallback. The default is `allow`.
    pub on_fallback: OnFallback,
    /// The only C toolchain to use. With none, it is found by search.
    pub cc: Option<CcChoice>,
    /// The oldest glibc on which the program must run; only for a target with glibc.
    pub glibc: Option<GlibcVersion>,
    /// The oldest processor on which the program must run, as a level of x86-64; only for an x86-64 target.
    /// It decides what the gate accepts. It does not change what rustc compiles for.
    pub cpu: Option<Level>,
    /// A folder with headers and libraries of the target, laid out as in the root of its file system.
    pub sysroot: Option<PathBuf>,
    /// A Cargo profile of the workspace. The default is `release`.
    pub profile: String,
    /// Variables for Cargo and for every process that it starts. Variables that this program sets itself are
    /// not among them.
    pub env: BTreeMap<String, String>,
    /// The arguments for rustc. Each string is one argument.
    pub rustflags: Vec<String>,
}

/// The mode that a target builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModeChoice {
    /// The first mode whose needs are met.
    Auto,
    /// This mode or nothing. A mode with this name exists.
    Named(String),
}

/// The reaction if the first mode cannot be built and another one must be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFallback {
    /// The other mode is used, and the run reports it.
    Allow,
    /// The run ends before anything is built.
    Fail,
}

/// `[[image]]`: a container image over one or more platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// One component of an OCI repository name.
    pub name: String,
    /// The root file system below the program.
    pub base: Base,
    /// The targets in the file's order: at least one, and no two with the same platform.
    pub targets: Vec<ImageTarget>,
    /// Whether the image contains the time zone database.
    pub tzdata: bool,
    /// The compression of its layers in `target/dist/oci`. The default is `gzip`.
    pub compression: Compression,
    /// The maximum number of bytes of a pull for one platform; with none, there is no limit.
    pub budget: Option<u64>,
    /// The settings for running the image.
    pub run: ImageRun,
    /// The settings for its smoke run.
    pub smoke: ImageSmoke,
    /// Whether the image contains only those files of the base that the program needs.
    pub closure: bool,
    /// The positions of keys whose values can only be checked against the content of the image, in the form
    /// in which messages begin: `targets.toml:12:8`. It contains those of `entrypoint`, `user`, `workdir`,
    /// `volumes` and `healthcheck` that are written.
    pub places: BTreeMap<&'static str, String>,
}

/// A target of the file whose program is in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTarget {
    /// The triple of a listed target.
    pub triple: Triple,
    /// The Linux platform that the program is for.
    pub platform: Platform,
}

impl ImageTarget {
    /// Makes the image target of a triple.
    ///
    /// # Errors
    /// The message says why no image can hold the target's program.
    pub fn of(triple: &Triple) -> Result<Self, String> {
        Ok(Self { triple: triple.clone(), platform: system::image_platform(triple)? })
    }
}

/// The compression of an image's layers. Its tar for Docker always contains gzip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// gzip, which every tool accepts.
    #[default]
    Gzip,
    /// zstd, which unpacks faster. Docker accepts it from 23 on, containerd from 1.5, podman from 1.6.2.
    Zstd,
}

/// `[publish]`: where images are pushed, and under which tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishSection {
    /// The repository; none if `--to` must name it.
    pub to: Option<RepositoryTemplate>,
    /// The tags; none if the file does not set them.
    pub tags: Option<Vec<TagTemplate>>,
    /// What signs; none if nothing is signed.
    pub sign: Option<SigningSource>,
    /// Whether the statements of the release are also signed and attached.
    pub attest: bool,
}

impl Default for PublishSection {
    fn default() -> Self {
        Self { to: None, tags: None, sign: None, attest: true }
    }
}

/// `[test]`: the needs of the project's own tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestSection {
    /// The tools that the tests need.
    pub needs: BTreeSet<TestNeed>,
    /// The packages whose tests run once more with all their features. No mode may turn these features on
    /// together.
    pub all_features: BTreeSet<String>,
}

/// A tool that tests can need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TestNeed {
    /// A container daemon that the program `docker` can reach.
    Docker,
    /// Handlers in binfmt_misc, with which the daemon runs foreign images.
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
    /// The program `pkg-config`.
    PkgConfig,
    /// The program `zstd`, not the library.
    Zstd,
    /// `docker-registry`, with `openssl` for its certificates: a registry that tests start themselves.
    Registry,
    /// `musl-gcc`, with musl's loader.
    MuslGcc,
    /// `aarch64-gcc`: Debian's cross gcc for aarch64-unknown-linux-gnu, with its C library, also where another
    /// C toolchain for the target is on the machine.
    Aarch64Gcc,
    /// `zig`, as a C compiler for targets for which the machine has no other.
    Zig,
    /// `cyclonedx`: the reference library of CycloneDX, for Python.
    Cyclonedx,
    /// `in-toto`: the library of in-toto's attestation framework, for Python.
    InToto,
    /// `workflows`: check-jsonschema and zizmor, which examine the files of `ci init`.
    Workflows,
    /// `sccache`: sccache with redis-server, which it stores into.
    Sccache,
    /// `cosign`: both major versions of the program that verifies signatures.
    Cosign,
    /// `windows`: MinGW's gcc and g++, the std of x86_64-pc-windows-gnu, wine and unzip.
    Windows,
    /// `rust-src`: the source of Rust's library, for any rustc that may be used.
    RustSrc,
    /// `wasi`: the std for wasm32-wasip1, clang with wasi-libc, and node.
    Wasi,
    /// `macos`: the stds for macOS on both architectures. zig is the C compiler and the linker.
    Macos,
}

impl Target {
    /// Makes a target that targets.toml does not list, with the default of every key.
    pub fn with_defaults(triple: Triple) -> Self {
        Self {
            triple,
            mode: ModeChoice::Auto,
            on_fallback: OnFallback::Allow,
            cc: None,
            glibc: None,
            cpu: None,
            sysroot: None,
            profile: "release".to_owned(),
            env: BTreeMap::new(),
            rustflags: Vec::new(),
        }
    }
}

/// A fixed set of words in targets.toml.
pub(super) trait Keyword: Copy + 'static {
    /// Every value with its spelling, in the order in which help lists them.
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
        ("pkg-config", Self::PkgConfig),
        ("podman", Self::Podman),
        ("buildah", Self::Buildah),
        ("bwrap", Self::Bubblewrap),
        ("zstd", Self::Zstd),
        ("registry", Self::Registry),
        ("musl-gcc", Self::MuslGcc),
        ("aarch64-gcc", Self::Aarch64Gcc),
        ("zig", Self::Zig),
        ("cyclonedx", Self::Cyclonedx),
        ("in-toto", Self::InToto),
        ("workflows", Self::Workflows),
        ("sccache", Self::Sccache),
        ("cosign", Self::Cosign),
        ("windows", Self::Windows),
        ("rust-src", Self::RustSrc),
        ("wasi", Self::Wasi),
        ("macos", Self::Macos),
    ];
}

macro_rules! spelled {
    ($($word:ty),*) => {$(
        impl $word {
            /// Returns its spelling in targets.toml.
            pub fn as_str(self) -> &'static str {
                Self::ALL.iter().find(|(_, value)| *value == self).map_or("", |(spelling, _)| spelling)
            }
        }
    )*};
}
spelled!(Need, OnFallback, Compression, TestNeed);
