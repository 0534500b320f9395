//! Names for the containers and images of a smoke run in an engine. An engine keeps the leftovers of a killed
//! run. The name shows which process made them, so that the next run removes only those that no running
//! process needs.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use xtask_compilers::toolchain::identity::Fingerprint;

/// The prefix of all names.
const PREFIX: &str = "xtask-smoke";

/// The owner of a name: a process of one user in one PID namespace, since one boot of a machine. A daemon may
/// serve other machines, containers and users, whose processes cannot be seen from here. Their leftovers are
/// never removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// The fingerprint of machine, boot, PID namespace and user.
    group: String,
    pid: u32,
    /// The start time of the process, because process numbers are reused.
    start: u64,
}

impl Mark {
    /// Returns the mark of this process, or none if the system does not provide the data (no /proc).
    pub(super) fn own() -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let numbering = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let group =
            Fingerprint::new("smoke mark 1").with(boot.trim()).with(numbering.as_os_str().as_encoded_bytes());
        let group = group.with(user()?.to_le_bytes()).short();
        let pid = std::process::id();
        Some(Self { group, pid, start: start(pid)? })
    }

    /// Returns the prefix of the names of all processes that can be seen from here.
    pub(super) fn group(&self) -> String {
        format!("{PREFIX}-{}-", self.group)
    }

    /// Returns whether a name belongs to a process of this group that has ended. It is the name of a
    /// container, or of an image with or without registry and tag. `start` returns the start time of the
    /// process with a number, or none if there is no such process.
    pub(super) fn outlived(&self, name: &str, start: impl Fn(u32) -> Option<u64>) -> bool {
        let name = name.rsplit('/').next().unwrap_or(name);
        let name = name.split(':').next().unwrap_or(name);
        let numbers = name.strip_prefix(&self.group()).map(|rest| rest.split('_').collect::<Vec<_>>());
        let Some([pid, started, _]) = numbers.as_deref() else { return false };
        match (pid.parse(), started.parse::<u64>()) {
            (Ok(pid), Ok(started)) => start(pid) != Some(started),
            _ => false,
        }
    }
}

/// Returns a name that is unique in the engine.
pub(super) fn name(mark: Option<&Mark>) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    match mark {
        Some(mark) => format!("{}{}_{}_{count}", mark.group(), mark.pid, mark.start),
        None => format!("{PREFIX}-{}-{count}", std::process::id()),
    }
}

/// Returns when a process started, in clock ticks since boot (proc(5), field 22 of `/proc/<pid>/stat`).
pub(super) fn start(pid: u32) -> Option<u64> {
    started(&std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?)
}

fn started(stat: &str) -> Option<u64> {
    xtask_process::exec::processes::stat_fields(stat)?.1.nth(19)?.parse().ok()
}

#[cfg(unix)]
fn user() -> Option<u32> {
    Some(rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn user() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_process_of_the_group_left_is_outlived() {
        let mark = Mark { group: "ab".into(), pid: 7, start: 70 };
        let own = name(Some(&mark));
        assert!(own.starts_with("xtask-smoke-ab-7_70_") && name(Some(&mark)) != own);
        // 7 and 8 are running, 9 is not.
        let start = |pid| [(7, 70), (8, 80)].into_iter().find(|(one, _)| *one == pid).map(|(_, start)| start);
        let outlived = |name: &str| mark.outlived(name, start);
        assert!(!outlived(&own) && !outlived("localhost/xtask-smoke-ab-8_80_0:tag"));
        assert!(outlived("xtask-smoke-ab-9_70_0") && outlived("localhost/xtask-smoke-ab-9_1_12:tag"));
        assert!(outlived("xtask-smoke-ab-8_79_0"), "another process has its number");
        for foreign in ["xtask-smoke-cd-9_70_0", "xtask-smoke-9-0", "xtask-smoke-ab-x_1_0", "ab-9_70_0", ""] {
            assert!(!outlived(foreign), "{foreign}");
        }
        assert!(!outlived("xtask-smoke-ab-9_70") && !outlived("xtask-smoke-ab-9_70_0_0"));
    }

    #[test]
    fn a_program_may_be_called_anything() {
        let fields: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
        assert_eq!(started(&format!("1 (a) b (c) {}\n", fields.join(" "))), Some(22));
        assert_eq!(started("1 (a) S 1"), None);
        assert_eq!(started(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_alive() {
        let mark = Mark::own().unwrap();
        assert_eq!(Some(&mark), Mark::own().as_ref());
        assert!(!mark.outlived(&name(Some(&mark)), start));
        let dead = Mark { start: mark.start + 1, ..mark.clone() };
        assert!(mark.outlived(&name(Some(&dead)), start));
    }
}
