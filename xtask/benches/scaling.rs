//! How a release of 50 targets in 3 modes with 4 images behaves on 1 to 100 machines, as a page of the documentation:
//! `cargo bench -p xtask --bench scaling --profile dev > docs/design/scaling.md`. Nothing is built: the times of the jobs come from
//! `benches/scaling.toml`, which says of each figure how it was measured or that it is assumed. With `--test`, the page is
//! computed and compared with the one in the repository.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use xtask::ci::scaling::{JobCost, MachineCosts, ScaledRelease, ScaledRun, SharedCache};
use xtask_report::timing::median;

/// The size of the release.
const TARGETS: usize = 50;
/// The numbers of machines that make shards.
const MACHINES: [usize; 8] = [1, 2, 4, 8, 16, 25, 50, 100];
/// How often a release is simulated with the variation that was measured.
const RUNS: usize = 400;

const HEAD: &str = "\
# How a release scales

A release of many targets can be made in shards, on many machines (see [many machines](../guide/many-machines.md)). This page
answers how many machines are worth their cost. A simulation computes a release of 50 targets in 3 modes, with 4 images, on 1
to 100 machines of two cores. `cargo bench -p xtask --bench scaling --profile dev` prints this page from
`xtask/benches/scaling.toml`. Times are minutes and seconds; packing and starting the images is in the time of the jobs.

The model (`xtask/src/ci/scaling.rs`): each machine starts, installs and probes the toolchains of its targets, compiles what
runs on the host once, builds its jobs, packs and starts the programs, and uploads its folder. When the last one is done, one
more machine downloads all folders, joins and publishes them. Targets are never divided: the longest goes first, to the machine
with the least to do. *wall* has the times as they were measured; the two columns behind it vary them as measured, and balance
the expected ones.";

#[derive(Deserialize)]
struct Figure {
    value: f64,
    how: String,
}

#[derive(Deserialize)]
struct Inputs {
    machine: BTreeMap<String, Figure>,
    mode: BTreeMap<String, BTreeMap<String, Figure>>,
    cache: BTreeMap<String, Figure>,
    variation: Variation,
}

#[derive(Deserialize)]
struct Variation {
    factors: Vec<f64>,
    how: String,
}

/// A row of the table: the run without variation, and the wall times within which half and 95 % of the runs with it end.
struct Row {
    run: ScaledRun,
    half: f64,
    late: f64,
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(folder.join("benches/scaling.toml")).expect("the inputs");
    let inputs: Inputs = toml::from_str(&text).expect("inputs of the known form");
    let page = page(&inputs);
    if !std::env::args().any(|arg| arg == "--test") {
        return print!("{page}");
    }
    let written = std::fs::read_to_string(folder.join("../docs/design/scaling.md")).expect("the page");
    assert!(
        written == page,
        "write it again: cargo bench -p xtask --bench scaling --profile dev > docs/design/scaling.md"
    );
}

fn page(inputs: &Inputs) -> String {
    let cache = SharedCache { hits: inputs.cache["hits"].value, cost: inputs.cache["cost"].value };
    let whole = release(inputs);
    let cached = ScaledRelease { cache: Some(cache), ..whole.clone() };
    let divided = ScaledRelease {
        targets: whole.targets.iter().flatten().map(|job| vec![*job]).collect(),
        ..whole.clone()
    };
    let held = format!("With a shared cache that holds {:.0} % of what compilers make", 100.0 * cache.hits);
    let parts = [
        ("A shard for each target or more", &whole),
        (held.as_str(), &cached),
        ("If the modes of a target could be shards of their own", &divided),
    ];
    let mut page = format!("{HEAD}\n");
    for (title, release) in parts {
        let rows = rows(release, &inputs.variation);
        page += &format!("\n## {title}\n\n{}\n{}\n", table(&rows), verdict(&rows));
    }
    format!("{page}\n## The figures behind it\n\n{}", figures(inputs))
}

