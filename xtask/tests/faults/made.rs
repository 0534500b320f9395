//! A made-up release: what `release` leaves in `target/dist`, of programs that are noise. It has any size and takes no build.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use xtask_oci::document::Runtime;
use xtask_oci::{
    Codec, ImageSpec, LayerSource, LayerSpec, Packer, PlatformSpec, ScratchImage, scratch_rootfs,
};
use xtask_process::exec::Cmd;
use xtask_triple::Triple;

/// The program under test.
const XTASK: &str = env!("CARGO_BIN_EXE_cargo-xtask");
/// The tag that the version of the release gives.
pub(crate) const TAG: &str = "1.2.3";

const CONFIG: &str = "schema = 1\n[app]\npackage = \"app\"\nbin = \"app\"\n[[mode]]\nname = \"pure\"\n\
    [[target]]\ntriple = \"x86_64-unknown-linux-musl\"\n[[target]]\ntriple = \"aarch64-unknown-linux-musl\"\n\
    [[image]]\nname = \"app\"\nbase = \"scratch\"\n\
    targets = [\"x86_64-unknown-linux-musl\", \"aarch64-unknown-linux-musl\"]\n";

/// A workspace with a release of one image for two platforms. Removed when dropped.
pub(crate) struct MadeRelease {
    dir: tempfile::TempDir,
    /// The digest of the image's index, with `sha256:`.
    pub(crate) index: String,
    /// The bytes of all blobs that a registry gets, without manifests.
    pub(crate) bytes: u64,
}

impl MadeRelease {
    /// Makes a release whose programs have `size` bytes each, another one for each seed.
    pub(crate) fn new(seed: u64, size: usize) -> Self {
        let dir = tempfile::Builder::new().prefix("xtask-made-").tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\"]\n");
        let package = format!("[package]\nname = \"app\"\nversion = \"{TAG}\"\nedition = \"2024\"\n");
        put("app/Cargo.toml", &package);
        put("app/src/main.rs", "fn main() {}\n");
        put("targets.toml", CONFIG);
        let (dist, cache) = (dir.path().join("target/dist"), dir.path().join("target/xtask/packed"));
        let image = image(dir.path(), seed, size);
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let packed = Packer { dist: &dist, cache: &cache, threads }.pack(&[image]).unwrap();
        let index = packed[0].index_digest.as_str().to_owned();
        let report = serde_json::json!({
            "schema": 1, "version": TAG, "jobs": [], "skipped": [],
            "images": [{ "name": "app", "base": "scratch", "index_digest": index, "manifests": [] }],
        });
        put("target/dist/report.json", &report.to_string());
        let mut made = Self { dir, index, bytes: 0 };
        made.bytes = made.blobs().iter().map(|blob| blob.metadata().unwrap().len()).sum();
        made
    }

    /// The image layout of the release.
    pub(crate) fn layout(&self) -> PathBuf {
        self.dir.path().join("target/dist/oci")
    }

    /// The tar of the release, for Docker.
    pub(crate) fn tar(&self) -> PathBuf {
        self.dir.path().join("target/dist/images/app.tar")
    }

    /// The files of the configurations and layers, the largest first.
    pub(crate) fn blobs(&self) -> Vec<PathBuf> {
        let folder = self.layout().join("blobs/sha256");
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        // Manifests and the index name their kind; a configuration does not.
        files.retain(|file| {
            let small = file.metadata().unwrap().len() < 10_000;
            !small || !std::fs::read_to_string(file).is_ok_and(|text| text.contains("\"schemaVersion\""))
        });
        files.sort_by_key(|file| std::cmp::Reverse(file.metadata().unwrap().len()));
        files
    }

    /// `cargo xtask publish` of the release to a repository, with the rest of its arguments.
    pub(crate) fn publish(&self, to: &str, more: &[&str]) -> Cmd {
        let mut cmd = Cmd::new(XTASK).args(["publish", "--to", to]).args(more).cwd(self.dir.path());
        cmd.clear_env = true;
        self.variables().into_iter().fold(cmd, |cmd, (key, value)| cmd.env(key, value))
    }

    /// The environment of a publisher: what Cargo and rustc need, and nobody logged in.
    fn variables(&self) -> Vec<(&'static str, std::ffi::OsString)> {
        let kept = ["PATH", "HOME", "TMPDIR", "CARGO", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
        let kept = kept.into_iter().filter_map(|key| Some((key, std::env::var_os(key)?)));
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults-cache");
        let own: [(&str, &OsStr); 2] =
            [("XTASK_CACHE_DIR", cache.as_os_str()), ("DOCKER_CONFIG", self.dir.path().as_os_str())];
        kept.chain(own.map(|(key, value)| (key, value.to_owned()))).collect()
    }
}

/// An image for two platforms, each with a layer of its own and one that both have.
fn image(dir: &Path, seed: u64, size: usize) -> ImageSpec {
    let platform = |(at, triple): (u64, &str)| {
        let layer = |name: &str, seed: u64, size: usize| {
            let program = dir.join(name);
            std::fs::write(&program, noise(seed, size)).unwrap();
            let rootfs = scratch_rootfs(&ScratchImage { bin: name, program: &program, time_zones: false });
            LayerSource::Tree(LayerSpec { rootfs: rootfs.unwrap(), created_by: String::new() })
        };
        PlatformSpec {
            platform: Triple::parse(triple).platform().unwrap(),
            layers: vec![layer("shared", seed, size / 10), layer(&format!("app{at}"), seed + 1 + at, size)],
            runtime: Runtime::default(),
        }
    };
    let triples = [(0, "x86_64-unknown-linux-musl"), (1, "aarch64-unknown-linux-musl")];
    ImageSpec {
        name: "app".into(),
        version: TAG.into(),
        platforms: triples.into_iter().map(platform).collect(),
        annotations: Default::default(),
        codec: Codec::Gzip,
        created: 0,
    }
}

/// Bytes that no compressor makes smaller.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
