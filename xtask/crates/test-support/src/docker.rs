//! The Docker daemon of this machine.

use std::path::{Path, PathBuf};

use xtask_process::exec::{Cmd, Output};

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

/// Whether the kernel starts arm64 programs by qemu; tries to make it so where it does not yet.
pub fn binfmt() -> bool {
    let dir = Path::new("/proc/sys/fs/binfmt_misc");
    let known = || dir.join("qemu-aarch64").exists();
    if !dir.join("register").exists() {
        let _ = Cmd::new("mount").args(["-t", "binfmt_misc", "binfmt_misc"]).arg(dir).capture(LIMIT);
    }
    if !known() {
        let _ = Cmd::new("update-binfmts").args(["--enable", "qemu-aarch64"]).capture(LIMIT);
    }
    known()
}

/// An address of this machine that the Docker daemon reaches and that is no loopback address: Docker takes a registry at one of
/// those for an insecure one, and reads no certificate for it. None where the daemon has no bridge on this machine.
pub fn reachable() -> Option<String> {
    let subnet = ["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}"];
    let output = Cmd::new("docker").args(subnet).capture(LIMIT).ok().filter(Output::ok)?;
    let subnet = output.text();
    let (network, _) = subnet.trim().split_once('/')?;
    // Nothing is sent: the system chooses the address that it would send from.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect((network, 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then(|| ip.to_string())
}

/// An authority that the daemon trusts for one registry, in `/etc/docker/certs.d`. Removed when dropped.
pub struct TrustedAuthority(PathBuf);

impl TrustedAuthority {
    /// Makes the daemon trust the certificate in `ca` for the registry `at`, or skips the test where this user may not.
    pub fn add(test: &str, at: &str, ca: &Path) -> Option<Self> {
        let added = Self(Path::new("/etc/docker/certs.d").join(at));
        let written =
            std::fs::create_dir_all(&added.0).and_then(|()| std::fs::copy(ca, added.0.join("ca.crt")));
        match written {
            Ok(_) => Some(added),
            Err(e) => {
                skipped(test, &format!("{} cannot be written: {e}", added.0.display()));
                None
            }
        }
    }
}

impl Drop for TrustedAuthority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
        // The folder above it is of no use without another one in it.
        let _ = self.0.parent().map(std::fs::remove_dir);
    }
}

/// The names of images that a test has loaded. They are removed when the test ends, even if it fails.
pub struct LoadedNames(pub Vec<String>);

impl Drop for LoadedNames {
    fn drop(&mut self) {
        let _ = Cmd::new("docker").args(["image", "rm", "--force"]).args(&self.0).capture(LIMIT);
    }
}
