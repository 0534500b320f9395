//! What the benchmarks of packing share: the program, the image, and how times are taken.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use xtask_oci::document::Runtime;
use xtask_oci::{
    Codec, ImageSpec, LayerSource, LayerSpec, Packer, PlatformSpec, RootFs, ScratchImage, scratch_rootfs,
};
pub(crate) use xtask_report::timing::median;
use xtask_triple::Triple;

/// The size of the program, bytes.
pub(crate) const SIZE: usize = 13_000_000;

/// The first 13 MB of a real program: rustdoc, or Cargo, of the toolchain that runs this, or the file that
/// XTASK_BENCH_PROGRAM names. Its bytes decide how long compressing takes.
pub(crate) fn program() -> Vec<u8> {
    let named = std::env::var_os("XTASK_BENCH_PROGRAM").map(PathBuf::from);
    let cargo = PathBuf::from(std::env::var_os("CARGO").expect("run by cargo"));
    let candidates = named.into_iter().chain([cargo.with_file_name("rustdoc"), cargo]);
    let mut bytes = candidates
        .filter_map(|path| std::fs::read(path).ok())
        .find(|bytes| bytes.len() >= SIZE)
        .expect("a program of 13 MB or more");
    bytes.truncate(SIZE);
    bytes
}

/// The tree of a scratch image whose program is this file.
pub(crate) fn tree(bin: &str, program: &Path) -> RootFs {
    scratch_rootfs(&ScratchImage { bin, program, time_zones: true }).expect("a tree")
}

/// A scratch image with this program for each of the targets.
pub(crate) fn image(program: &Path, triples: &[&str]) -> ImageSpec {
    let platform = |(at, triple): (usize, &&str)| {
        // Another name makes another layer, so that the second platform is real work.
        let rootfs = tree(&format!("app{at}"), program);
        PlatformSpec {
            platform: Triple::parse(triple).platform().expect("a platform"),
            layers: vec![LayerSource::Tree(LayerSpec { rootfs, created_by: String::new() })],
            runtime: Runtime::default(),
        }
    };
    ImageSpec {
        name: "bench".into(),
        version: "1".into(),
        platforms: triples.iter().enumerate().map(platform).collect(),
        annotations: Default::default(),
        codec: Codec::Gzip,
        created: 0,
    }
}

/// Packs into `<dir>/dist` and remembers in `<dir>/cache`.
pub(crate) fn pack(image: &ImageSpec, dir: &Path, threads: NonZeroUsize) {
    let (dist, cache) = (dir.join("dist"), dir.join("cache"));
    Packer { dist: &dist, cache: &cache, threads }.pack(std::slice::from_ref(image)).expect("packed");
}

/// Removes what [`pack`] left.
pub(crate) fn forget(dir: &Path) {
    for folder in ["dist", "cache"] {
        let _ = std::fs::remove_dir_all(dir.join(folder));
    }
}

/// The threads that compress.
pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Seconds that something takes.
pub(crate) fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

/// The largest blob of an image layout, in bytes: its layer, where it has one.
pub(crate) fn largest_blob(layout: &Path) -> u64 {
    let blobs = std::fs::read_dir(layout.join("blobs/sha256")).into_iter().flatten().flatten();
    blobs.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).max().unwrap_or(0)
}
