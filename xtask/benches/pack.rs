//! What packing costs beside what it cannot cost less than: `cargo bench -p xtask --bench pack`, and for the profile
//! that `cargo xtask` runs in, `cargo bench -p xtask --bench pack --profile dev`.
//!
//! The program is the first 13 MB of a real one: rustdoc, or Cargo, of the toolchain that runs this (or the file that
//! XTASK_BENCH_PROGRAM names). Rounds of all cases are interleaved; the medians and their ratios count. The limit is the
//! same bytes read from memory, hashed, compressed in blocks on all cores, hashed again and written, with no tar, no
//! documents and no tar for Docker. `--test` runs everything once.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use xtask::oci::document::Runtime;
use xtask::oci::gzip::{Gzip, Pool};
use xtask::oci::{
    Codec, Hashed, ImageSpec, LayerSource, LayerSpec, Packer, PlatformSpec, Scratch, scratch_rootfs,
};
use xtask::triple::Triple;
use xtask::ui::Ui;

const SIZE: usize = 13_000_000;

fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { 15 };
    let dir = tempfile::tempdir().expect("a folder for the benchmark");
    let program = program();
    let file = dir.path().join("program");
    std::fs::write(&file, &program).expect("the program's copy");
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);

    let one = image(&file, &["x86_64-unknown-linux-musl"]);
    let two = image(&file, &["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]);
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..rounds {
        times[0].push(timed(|| limit(&program, dir.path(), threads)));
        times[1].push(timed(|| limit(&program, dir.path(), NonZeroUsize::MIN)));
        times[2].push(cold(&one, dir.path(), threads));
        times[3].push(timed(|| pack(&one, dir.path(), threads)));
        times[4].push(cold(&two, dir.path(), threads));
    }
    let layers = dir.path().join("dist/oci/blobs/sha256");
    let largest = std::fs::read_dir(layers)
        .expect("blobs")
        .flatten()
        .filter_map(|e| e.metadata().ok())
        .map(|m| m.len());
    let ui = Ui::new(false, false, false);
    let medians = times.map(median);
    ui.data(&format!(
        "{} bytes, {threads} cores, {rounds} rounds; layer {} bytes",
        program.len(),
        largest.max().unwrap_or(0)
    ));
    let names = [
        "limit (hash, compress, hash, write)",
        "limit on one thread",
        "pack, cold",
        "pack, unchanged",
        "pack two platforms with different layers, cold",
    ];
    for (name, seconds) in names.iter().zip(medians) {
        ui.data(&format!("{:>8.1} ms  {:>5.2} x limit  {name}", seconds * 1e3, seconds / medians[0]));
    }
}

/// A real program's bytes: they decide how long compressing takes.
fn program() -> Vec<u8> {
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

fn image(program: &Path, triples: &[&str]) -> ImageSpec {
    let platform = |(at, triple): (usize, &&str)| {
        // Another name makes another layer, so that the second platform is real work.
        let bin = format!("app{at}");
        let scratch = Scratch { bin: &bin, program, time_zones: true };
        let rootfs = scratch_rootfs(&scratch).expect("a tree");
        let platform = Triple::parse(triple).platform().expect("a platform");
        PlatformSpec {
            platform,
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

fn pack(image: &ImageSpec, dir: &Path, threads: NonZeroUsize) {
    let (dist, cache) = (dir.join("dist"), dir.join("cache"));
    Packer { dist: &dist, cache: &cache, threads }.pack(std::slice::from_ref(image)).expect("packed");
}

/// With nothing there that could be used again; removing it is not counted.
fn cold(image: &ImageSpec, dir: &Path, threads: NonZeroUsize) -> f64 {
    for folder in ["dist", "cache"] {
        let _ = std::fs::remove_dir_all(dir.join(folder));
    }
    timed(|| pack(image, dir, threads))
}

fn limit(program: &[u8], dir: &Path, threads: NonZeroUsize) {
    let pool = Pool::new(threads).expect("threads");
    let file = std::fs::File::create(dir.join("limit")).expect("a file");
    let gzip = Gzip::new(&pool, Hashed::new(file)).expect("a stream");
    let mut hashed = Hashed::new(gzip);
    for piece in program.chunks(128 << 10) {
        hashed.write_all(piece).expect("written");
    }
    let (gzip, digest, _) = hashed.finish();
    let (_, compressed, _) = gzip.finish().expect("compressed").finish();
    std::hint::black_box((digest, compressed));
}

fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
