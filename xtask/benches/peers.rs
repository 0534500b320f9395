//! Packing side by side with those who do it too, in one run, on the same program and the same files:
//! `cargo bench -p xtask --bench peers`, and for the profile that `cargo xtask` runs in, `--profile dev` behind it.
//!
//! The program has 13 MB and stands in a scratch image. Everyone starts as a process of its own, this program too, from
//! nothing of an earlier round; rounds are interleaved, and what prepares or cleans up a round is not counted. The medians
//! and their ratios are what to look at. A tool that is not here is named and left out. `--test` runs everything once.

use std::path::Path;

use xtask_process::exec::Cmd;
use xtask_process::ui::Ui;

mod support;
mod tools;

use support::{cores, forget, image, largest_blob, median, pack, program, timed};
use tools::{LIMIT, Tool};

/// What this program is called with to be one of the racers: pack the program of this folder, and say how much memory it
/// took.
const PACK: &str = "--pack-in";

/// The ratios that we want: of each peer's time to ours, at least.
const WANTED: [(&str, f64); 3] = [("docker build", 2.5), ("buildah", 2.0), ("umoci", 1.0 / 1.2)];

/// The size of the large program, bytes, and the most memory that packing it may take.
const LARGE: u64 = 1_000_000_000;
const MEMORY: u64 = 100_000_000;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let ui = Ui::new(false, false, false);
    if let Some(at) = args.iter().position(|arg| arg == PACK) {
        let dir = Path::new(&args[at + 1]);
        pack(&image(&dir.join("program"), &["x86_64-unknown-linux-musl"]), dir, cores());
        return ui.data(&peak_memory().to_string());
    }
    let rounds = if args.iter().any(|arg| arg == "--test") { 1 } else { 11 };
    let dir = tempfile::tempdir().expect("a folder for the benchmark");
    let program = program();
    std::fs::write(dir.path().join("program"), &program).expect("the program's copy");

    let mut tools = Tool::all(dir.path());
    for tool in &tools {
        if let Err(why) = &tool.there {
            ui.data(&format!("left out: {}: {why}", tool.name));
        }
    }
    tools.retain(|tool| tool.there.is_ok());
    let (mut ours, mut unchanged) = (Vec::new(), Vec::new());
    let mut theirs = vec![Vec::new(); tools.len()];
    for _ in 0..rounds {
        forget(dir.path());
        ours.push(timed(|| drop(packed(dir.path()))));
        unchanged.push(timed(|| drop(packed(dir.path()))));
        for (tool, times) in tools.iter().zip(&mut theirs) {
            tool.run(&tool.before);
            times.push(timed(|| tool.run(&tool.pack)));
            tool.run(&tool.after);
        }
    }

    let own = median(&ours);
    let layer = largest_blob(&dir.path().join("dist/oci"));
    ui.data(&format!("{} bytes, {} cores, {rounds} rounds", program.len(), cores()));
    ui.data(&format!("{:>8.1} ms             layer {layer:>9}  xtask", own * 1e3));
    ui.data(&format!("{:>8.1} ms             {:15}  xtask, nothing changed", median(&unchanged) * 1e3, ""));
    for (tool, times) in tools.iter().zip(&theirs) {
        let ratio = median(times) / own;
        let size = match &tool.layout {
            Some(layout) => format!("layer {:>9}", largest_blob(layout)),
            None => "not compressed".to_owned(),
        };
        let wanted = WANTED.iter().find(|(name, _)| *name == tool.name);
        let verdict = wanted.map_or_else(String::new, |(_, least)| {
            format!(", wanted {least:.2}{}", if ratio >= *least { "" } else { ": MISSED" })
        });
        let line = format!("{:>8.1} ms  {ratio:>5.2} x ours  {size:15}", median(times) * 1e3);
        ui.data(&format!("{line}  {} ({}{verdict})", tool.name, tool.there.as_deref().unwrap_or_default()));
    }
    large(dir.path(), &program, &ui);
}

/// Packs in a process of its own; what it said.
fn packed(dir: &Path) -> String {
    let own = std::env::current_exe().expect("the path of this program");
    let output = Cmd::new(own).arg(PACK).arg(dir).capture(LIMIT).expect("started");
    assert!(output.ok(), "{}", output.errors());
    output.text()
}

/// Packs a program of 1 GB, which is the small one many times, and says how much memory that took.
fn large(dir: &Path, program: &[u8], ui: &Ui) {
    use std::io::Write;
    let dir = dir.join("large");
    std::fs::create_dir(&dir).expect("a folder");
    let mut file = std::fs::File::create(dir.join("program")).expect("a file");
    for _ in 0..LARGE / program.len() as u64 + 1 {
        file.write_all(program).expect("written");
    }
    drop(file);
    let mut memory = String::new();
    let seconds = timed(|| memory = packed(&dir));
    let bytes: u64 = memory.trim().parse().expect("a number of bytes");
    let verdict = if bytes < MEMORY { "" } else { ": MISSED" };
    let words = format!("{:.0} MB of memory, wanted below {:.0}{verdict}", mega(bytes), mega(MEMORY));
    ui.data(&format!("{seconds:>8.2} s  for a program of {:.2} GB, in {words}", mega(LARGE) / 1e3));
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The most memory that this process ever had, in bytes (Linux, `VmHWM` in proc(5)).
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024
}
