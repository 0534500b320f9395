//! What packing costs beside what it cannot cost less than: `cargo bench -p xtask --bench pack`, and for the profile
//! that `cargo xtask` runs in, `cargo bench -p xtask --bench pack --profile dev`.
//!
//! Rounds of all cases are interleaved; the medians and their ratios count. The limit is the bytes of the program read
//! from memory, hashed, compressed in blocks on all cores, hashed again and written, with no tar, no documents and no tar
//! for Docker. `--test` runs everything once.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use xtask_oci::gzip::{Gzip, ThreadPool};
use xtask_oci::{Hashed, ImageSpec};
use xtask_process::ui::Ui;

mod support;

use support::{cores, forget, image, largest_blob, median, pack, program, timed};

fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { 15 };
    let dir = tempfile::tempdir().expect("a folder for the benchmark");
    let program = program();
    let file = dir.path().join("program");
    std::fs::write(&file, &program).expect("the program's copy");
    let (threads, alone) = (cores(), NonZeroUsize::MIN);

    let one = image(&file, &["x86_64-unknown-linux-musl"]);
    let two = image(&file, &["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]);
    let mut times = [const { Vec::new() }; 6];
    for _ in 0..rounds {
        times[0].push(timed(|| limit(&program, dir.path(), threads)));
        times[1].push(timed(|| limit(&program, dir.path(), alone)));
        times[2].push(cold(&one, dir.path(), threads));
        times[3].push(timed(|| pack(&one, dir.path(), threads)));
        times[4].push(cold(&two, dir.path(), threads));
        times[5].push(cold(&one, dir.path(), alone));
    }
    let layer = largest_blob(&dir.path().join("dist/oci"));
    let ui = Ui::new(false, false, false);
    let medians = times.map(|times| median(&times));
    ui.data(&format!("{} bytes, {threads} cores, {rounds} rounds; layer {layer} bytes", program.len()));
    let names = [
        "limit (hash, compress, hash, write)",
        "limit on one thread",
        "pack, cold",
        "pack, unchanged",
        "pack two platforms with different layers, cold",
        "pack, cold, on one thread",
    ];
    for (name, seconds) in names.iter().zip(medians) {
        ui.data(&format!("{:>8.1} ms  {:>5.2} x limit  {name}", seconds * 1e3, seconds / medians[0]));
    }
    let ratio = medians[4] / medians[5];
    ui.data(&format!("two platforms on all cores cost {ratio:.2} x one platform on one core"));
}

/// With nothing there that could be used again; removing it is not counted.
fn cold(image: &ImageSpec, dir: &Path, threads: NonZeroUsize) -> f64 {
    forget(dir);
    timed(|| pack(image, dir, threads))
}

fn limit(program: &[u8], dir: &Path, threads: NonZeroUsize) {
    let pool = ThreadPool::new(threads).expect("threads");
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
