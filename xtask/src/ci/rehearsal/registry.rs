//! The registry of a rehearsal, on this machine.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use xtask_files::error::{Error, Result};
use xtask_files::threads;
use xtask_process::exec::{Cmd, Output, Undo};

/// The program.
pub const REGISTRY: &str = "docker-registry";
/// The only user, and the password.
pub(super) const LOGIN: (&str, &str) = ("reader", "open sesame");

const SCRIPT: &str = include_str!("registry.sh");
/// How long the registry may take to start.
const LIMIT: Duration = Duration::from_secs(60);

/// A registry that runs until it is dropped, or until this program ends.
pub(super) struct RehearsedRegistry {
    /// Its address: `127.0.0.1:<port>`.
    pub(super) at: String,
    storage: PathBuf,
    end: Cmd,
    _undo: Undo,
}

impl RehearsedRegistry {
    /// Starts a registry that stores everything below `folder`; what an earlier one stored there is still in it.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let [storage, log] = ["storage", "registry.log"].map(|name| folder.join(name));
        xtask_files::folder(&storage)?;
        let cmd = Cmd::new("sh").args(["-c", SCRIPT, "sh"]).arg(&storage).arg(log);
        let output = cmd.arg(std::process::id().to_string()).capture(LIMIT)?;
        let text = output.text();
        let Some((at, process)) = text.split_once(' ').filter(|_| output.ok()) else {
            return Err(Error::failed(format!("{REGISTRY} does not start")).found(output.errors()));
        };
        let end = Cmd::new("sh").args(["-c", "kill -KILL \"$1\"", "sh", process]);
        Ok(Self { at: at.to_owned(), storage, _undo: Undo::with(end.clone()), end })
    }

    /// Runs a command, and kills the registry as soon as it has stored something.
    ///
    /// # Errors
    /// The command cannot be started.
    pub(super) fn killed_during(&self, cmd: &Cmd, limit: Duration) -> Result<Output> {
        let ended = AtomicBool::new(false);
        let kill = || {
            let begun = Instant::now();
            while !ended.load(Ordering::Acquire) && begun.elapsed() < LIMIT {
                let stored = xtask_files::below(&self.storage, |_| true).unwrap_or_default();
                if stored.iter().any(|(path, _)| path.ends_with("data")) {
                    let _ = self.end.capture(LIMIT);
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let run = || {
            let output = cmd.capture(limit);
            ended.store(true, Ordering::Release);
            output
        };
        threads::both(kill, run).1
    }
}
