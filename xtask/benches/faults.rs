//! What those who push images make of a registry that misbehaves: the same release, the same faults, one table.
//! `.ci/registry-peers cargo bench -p xtask --bench faults --profile dev`; `--test` tries two faults with ours alone.
//!
//! Each meets a fault, and is started again without it. A cell says which of the two runs ended well first, and how many bytes
//! both sent beyond those of an undisturbed run, in percent of them.

use std::sync::Arc;
use std::time::Duration;

use xtask_files::threads::side_by_side;
use xtask_process::ui::Ui;
use xtask_test_support::between::Act;
use xtask_test_support::registry::RegistryServer;

#[path = "../tests/faults/fault.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod fault;
#[path = "../tests/faults/kept.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod kept;
#[path = "../tests/faults/made.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod made;
#[allow(dead_code, reason = "the benchmark of publishing uses the rest")]
mod pushers;
#[path = "../tests/faults/watch.rs"]
mod watch;

use fault::{FAULTS, Fault, FaultState};
use kept::KeptFiles;
use made::{MadeRelease, TAG};
use pushers::Pusher;
use watch::WatchedRegistry;

/// Whoever takes longer hangs.
const LIMIT: Duration = Duration::from_secs(150);
/// The size of the programs, in bytes.
const SIZE: usize = 150_000;

fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let ui = Ui::new(false, false, false);
    let Some(server) = RegistryServer::start("faults") else { return };
    let release = MadeRelease::new(20, SIZE);
    let mut pushers = Pusher::all();
    pushers.retain(|pusher| pusher.name != "curl" && (!test || pusher.name == "xtask"));
    let mut versions = Vec::new();
    pushers.retain(|pusher| match (pusher.prepare)(&release) {
        Ok(version) => {
            versions.push(version);
            true
        }
        Err(why) => {
            ui.data(&format!("left out: {}: {why}", pusher.name));
            false
        }
    });
    let kept = KeptFiles::new(&server.storage);
    let run = |pusher: &Pusher, repository: &str, fault: Option<Fault>| {
        let state = Arc::new(FaultState::default());
        let front = WatchedRegistry::start(&server.at, &kept, move |seen, _| {
            fault.map_or(Act::Pass, |fault| fault.act(seen, &state))
        });
        let cmd = (pusher.push)(&release, &front.front.at, repository);
        let cmd = if pusher.name == "xtask" { cmd.env("XTASK_UPLOAD_CHUNK", "40000") } else { cmd };
        let done = cmd.capture(LIMIT).expect("started").ok();
        let (broken, lost) = (front.broken_tags().len(), front.lost().len());
        PushedRun { done, bytes: front.front.received(), broken, lost }
    };
    let plain = |pusher: &Pusher| run(pusher, &format!("plain-{}", pusher.name), None).bytes;
    let plain: Vec<u64> = pushers.iter().map(plain).collect();
    let faults = FAULTS.into_iter().enumerate().take(if test { 2 } else { FAULTS.len() });
    let cells: Vec<(usize, usize)> =
        faults.flat_map(|(at, _)| (0..pushers.len()).map(move |pusher| (at, pusher))).collect();
    let words = side_by_side(cells, 6, |(at, pusher)| {
        let (usual, pusher) = (plain[pusher], &pushers[pusher]);
        let repository = format!("fault{at}-{}", pusher.name);
        let first = run(pusher, &repository, Some(FAULTS[at]));
        let second = run(pusher, &repository, None);
        let index = kept.tag(&repository, TAG).and_then(|digest| kept.bytes(&digest));
        let whole = index.is_some_and(|index| kept.lacking(&repository, &index).is_empty());
        cell(&first, &second, usual, whole)
    });
    let names = pushers.iter().zip(&versions).map(|(pusher, version)| format!("{} {version}", pusher.name));
    ui.data(&format!("| fault | {} |", names.collect::<Vec<_>>().join(" | ")));
    ui.data(&format!("|---{}|", "|---".repeat(pushers.len())));
    for (fault, words) in FAULTS.iter().zip(words.chunks(pushers.len())) {
        ui.data(&format!("| {} | {} |", fault.name, words.join(" | ")));
    }
}

/// How a push ended.
struct PushedRun {
    done: bool,
    bytes: u64,
    /// Tags that were to point at something incomplete.
    broken: usize,
    /// What the registry acknowledged and did not have when the run ended.
    lost: usize,
}

/// What the table says of two runs.
fn cell(first: &PushedRun, second: &PushedRun, usual: u64, whole: bool) -> String {
    let ends = match (first.done, second.done) {
        (true, true) => "first",
        (false, true) => "second",
        (true, false) => "first alone",
        (false, false) => "none",
    };
    let again = (first.bytes + second.bytes).saturating_sub(usual) as f64 / usual as f64 * 100.0;
    let again = if again >= 1.0 { format!(",+{again:.0}%") } else { String::new() };
    let broken = match first.broken + second.broken {
        0 => String::new(),
        count => format!(", **{count} tags broken**"),
    };
    let whole = if whole || !second.done { "" } else { ", **not whole**" };
    let lost = if first.lost + second.lost == 0 { "" } else { ", **something lost**" };
    format!("{ends}{again}{broken}{whole}{lost}")
}
