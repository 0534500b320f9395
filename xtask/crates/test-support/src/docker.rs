//! The Docker daemon of this machine.

use xtask_process::exec::Cmd;

use crate::process::{LIMIT, run};
use crate::skip::{have, skipped};

/// Returns whether a Docker daemon answers, and skips the test if none does.
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

/// Returns whether the daemon stores images as containerd does (the default from Docker 29 on). Such a store
/// keeps them unchanged, all platforms under the name of the tar's index, with that index's digest as their
/// ID. Docker's older store uses `manifest.json`, with an image and a name for each platform.
///
/// No daemon answers.
pub fn keeps_the_index() -> bool {
    let status = run(&Cmd::new("docker").args(["info", "--format", "{{.DriverStatus}}"]));
    status.text().contains("io.containerd.snapshotter")
}

/// The names of images that a test has loaded. They are removed when the test ends, even if it fails.
pub struct LoadedNames(pub Vec<String>);

impl Drop for LoadedNames {
    fn drop(&mut self) {
        let _ = Cmd::new("docker").args(["image", "rm", "--force"]).args(&self.0).capture(LIMIT);
    }
}
