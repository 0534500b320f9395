//! Process groups: a probe or a smoke run that hangs is ended with everything it started, and so is everything in
//! flight when this program itself is interrupted.

use std::collections::BTreeSet;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The groups that run now, so that an interrupt can end them. Not decision state: nothing but clean-up reads it.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Makes the command the leader of a process group of its own.
pub(super) fn own(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// What whoever watches a group is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum GroupEvent {
    /// Its leader has ended.
    Ended,
    /// It printed more than it may.
    TooMuch,
}

/// A running group; dropping it ends what is left of the group.
pub(super) struct GroupGuard {
    id: u32,
}

impl GroupGuard {
    pub(super) fn new(child: &Child) -> Self {
        running().insert(child.id());
        Self { id: child.id() }
    }

    /// Waits for the child; ends its group once `limit` is over, and says whether that happened, or once it printed too
    /// much. `tell` is the sender of `told`.
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

/// Ends every group in flight when SIGINT, SIGTERM or SIGHUP arrives, undoes what was promised to be undone ([`super::Undo`]),
/// and ends this process with 128 + the signal's number.
/// Called once by `main`.
pub fn end_groups_on_signals() {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use signal_hook::iterator::Signals;
        let (hand_over, handed) = std::sync::mpsc::channel::<Signals>();
        let wait = move || {
            let signals = handed.recv();
            if let Some(signal) = signals.ok().and_then(|mut signals| signals.forever().next()) {
                // Kept until the end: whoever waits for one of these groups waits for this too, and does not take its
                // end for a failed build and go on to report it.
                let groups = running();
                for id in groups.iter() {
                    kill(*id);
                }
                super::undo::all();
                std::process::exit(128 + signal);
            }
        };
        // The thread first: without one, the signals keep what they do by themselves.
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
        // An empty group answers ESRCH, which is what we want.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = id;
}
