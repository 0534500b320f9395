//! The Docker daemon of this machine.

use xtask_process::exec::Cmd;

use crate::process::{LIMIT, run};
use crate::skip::{have, skipped};

/// Whether a Docker daemon answers; skips the test where none does.
pub fn daemon(test: &str) -> bool {
    if have(test, "docker").is_none() {
        return false;
    }
    let answers = Cmd::new("docker").args(["version", "--format", "{{.Server.Version}}"]).capture(LIMIT);
    let answers = answers.is_ok_and(|output| output.ok());
    if !answers {
        skipped(test, "no Docker daemon answers");
    }
    answers
}

/// Whether the daemon keeps images as containerd does (the default from Docker 29 on): as they came, all platforms under
/// the one name that the tar's index has, and with that index's digest as their ID. Docker's older store takes
/// `manifest.json` apart into an image and a name for each platform.
///
/// # Panics
/// Where no daemon answers.
pub fn keeps_the_index() -> bool {
    let status = run(&Cmd::new("docker").args(["info", "--format", "{{.DriverStatus}}"]));
    status.text().contains("io.containerd.snapshotter")
}

/// Names of images that a test loaded. They are removed when it ends, however it ends.
pub struct LoadedNames(pub Vec<String>);

impl Drop for LoadedNames {
    fn drop(&mut self) {
        let _ = Cmd::new("docker").args(["image", "rm", "--force"]).args(&self.0).capture(LIMIT);
    }
}