fn release(inputs: &Inputs) -> ScaledRelease {
    let machine = |name: &str| inputs.machine[name].value;
    let jobs: Vec<JobCost> = inputs
        .mode
        .values()
        .map(|mode| JobCost {
            compile_cpu: mode["compile_cpu"].value,
            chain: mode["chain"].value,
            link: mode["link"].value,
            pack: mode["pack"].value,
            bytes: mode["bytes"].value,
        })
        .collect();
    let machine = MachineCosts {
        cores: machine("cores"),
        start: machine("queue") + machine("tool"),
        setup: machine("setup"),
        host_cpu: machine("host_cpu"),
        rate: machine("rate"),
        join: machine("join"),
        publish: machine("publish"),
    };
    ScaledRelease { machine, targets: vec![jobs; TARGETS], cache: None }
}

fn rows(release: &ScaledRelease, variation: &Variation) -> Vec<Row> {
    let row = |machines: usize| {
        let mut draws = Draws { state: machines as u64, factors: &variation.factors };
        let mut walls: Vec<f64> = (0..RUNS).map(|_| release.run(machines, &mut draws).wall).collect();
        walls.sort_by(f64::total_cmp);
        Row { run: release.on(machines), half: median(&walls), late: walls[RUNS * 95 / 100] }
    };
    MACHINES.into_iter().map(row).collect()
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| machines | wall | median | 95 % within | machine time | efficiency |\n|---:|---:|---:|---:|---:|---:|\n",
    );
    let one = rows[0].run.wall;
    for (Row { run, half, late }, asked) in rows.iter().zip(MACHINES) {
        let used = if run.machines == asked { String::new() } else { format!(" ({} used)", run.machines) };
        table += &format!(
            "| {asked}{used} | {} | {} | {} | {:.2} h | {:.0} % |\n",
            minutes(run.wall),
            minutes(*half),
            minutes(*late),
            run.machine_time / 3600.0,
            100.0 * one / run.wall / run.machines as f64,
        );
    }
    table
}

/// Says from where on more machines gain nothing, and what the time consists of then.
fn verdict(rows: &[Row]) -> String {
    let least = rows.iter().map(|row| row.run.wall).fold(f64::INFINITY, f64::min);
    let Some(Row { run, .. }) = rows.iter().find(|row| row.run.wall <= least) else { return String::new() };
    format!(
        "It stops scaling at {} machines. Of {}, preparing machines takes {}, the builds of one machine {}, and sending,\n\
         joining and publishing {}. The machine time is {:.0} % more than on one machine. {:.1} GB are uploaded, downloaded and\n\
         published, on any number of machines.",
        run.machines,
        minutes(run.wall),
        minutes(run.preparation),
        minutes(run.builds),
        minutes(run.joining),
        100.0 * (run.machine_time / rows[0].run.machine_time - 1.0),
        run.bytes / 1e9
    )
}

fn figures(inputs: &Inputs) -> String {
    let mut table = String::from("| figure | value | source |\n|---|---:|---|\n");
    let mut add = |of: &str, figures: &BTreeMap<String, Figure>| {
        for (name, Figure { value, how }) in figures {
            table += &format!("| {of} {name} | {value} | {how} |\n");
        }
    };
    add("machine:", &inputs.machine);
    for (name, mode) in &inputs.mode {
        add(&format!("{name}:"), mode);
    }
    add("cache:", &inputs.cache);
    format!("{table}| variation | {:?} | {} |\n", inputs.variation.factors, inputs.variation.how)
}

/// Minutes and seconds.
fn minutes(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

/// Draws from measured factors, the same ones in every run of the benchmark.
struct Draws<'f> {
    state: u64,
    factors: &'f [f64],
}

impl Iterator for Draws<'_> {
    type Item = f64;

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> Option<f64> {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        Some(self.factors[(bits % self.factors.len() as u64) as usize])
    }
}
