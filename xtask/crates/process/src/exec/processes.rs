//! The processes below a process, as Linux describes them (proc(5): `task/<tid>/children`, `stat`,
//! `cmdline`). On other systems, and with a kernel without these files, the lists are empty.

use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

/// The maximum depth of a process tree. A build has no deeper one.
pub const DEPTH_MAX: usize = 32;

/// The number of bytes of a command line that are read. This is Linux's limit for one argument; linkers get
/// many short ones.
const LINE_MAX: u64 = 128 << 10;

/// A running process, with its parent and its command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The ID of the process.
    pub id: u32,
    /// The ID of the process that started it.
    pub parent: u32,
    /// The time since its start. A process that was replaced by another program keeps its start time.
    pub age: Duration,
    /// The command line, the program first.
    pub words: Vec<String>,
}

/// Returns all processes below the one with this ID, each after its parent. Ended processes, and those whose
/// command line this user may not read, are left out together with their descendants.
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

/// Returns the processes that the threads of a process started. Returns none if the system does not provide
/// them, or if the process has ended.
pub fn children(id: u32) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for task in fs::read_dir(format!("/proc/{id}/task")).ok()?.flatten() {
        let text = fs::read_to_string(task.path().join("children")).ok()?;
        all.extend(text.split_ascii_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    Some(all)
}

/// Returns the command line of a process, or none if it has ended.
fn words(id: u32) -> Option<Vec<String>> {
    texts(&format!("/proc/{id}/cmdline"), LINE_MAX).filter(|words| !words.is_empty())
}

/// Returns the texts of a file in which each ends with a zero byte, as command lines and environments have them. At most
/// `most` bytes are read. None means that the process has ended, or that this user may not read the file.
pub fn texts(path: &str, most: u64) -> Option<Vec<String>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    let texts = bytes.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    Some(if bytes.is_empty() { Vec::new() } else { texts.collect() })
}

/// Splits a line of `stat` into the name of the program, field 2, and the fields from the third on. The name is in
/// parentheses and may contain any character, parentheses and spaces too.
pub fn stat_fields(stat: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let (before, after) = stat.rsplit_once(')')?;
    Some((before.split_once('(').map_or("", |(_, name)| name), after.split_ascii_whitespace()))
}

/// Returns the start time of a process, counted from the start of the machine.
fn start(id: u32) -> Option<Duration> {
    ticks(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?).map(|ticks| {
        // Linux counts in hundredths of a second on every architecture on which Rust builds programs.
        Duration::from_millis(ticks.saturating_mul(10))
    })
}

/// Returns the start time in a line of `stat`: field 22.
fn ticks(stat: &str) -> Option<u64> {
    stat_fields(stat)?.1.nth(19)?.parse().ok()
}

/// Returns the time since the start of the machine.
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
                // Other tests of this program have their own processes.
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
