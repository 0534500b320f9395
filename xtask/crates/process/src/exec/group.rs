//! Process groups. A probe or a smoke run that hangs is ended with all processes that it started. If this
//! program is interrupted, all running groups are ended.

use std::collections::BTreeSet;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The running groups, so that an interrupt can end them. Only clean-up reads this; no decision depends on
/// it.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Makes the command the leader of a new process group.
pub(super) fn own(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// The events that are sent to the thread that watches a group.
#[derive(Debug, Clone, Copy)]
pub(super) enum GroupEvent {
    /// The leader of the group has ended.
    Ended,
    /// The group printed more than its limit.
    TooMuch,
}

/// A running group. Dropping it ends the remaining processes of the group.
pub(super) struct GroupGuard {
    id: u32,
}

impl GroupGuard {
    pub(super) fn new(child: &Child) -> Self {
        running().insert(child.id());
        Self { id: child.id() }
    }

    /// Waits for the child, and ends its group if `limit` is over or it printed too much. The second result
    /// says whether the time limit was over. `tell` is the sender of `told`.
    pub(super) fn wait(
        &self,
        child: &mut Child,
        limit: Duration,
        tell: &Sender<GroupEvent>,
        told: Receiver<GroupEvent>,
    ) -> (std::io::Result<ExitStatus>, bool) {
        let id = self.id;
        let watch = move || {
            let timed_out = match told.recv_timeout(limit) {
                Ok(GroupEvent::Ended) | Err(RecvTimeoutError::Disconnected) => return false,
                Ok(GroupEvent::TooMuch) => false,
                Err(RecvTimeoutError::Timeout) => true,
            };
            kill(id);
            timed_out
        };
        let watch = match super::thread(watch) {
            Ok(watch) => watch,
            Err(error) => {
                kill(id);
                let _ = child.wait();
                return (Err(error), false);
            }
        };
        let status = child.wait();
        let _ = tell.send(GroupEvent::Ended);
        (status, watch.join().unwrap_or(false))
    }
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        kill(self.id);
        running().remove(&self.id);
    }
}

/// Installs the handler for SIGINT, SIGTERM and SIGHUP. It ends every running group, runs the commands that
/// [`super::Undo`] has registered, and ends this process with 128 plus the signal's number. `main` calls it
/// once.
pub fn end_groups_on_signals() {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use signal_hook::iterator::Signals;
        let (hand_over, handed) = std::sync::mpsc::channel::<Signals>();
        let wait = move || {
            let signals = handed.recv();
            if let Some(signal) = signals.ok().and_then(|mut signals| signals.forever().next()) {
                // The lock is held until the process ends. A thread that waits for one of these groups also
                // waits for the lock. So it does not report the end of its group as a failed build.
                let groups = running();
                for id in groups.iter() {
                    kill(*id);
                }
                super::undo::all();
                std::process::exit(128 + signal);
            }
        };
        // The thread is started first. Without it, the signals keep their default action.
        if super::thread(wait).is_ok()
            && let Ok(signals) = Signals::new([SIGINT, SIGTERM, SIGHUP])
        {
            let _ = hand_over.send(signals);
        }
    }
}

fn running() -> std::sync::MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kill(id: u32) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
        // For an empty group the system returns ESRCH, which can be ignored.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = id;
}
