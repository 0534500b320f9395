//! What has to be undone outside this process, also when it is interrupted: a container that runs, an image that was
//! loaded for a moment.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Cmd;

/// The commands to run when this program ends early, in the order in which they were promised. Not decision state:
/// nothing but clean-up reads it.
static PROMISED: Mutex<Vec<(u64, Cmd)>> = Mutex::new(Vec::new());

/// How long one of them may take; whoever pressed Ctrl-C waits for it.
const LIMIT: Duration = Duration::from_secs(10);

/// A command that is run when this is dropped, and when this program is interrupted before.
#[derive(Debug)]
pub struct Undo {
    id: u64,
    cmd: Cmd,
    wanted: bool,
}

impl Undo {
    /// Promises the command; to be called before what it undoes is done.
    pub fn with(cmd: Cmd) -> Self {
        let mut promised = promised();
        let id = promised.last().map_or(0, |(id, _)| id + 1);
        promised.push((id, cmd.clone()));
        Self { id, cmd, wanted: true }
    }

    /// There is nothing left to undo.
    pub fn forget(mut self) {
        self.wanted = false;
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        if self.wanted {
            // Clean-up that fails has nobody to tell: what the run found stands.
            let _ = self.cmd.capture(LIMIT);
        }
        promised().retain(|(id, _)| *id != self.id);
    }
}

/// Runs all that was promised, the last first. For the end of an interrupted process: what is running is ended already.
pub(super) fn all() {
    let mut promised = promised();
    while let Some((_, cmd)) = promised.pop() {
        run(&cmd);
    }
}

/// Without [`Cmd::capture`], which waits for a lock that the end of the process holds.
fn run(cmd: &Cmd) {
    use std::process::Stdio;
    let mut command = cmd.command();
    command.stdout(Stdio::null()).stderr(Stdio::null());
    super::group::own(&mut command);
    let Ok(mut child) = command.spawn() else { return };
    let begun = Instant::now();
    while begun.elapsed() < LIMIT && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
}

fn promised() -> MutexGuard<'static, Vec<(u64, Cmd)>> {
    PROMISED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn touch(path: &std::path::Path) -> Cmd {
        Cmd::new("/bin/sh").args(["-c", "echo x >>\"$1\"", "sh"]).arg(path)
    }

    #[test]
    fn it_is_run_once_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, forgotten) = (dir.path().join("kept"), dir.path().join("forgotten"));
        Undo::with(touch(&forgotten)).forget();
        let undo = Undo::with(touch(&kept));
        assert!(!kept.exists());
        drop(undo);
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "x\n");
        assert!(!forgotten.exists());
    }
}
