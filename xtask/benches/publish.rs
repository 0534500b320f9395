//! Publishing side by side with those who do it too, in one run: `cargo bench -p xtask --bench publish`, and for the profile
//! that `cargo xtask` runs in, `--profile dev` behind it. With crane and oras: `.ci/registry-peers` before it.
//!
//! Everyone pushes the same image for two platforms to docker-registry on this machine, whose folder is emptied before each
//! push; Docker pushes one of the two platforms, which is all that it can. `one stream` sends the same layers with curl, one
//! after the other and nothing else. Rounds are interleaved, and medians and their ratios are what to look at. A tool that is
//! not here is named and left out. `--test` runs everything once, with small layers.

use std::path::Path;
use std::time::Duration;

use xtask_process::exec::Cmd;
use xtask_process::ui::Ui;
use xtask_test_support::registry::RegistryServer;

#[path = "../tests/faults/made.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod made;
mod pushers;
mod support;

use made::MadeRelease;
use pushers::Pusher;
use support::{median, timed};

/// Longer than any of them takes.
const LIMIT: Duration = Duration::from_secs(600);
/// The sizes of the programs, in bytes.
const SIZES: [usize; 3] = [3_000_000, 20_000_000, 60_000_000];
/// The size of the large layer, in bytes, and the most memory that publishing it may take.
const LARGE: usize = 1_000_000_000;
const MEMORY: u64 = 100_000_000;
/// The ratio to others that we want, at least.
const WANTED: [(&str, f64); 2] = [("skopeo", 1.5), ("docker", 1.5)];

fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let ui = Ui::new(false, false, false);
    let Some(server) = RegistryServer::start("publish") else { return };
    let (rounds, sizes) = if test { (1, &[100_000][..]) } else { (9, &SIZES[..]) };
    for size in sizes {
        race(&ui, &server, &MadeRelease::new(*size as u64, *size), rounds, &Pusher::all());
    }
    let release = MadeRelease::new(1, if test { 1_000_000 } else { LARGE });
    let large = Pusher::all().into_iter().filter(|pusher| ["xtask", "oras", "curl"].contains(&pusher.name));
    race(&ui, &server, &release, if test { 1 } else { 3 }, &large.collect::<Vec<_>>());
    memory(&ui, &server, &release);
}

/// Lets everyone push a release to a registry that has nothing, and says how long each took.
fn race(ui: &Ui, server: &RegistryServer, release: &MadeRelease, rounds: usize, pushers: &[Pusher]) {
    let ready: Vec<Result<String, String>> = pushers.iter().map(|pusher| (pusher.prepare)(release)).collect();
    let mut times = vec![Vec::new(); pushers.len()];
    let mut unchanged = Vec::new();
    for round in 0..rounds {
        for (at, pusher) in pushers.iter().enumerate().filter(|(at, _)| ready[*at].is_ok()) {
            empty(server);
            let cmd = (pusher.push)(release, &server.at, &format!("{}{round}", pusher.name));
            times[at].push(timed(|| succeed(&cmd)));
            if pusher.name == "xtask" {
                unchanged.push(timed(|| succeed(&cmd)));
            }
        }
    }
    let own = median(&times[0]);
    ui.data(&format!("{} bytes of blobs, {} cores, {rounds} rounds", release.bytes, support::cores()));
    for ((pusher, ready), times) in pushers.iter().zip(&ready).zip(&times) {
        let version = match ready {
            Ok(version) => version,
            Err(why) => {
                ui.data(&format!("left out: {}: {why}", pusher.name));
                continue;
            }
        };
        let (time, rate) = (median(times), pusher.share * release.bytes as f64 / median(times) / 1e6);
        let ratio = time / own;
        let wanted = WANTED.iter().find(|(name, least)| *name == pusher.name && ratio < *least);
        let verdict = wanted.map_or_else(String::new, |(_, least)| format!(", wanted {least:.2}: MISSED"));
        let line = format!("{:>8.1} ms  {ratio:>5.2} x ours  {rate:>4.0} MB/s", time * 1e3);
        ui.data(&format!("{line}  {} ({version}{verdict})", pusher.says));
    }
    ui.data(&format!("{:>8.1} ms{:27}xtask, nothing changed", median(&unchanged) * 1e3, ""));
}

/// Publishes once more, and says how much memory that took.
fn memory(ui: &Ui, server: &RegistryServer, release: &MadeRelease) {
    empty(server);
    let publish = release.publish(&server.name("memory"), &[]);
    let measured = publish.behind(Cmd::new("/usr/bin/time").args(["-f", "%M"]));
    let output = measured.capture(LIMIT).expect("started");
    let kilobytes = output.errors().lines().last().and_then(|line| line.trim().parse::<u64>().ok());
    let Some(kilobytes) = kilobytes else { return ui.data("left out: memory: /usr/bin/time says nothing") };
    let bytes = kilobytes * 1024;
    let verdict = if bytes < MEMORY { "" } else { ": MISSED" };
    let (memory, wanted) = (bytes as f64 / 1e6, MEMORY as f64 / 1e6);
    ui.data(&format!(
        "{memory:>8.1} MB of memory for {} bytes, wanted below {wanted:.0}{verdict}",
        release.bytes
    ));
}

fn succeed(cmd: &Cmd) {
    let output = cmd.capture(LIMIT).expect("started");
    assert!(output.ok(), "{}\n{}\n{}", cmd.line(), output.text(), output.errors());
}

/// Removes everything that the registry has.
fn empty(server: &RegistryServer) {
    let storage: &Path = &server.storage;
    let _ = std::fs::remove_dir_all(storage.join("docker"));
}
