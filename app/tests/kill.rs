//! Killed at random during writes, hundreds of times: what was acknowledged is there, nothing else is but what was being
//! written, and the file opens.
//!
//! A kill loses no page that the system has taken, so this shows the order and the atomicity of what the engines write.
//! That a commit is synced to the disk, too, is what their settings say (`store/sqlite.rs`) and the test with strace shows.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ENGINES: &[&str] = &[
    #[cfg(feature = "native")]
    "sqlite",
    #[cfg(feature = "pure")]
    "redb",
];

/// Rounds for each engine: some hundreds, in some seconds.
const ROUNDS: u64 = 300;
/// A new store every so many rounds, so that its making is hit, too.
const FRESH: u64 = 25;

#[expect(clippy::disallowed_methods, reason = "the program under test is what this test is about")]
fn app(args: &[&str], file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
    let (actions, options) = args.split_at(2);
    command.args(actions).arg(file).args(options);
    command
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// The event that a child's remaining time is counted from.
#[derive(Clone, Copy)]
enum From {
    /// Its start: the kill hits the program before `main`, while it makes or opens the store, or later.
    Start,
    /// Its first acknowledgement: the kill hits a program that writes, however long this machine took to start it.
    Writing,
}

/// A child that writes rows as fast as it can, killed that long after the event. Returns what it acknowledged, and the
/// number of rows that it was given.
fn write_until_killed(mut child: Child, round: u64, from: From, life: Duration) -> (Vec<String>, u64) {
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let mut given = 0;
        // Values of many sizes: some fill pages of their own.
        while writeln!(input, "{round}-{given}\t{}", "v".repeat(given as usize * 37 % 5000)).is_ok() {
            given += 1;
        }
        given
    });
    let output = child.stdout.take().unwrap();
    let (writes, writing) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        // The first of them is waited for, and only where the event is `Writing`.
        lines.inspect(|_| writes.send(()).unwrap_or_default()).collect::<Vec<_>>()
    });
    if let From::Writing = from {
        writing.recv().expect("a child that nobody kills acknowledges a row");
    }
    std::thread::sleep(life);
    // SIGKILL on Unix: no handler, no destructor, no last write.
    child.kill().unwrap();
    child.wait().unwrap();
    let mut lines = reader.join().unwrap();
    // A line without its end may have been cut.
    lines.retain(|line| line.starts_with("ok "));
    (lines, writer.join().unwrap())
}

fn keys_in(file: &Path) -> BTreeSet<String> {
    let output = app(&["store", "scan"], file).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "the file does not open: {error}");
    let rows = String::from_utf8(output.stdout).unwrap();
    rows.lines()
        .map(|row| {
            let (key, value) = row.split_once('\t').unwrap();
            let number: usize = key.split_once('-').unwrap().1.parse().unwrap();
            assert_eq!(value.len(), number * 37 % 5000, "{key} has half a value");
            key.to_owned()
        })
        .collect()
}

#[test]
fn nothing_acknowledged_is_lost() {
    for engine in ENGINES {
        let folder = folder(&format!("kill-{engine}"));
        let file = folder.join("rows");
        let (begin, mut acknowledged) = (Instant::now(), BTreeSet::new());
        let (mut total, mut killed_writing) = (0, 0);
        for round in 0..ROUNDS {
            if round % FRESH == 0 {
                std::fs::remove_dir_all(&folder).unwrap();
                std::fs::create_dir(&folder).unwrap();
                total += acknowledged.len();
                acknowledged.clear();
            }
            let mut command = app(&["store", "put", "--lines", "--engine", engine], &file);
            let child =
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            // 7919 is prime, so the times differ.
            let life = Duration::from_micros(round * 7919 % 40_000);
            let from = if round % 2 == 0 { From::Start } else { From::Writing };
            let (lines, given) = write_until_killed(child, round, from, life);
            killed_writing += usize::from(!lines.is_empty());
            let new: BTreeSet<String> = lines.iter().map(|line| line["ok ".len()..].to_owned()).collect();
            if !file.exists() {
                assert!(new.is_empty() && acknowledged.is_empty(), "rows were acknowledged without a file");
                continue;
            }
            let found = keys_in(&file);
            let lost: Vec<_> = acknowledged.union(&new).filter(|key| !found.contains(*key)).collect();
            assert!(lost.is_empty(), "{engine}, round {round}: acknowledged and lost: {lost:?}");
            // At most the row that was being acknowledged is there without its acknowledgement.
            let more: Vec<_> =
                found.iter().filter(|k| !acknowledged.contains(*k) && !new.contains(*k)).collect();
            assert!(
                more.len() <= 1 && more.iter().all(|key| key.starts_with(&format!("{round}-"))),
                "{more:?}"
            );
            assert!(new.len() as u64 <= given + 1);
            acknowledged = found;
        }
        total += acknowledged.len();
        eprintln!(
            "{engine}: {ROUNDS} kills, {killed_writing} of them while rows were acknowledged, {total} rows, {:?}",
            begin.elapsed()
        );
        // Otherwise the test has shown nothing.
        assert!(killed_writing >= ROUNDS as usize / 2, "{engine}: {killed_writing}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// Between a row's arrival and its acknowledgement there is a sync.
#[cfg(target_os = "linux")]
#[test]
fn a_row_is_synced_before_it_is_acknowledged() {
    use xtask_test_support::skip::skipped;
    const NAME: &str = "a_row_is_synced_before_it_is_acknowledged";
    match strace(Path::new("/dev/null")).arg("true").status() {
        Ok(status) if status.success() => {}
        Ok(_) => return skipped(NAME, "the right to trace a process"),
        Err(_) => return skipped(NAME, "strace"),
    }
    for engine in ENGINES {
        let folder = folder(&format!("sync-{engine}"));
        let file = folder.join("rows");
        // The store is made beforehand: making it syncs as well.
        assert!(
            app(&["store", "put", "first", "row", "--engine", engine], &file).status().unwrap().success()
        );
        let trace = folder.join("trace");
        let mut command = strace(&trace);
        command.args(["-s", "8", "-e", "trace=fsync,fdatasync,sync_file_range,msync,write,read"]);
        command.arg(env!("CARGO_BIN_EXE_app")).args(["store", "put"]).arg(&file).arg("--lines");
        // A leak checker in the program would trace it itself, and a process has one tracer.
        let sanitizer = std::env::var("ASAN_OPTIONS").unwrap_or_default();
        command.env("ASAN_OPTIONS", format!("{sanitizer}:detect_leaks=0"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        for row in 0..5 {
            if writeln!(input, "row{row}\tvalue").is_err() {
                break;
            }
            output.read_line(&mut line).unwrap();
        }
        drop(input);
        assert!(child.wait().unwrap().success(), "{engine}: the program fails under strace");
        let trace = std::fs::read_to_string(&trace).unwrap();
        let mut synced = 0;
        let mut acknowledged = 0;
        for call in trace.lines() {
            if call.contains("sync(") && call.ends_with("= 0") {
                synced += 1;
            } else if call.contains("read(0, \"row") {
                synced = 0;
            } else if call.contains("write(1, \"ok row") {
                assert!(
                    synced > 0,
                    "{engine}: row {acknowledged} was acknowledged before it was synced:\n{trace}"
                );
                acknowledged += 1;
            }
        }
        assert_eq!(acknowledged, 5, "{trace}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// strace, which follows the program that its arguments will name.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "strace watches the program under test")]
fn strace(trace: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(trace);
    command
}
