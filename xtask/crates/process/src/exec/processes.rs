//! The processes below one, as Linux describes them (proc(5): `task/<tid>/children`, `stat`, `cmdline`). On other systems,
//! and where the kernel has no such files, there are none.

use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

/// Trees deeper than this are no build's.
pub const DEPTH_MAX: usize = 32;

/// How much of a command line is read, in bytes. Linux allows no longer argument; linkers get many short ones.
const LINE_MAX: u64 = 128 << 10;

/// A process that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The ID of the process.
    pub id: u32,
    /// The number of the process that started it.
    pub parent: u32,
    /// How long ago it was started. A process that became another program keeps its start.
    pub age: Duration,
    /// The command line, the program first.
    pub words: Vec<String>,
}

/// All processes below the one with this number, each after the one that started it. Those that have ended, and those whose
/// command line this user may not read, are left out with what is below them.
pub fn below(id: u32) -> Vec<Process> {
    let mut found = Vec::new();
    if let Some(uptime) = uptime() {
        add(id, 0, uptime, &mut found);
    }
    found
}

fn add(parent: u32, depth: usize, uptime: Duration, found: &mut Vec<Process>) {
    if depth == DEPTH_MAX {
        return;
    }
    for id in children(parent).unwrap_or_default() {
        let Some(words) = words(id) else { continue };
        let Some(start) = start(id) else { continue };
        found.push(Process { id, parent, age: uptime.saturating_sub(start), words });
        add(id, depth + 1, uptime, found);
    }
}

/// The processes that any thread of a process started; none where the system does not tell, or the process is gone.
pub fn children(id: u32) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for task in fs::read_dir(format!("/proc/{id}/task")).ok()?.flatten() {
        let text = fs::read_to_string(task.path().join("children")).ok()?;
        all.extend(text.split_ascii_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    Some(all)
}

/// The command line of a process; none where it has ended.
fn words(id: u32) -> Option<Vec<String>> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{id}/cmdline")).ok()?.take(LINE_MAX).read_to_end(&mut bytes).ok()?;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    let words = bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    (!bytes.is_empty()).then(|| words.collect())
}

/// When a process was started, counted from the start of the machine.
fn start(id: u32) -> Option<Duration> {
    ticks(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?).map(|ticks| {
        // Linux counts in hundredths of a second on every architecture that Rust builds programs on.
        Duration::from_millis(ticks.saturating_mul(10))
    })
}

/// The start time in a line of `stat`: field 22. The second one, the name in brackets, may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// How long the machine has been running.
fn uptime() -> Option<Duration> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::exec::Cmd;

    #[test]
    fn names_with_brackets_do_not_move_the_fields() {
        let stat = |name: &str| format!("42 ({name}) S 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1234 0 0");
        assert_eq!(ticks(&stat("cc1")), Some(1234));
        assert_eq!(ticks(&stat("a) S 1 (b")), Some(1234));
        assert_eq!(ticks("42"), None);
    }

    #[test]
    fn a_tree_of_processes_is_found_with_its_command_lines_and_ages() {
        let cmd = Cmd::new("/bin/sh").args(["-c", "sleep 30 & echo ready; wait"]);
        let mut seen = Vec::new();
        let (_, _) = cmd
            .lines(|_, _| {
                std::thread::sleep(Duration::from_millis(300));
                // Other tests of this program have processes of their own.
                let all = below(std::process::id());
                let sleep = all.iter().find(|p| p.words == ["sleep", "30"]).cloned();
                let shell = sleep.as_ref().and_then(|s| all.iter().find(|p| p.id == s.parent)).cloned();
                seen.extend(shell.into_iter().chain(sleep));
                let pid = seen.last().and_then(|p| i32::try_from(p.id).ok());
                let pid = pid.and_then(rustix::process::Pid::from_raw).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            })
            .unwrap();
        let [shell, sleep] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((shell.words[0].as_str(), sleep.parent), ("/bin/sh", shell.id));
        for process in [shell, sleep] {
            assert!(process.age >= Duration::from_millis(250) && process.age < Duration::from_secs(20));
        }
    }
}
