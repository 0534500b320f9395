//! How this machine's Docker keeps images. For every test of this package that loads some.

use std::time::Duration;

use xtask_process::exec::Cmd;

/// Whether the daemon keeps images as containerd does (the default from Docker 29 on): as they came, all platforms under
/// the one name that the tar's index has, and with that index's digest as their ID. Docker's older store takes
/// `manifest.json` apart into an image and a name for each platform.
pub(crate) fn keeps_the_index() -> bool {
    let cmd = Cmd::new("docker").args(["info", "--format", "{{.DriverStatus}}"]);
    let status = cmd.capture(Duration::from_secs(60)).unwrap();
    assert!(status.ok(), "{}", status.errors());
    status.text().contains("io.containerd.snapshotter")
}
