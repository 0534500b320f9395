//! What a trace costs, and whether it changes a build: plain cargo builds with and without the sampler, in turn.
//!
//! `cargo bench -p xtask --bench trace --profile dev` builds a crate of this workspace from nothing in both ways. It compares
//! the CPU time of the builds, prints that of the sampler, and holds the two ways against each other: after a traced build
//! everything is fresh for an untraced one, and the reverse, and both make the same files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use xtask_process::exec::{Cmd, ProcessEnd, Stream};
use xtask_report::timing::median;
use xtask_trace::TraceSampler;

/// The number of builds of each way if the first argument is no number.
const ROUNDS: usize = 5;

/// What a build cost.
struct BuildCost {
    wall_s: f64,
    /// The CPU time of Cargo and all processes below it.
    cpu_s: f64,
    sampler_s: f64,
    /// The number of units that were not fresh.
    built: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let target = dir.path().join("target");
    let mut costs: BTreeMap<bool, Vec<BuildCost>> = BTreeMap::new();
    let mut made: BTreeMap<bool, BTreeMap<String, String>> = BTreeMap::new();
    let rounds = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(ROUNDS);
    build(&target, true)?;
    for round in 0..rounds {
        // Each way is first in every second round.
        for traced in [round % 2 == 0, round % 2 != 0] {
            std::fs::remove_dir_all(&target)?;
            let cost = build(&target, traced)?;
            let BuildCost { wall_s, cpu_s, sampler_s, built } = cost;
            println!(
                "traced: {traced:5}  {built} units  wall {wall_s:.2} s  CPU {cpu_s:.2} s  sampler {sampler_s:.3} s"
            );
            costs.entry(traced).or_default().push(cost);
            made.insert(traced, digests(&target)?);
            let other = build(&target, !traced)?;
            assert_eq!(other.built, 0, "a build after one that was traced ({traced}) is not fresh");
        }
    }
    assert!(made[&true] == made[&false] && made[&true].len() > 10, "the files differ");
    println!("{} files with the same digests; builds in the other way are fresh", made[&true].len());
    let of = |traced: bool, value: fn(&BuildCost) -> f64| {
        median(&costs[&traced].iter().map(value).collect::<Vec<_>>())
    };
    let [without, with] = [false, true].map(|traced| of(traced, |cost| cost.cpu_s));
    let sampler = of(true, |cost| cost.sampler_s);
    println!(
        "wall time, untraced and traced  {:8.2} s {:8.2} s",
        of(false, |c| c.wall_s),
        of(true, |c| c.wall_s)
    );
    println!(
        "CPU time of the build           {without:8.2} s {with:8.2} s  {:+.2} %",
        (with / without - 1.0) * 100.0
    );
    println!(
        "CPU time of the sampler                    {sampler:8.3} s   {:.2} %   limit 1 %",
        sampler / with * 100.0
    );
    Ok(())
}

fn build(target: &Path, traced: bool) -> Result<BuildCost, Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default();
    let cmd = Cmd::new(env!("CARGO"))
        .args(["build", "--offline", "--package", "xtask-files", "--message-format", "json"])
        .arg("--target-dir")
        .arg(target)
        // Incremental compilation gives a library other bytes from build to build, traced or not.
        .env("CARGO_INCREMENTAL", "0")
        .cwd(root);
    let mut built = 0;
    let before = reaped()?;
    let sampler = if traced { TraceSampler::start() } else { None };
    let (end, wall_s) = cmd.lines(|stream, line| {
        built += usize::from(stream == Stream::Stdout && line.contains("\"fresh\":false"));
    })?;
    let sampled = sampler.and_then(TraceSampler::finish);
    if end != ProcessEnd::Code(0) {
        return Err("the build failed".into());
    }
    let trace = sampled.map(|sampled| sampled.trace(wall_s, &[]));
    let sampler_s = trace.map_or(0.0, |trace| trace.sampler_cpu_s);
    Ok(BuildCost { wall_s, cpu_s: reaped()? - before, sampler_s, built })
}

/// Returns the CPU time of the processes that this one has waited for, in seconds.
fn reaped() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("stat")?.1.split_ascii_whitespace().skip(13).take(2);
    Ok(fields.map(|field| field.parse::<f64>().unwrap_or(0.0)).sum::<f64>() / 100.0)
}

/// Returns the digest of every library below a folder.
fn digests(folder: &Path) -> Result<BTreeMap<String, String>, Box<dyn std::error::Error>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder.join("debug/deps"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "rlib" || e == "rmeta") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let digest = Sha256::digest(std::fs::read(&path)?);
            found.insert(name, digest.iter().map(|byte| format!("{byte:02x}")).collect());
        }
    }
    Ok(found)
}
