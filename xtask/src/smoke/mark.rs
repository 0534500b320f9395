//! The names of what a smoke run puts into an engine, which say whose they are: an engine keeps what a killed run left, and
//! the next run may remove it only where nobody else can need it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use xtask_compilers::toolchain::identity::Fingerprint;

/// What all names begin with.
const PREFIX: &str = "xtask-smoke";

/// Who owns a name: a process of one user, in one numbering of processes, since one start of a machine. A daemon may serve
/// other machines, containers and users, whose processes cannot be seen from here: theirs are never judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Of machine, start of it, numbering and user.
    group: String,
    pid: u32,
    /// When the process started: a number is given to one process after another.
    start: u64,
}

impl Mark {
    /// That of this process; none where the system does not say what it takes (no /proc).
    pub(super) fn own() -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let numbering = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let group =
            Fingerprint::new("smoke mark 1").with(boot.trim()).with(numbering.as_os_str().as_encoded_bytes());
        let group = group.with(user()?.to_le_bytes()).short();
        let pid = std::process::id();
        Some(Self { group, pid, start: start(pid)? })
    }

    /// What the names of all processes begin with that can be judged from here.
    pub(super) fn group(&self) -> String {
        format!("{PREFIX}-{}-", self.group)
    }

    /// Whether a name, of an image with or without registry and tag or of a container, is that of a process of the group
    /// that has ended. `start` says when the process of a number started; none where there is none.
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

/// A name that nothing else in the engine has.
pub(super) fn name(mark: Option<&Mark>) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    match mark {
        Some(mark) => format!("{}{}_{}_{count}", mark.group(), mark.pid, mark.start),
        None => format!("{PREFIX}-{}-{count}", std::process::id()),
    }
}

/// When a process started, in ticks since the machine did (proc(5), field 22 of `/proc/<pid>/stat`).
pub(super) fn start(pid: u32) -> Option<u64> {
    started(&std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?)
}

/// The name of the program, the second field, is in brackets and may hold anything.
fn started(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
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
        // 7 and 8 are alive, 9 is not.
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
