//! The files of Linux that describe processes (proc(5)). Elsewhere they do not exist, and every function returns none.

use std::fs::{self, File};
use std::io::{Read, Seek};

use xtask_process::exec::processes::{stat_fields, texts};

/// The number of bytes of a command line or an environment that are read.
const BYTES: u64 = 256 << 10;

/// The counters of a process at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcCounters {
    /// The name of its program, of which Linux keeps 15 bytes.
    pub(crate) name: String,
    /// The ID of its parent.
    pub(crate) parent: u32,
    /// Whether the file belongs to a process. Every thread has such a file too.
    pub(crate) is_process: bool,
    /// Whether it has ended and its parent has not waited for it yet.
    pub(crate) ended: bool,
    /// Its CPU time, in ticks.
    pub(crate) own: u64,
    /// The CPU time of the children that it has waited for, in ticks.
    pub(crate) reaped: u64,
    /// Its start after that of the machine, in ticks.
    pub(crate) start: u64,
}

/// The open file with the counters of a process. It belongs to that process even if its ID is used again.
#[derive(Debug)]
pub(crate) struct StatFile(File);

impl StatFile {
    pub(crate) fn open(id: u32) -> Option<Self> {
        File::open(format!("/proc/{id}/stat")).ok().map(Self)
    }

    /// Reads the counters; none if the process is gone.
    pub(crate) fn read(&mut self) -> Option<ProcCounters> {
        let mut bytes = [0; 1024];
        self.0.rewind().ok()?;
        let count = self.0.read(&mut bytes).ok()?;
        counters(&String::from_utf8_lossy(&bytes[..count]))
    }
}

/// Reads a line of `stat`.
fn counters(stat: &str) -> Option<ProcCounters> {
    let (name, fields) = stat_fields(stat)?;
    let fields: Vec<&str> = fields.collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(ProcCounters {
        name: name.to_owned(),
        parent: u32::try_from(number(1)?).ok()?,
        // A thread sends no signal to a parent when it ends.
        is_process: fields.get(35).is_none_or(|signal| *signal != "-1"),
        ended: matches!(*fields.first()?, "Z" | "X"),
        own: number(11)? + number(12)?,
        reaped: number(13)? + number(14)?,
        start: number(19)?,
    })
}

/// Returns the largest resident memory of a process so far, in bytes. An ended process has none.
pub(crate) fn peak_bytes(id: u32) -> Option<u64> {
    peak_of(&fs::read_to_string(format!("/proc/{id}/status")).ok()?)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Returns the arguments of a process, its program first.
pub(crate) fn arguments(id: u32) -> Vec<String> {
    filled_texts(&format!("/proc/{id}/cmdline"))
}

/// Returns the variables with which a process was started, as `NAME=value`.
pub(crate) fn variables(id: u32) -> Vec<String> {
    filled_texts(&format!("/proc/{id}/environ"))
}

fn filled_texts(path: &str) -> Vec<String> {
    let mut texts = texts(path, BYTES).unwrap_or_default();
    texts.retain(|text| !text.is_empty());
    texts
}

/// Returns the last ID that Linux gave to a process or a thread. It gives them in ascending order.
pub(crate) fn last_id() -> Option<u32> {
    fs::read_to_string("/proc/loadavg").ok()?.split_ascii_whitespace().nth(4)?.parse().ok()
}

/// Returns the IDs of all processes.
pub(crate) fn all_ids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut ids: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    ids.sort_unstable();
    ids
}

/// Returns the time since the start of the machine, in ticks.
pub(crate) fn uptime() -> Option<u64> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = text.split_ascii_whitespace().next()?.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 100 + hundredths.parse::<u64>().ok()?)
}

/// Returns the time in seconds that the calling thread has worked so far.
pub(crate) fn thread_s() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_ascii_whitespace().next()?.parse::<f64>().ok()? / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_a_line_are_read_whatever_the_name_is() {
        let line = |name: &str, state: &str| {
            format!("42 ({name}) {state} 7 42 42 0 -1 0 0 0 0 0 120 30 500 25 20 0 1 0 9876 1 2 3")
        };
        let expected = ProcCounters {
            name: "cc1".into(),
            parent: 7,
            is_process: true,
            ended: false,
            own: 150,
            reaped: 525,
            start: 9876,
        };
        assert_eq!(counters(&line("cc1", "R")), Some(expected));
        let odd = counters(&line("a) S 1 (b", "Z")).unwrap();
        assert_eq!((odd.name.as_str(), odd.ended, odd.own), ("a) S 1 (b", true, 150));
        for bad in ["", "42 (x", "42 (x) S 1"] {
            assert_eq!(counters(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_peak_of_memory_is_read() {
        assert_eq!(peak_of("Name:\trustc\nVmHWM:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(peak_of("Name:\tx\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_described() {
        let own = std::process::id();
        assert!(peak_bytes(own).unwrap() > 100_000);
        let counters = StatFile::open(own).unwrap().read().unwrap();
        assert!(counters.start <= uptime().unwrap() && counters.is_process);
        // This test runs in a thread of its own.
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        let thread = thread.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let counters = StatFile::open(thread).unwrap().read().unwrap();
        assert_eq!(counters.is_process, thread == own);
        assert!(!arguments(own).is_empty() && all_ids().contains(&own) && last_id().unwrap() > 0);
        assert!(thread_s().is_some());
    }
}
