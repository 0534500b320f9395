//! Actions outside of this process that must be undone even if it is interrupted: stopping a container,
//! removing an image that was loaded for a short time.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Cmd;

/// The commands to run if this program ends early, in the order of their registration. Only clean-up reads
/// this; no decision depends on it.
static PROMISED: Mutex<Vec<(u64, Cmd)>> = Mutex::new(Vec::new());

/// The time limit of one command. After Ctrl-C, the user waits for it.
const LIMIT: Duration = Duration::from_secs(10);

/// A command that runs when this value is dropped, or when this program is interrupted before.
#[derive(Debug)]
pub struct Undo {
    id: u64,
    cmd: Cmd,
    wanted: bool,
}

impl Undo {
    /// Registers the command. Call this before the action that the command undoes.
    pub fn with(cmd: Cmd) -> Self {
        let mut promised = promised();
        let id = promised.last().map_or(0, |(id, _)| id + 1);
        promised.push((id, cmd.clone()));
        Self { id, cmd, wanted: true }
    }

    /// Registers the removal of a folder with everything in it. It is removed several times, because interrupted
    /// processes may write until this process ends.
    pub fn removing(folder: &Path) -> Self {
        let remove = "for n in 1 2 3; do rm -rf -- \"$1\" && exit; done; exit 1";
        Self::with(Cmd::new("/bin/sh").args(["-c", remove, "sh"]).arg(folder))
    }

    /// Cancels the command, because there is nothing left to undo.
    pub fn forget(mut self) {
        self.wanted = false;
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        if self.wanted {
            // An error of the clean-up is ignored: it does not change the result of the run.
            let _ = self.cmd.capture(LIMIT);
        }
        promised().retain(|(id, _)| *id != self.id);
    }
}

/// Runs all registered commands, the last one first. It is called at the end of an interrupted process, when
/// all groups have ended.
pub(super) fn all() {
    let mut promised = promised();
    while let Some((_, cmd)) = promised.pop() {
        run(&cmd);
    }
}

/// Runs one command without [`Cmd::capture`], which would wait for a lock that the ending process holds.
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
