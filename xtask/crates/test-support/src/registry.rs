//! A registry that a test starts for itself: Debian's docker-registry on a free port of this machine.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use xtask_process::exec::Cmd;

use crate::process::{LIMIT, run};
use crate::skip::{have, skipped};

/// The only user, if the registry has users.
pub const USER: &str = "reader";
/// The password of [`USER`].
pub const PASSWORD: &str = "open sesame";
/// The user and the password in the form of htpasswd with bcrypt, the only hash that the registry accepts.
const HTPASSWD: &str = "reader:$2y$05$CI262iiInGPjJEFqqNNwy.uG.8CIdDB2H17kQvdW6y/C2c9EO9eOW\n";

/// The address of this machine for itself.
const LOOPBACK: &str = "127.0.0.1";

/// Mounts a disk of `$3` bytes at `$1`, fills three quarters of it, and executes the rest of the command.
const ON_A_DISK: &str = r#"mount -t tmpfs -o "size=$3" tmpfs "$1"; head -c "$(($2 * 3))" /dev/zero >"$1/filled"; shift 3; exec "$@""#;

/// The settings of a registry.
#[derive(Default)]
pub struct Settings {
    /// The address of this machine at which it listens: 127.0.0.1 where none is given.
    pub ip: Option<String>,
    /// Whether the registry asks for [`USER`] and [`PASSWORD`].
    pub password: bool,
    /// The certificate and the key for TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Further variables, such as `REGISTRY_AUTH_TOKEN_REALM`.
    pub vars: Vec<(&'static str, String)>,
    /// The storage folder of another registry. If none, a new folder is used.
    pub storage: Option<PathBuf>,
    /// The number of free bytes on a separate disk. Three times as much is filled until
    /// [`RegistryServer::make_room`] is called. It needs a mount namespace.
    pub space: Option<u64>,
}

/// A running registry. Dropping it ends it.
pub struct RegistryServer {
    child: Child,
    /// The address of the registry: `<ip>:<port>`.
    pub at: String,
    dir: tempfile::TempDir,
    /// The folder in which the registry stores everything.
    pub storage: PathBuf,
    skopeo: PathBuf,
}

impl RegistryServer {
    /// Starts a registry with the default settings, or skips the test if a program is missing.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_with(test, Settings::default())
    }

    /// Starts a registry, or skips the test if a program is missing.
    ///
    /// # Panics
    /// The registry does not start.
    pub fn start_with(test: &str, settings: Settings) -> Option<Self> {
        let program = have(test, "docker-registry")?;
        let skopeo = have(test, "skopeo")?;
        if settings.space.is_some() && !has_namespaces() {
            skipped(test, "this user may not mount anything in a namespace of its own");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let storage = settings.storage.unwrap_or_else(|| dir.path().join("storage"));
        let config = dir.path().join("config.yml");
        fs::write(&config, "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {}}\nhttp: {}\n")
            .unwrap();
        for _ in 0..5 {
            let at = free_at(settings.ip.as_deref().unwrap_or(LOOPBACK));
            #[expect(clippy::disallowed_methods, reason = "a child that lives as long as the test")]
            let new = |program: &Path| std::process::Command::new(program);
            let mut command = match settings.space {
                None => new(&program),
                Some(space) => {
                    fs::create_dir_all(&storage).unwrap();
                    let mut command = new(Path::new("unshare"));
                    command.args(["--mount", "--map-root-user", "sh", "-ec", ON_A_DISK, "sh"]);
                    command.arg(&storage).args([space.to_string(), (4 * space).to_string()]).arg(&program);
                    command
                }
            };
            command.args(["serve".as_ref(), config.as_os_str()]).env("REGISTRY_HTTP_ADDR", &at);
            command.env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", &storage);
            command.env("OTEL_TRACES_EXPORTER", "none").stdin(Stdio::null());
            let log = fs::File::create(dir.path().join("log")).unwrap();
            command.stdout(log.try_clone().unwrap()).stderr(log);
            if settings.password {
                let file = dir.path().join("htpasswd");
                fs::write(&file, HTPASSWD).unwrap();
                command.env("REGISTRY_AUTH", "htpasswd").env("REGISTRY_AUTH_HTPASSWD_REALM", "test");
                command.env("REGISTRY_AUTH_HTPASSWD_PATH", file);
            }
            if let Some((certificate, key)) = &settings.tls {
                command.env("REGISTRY_HTTP_TLS_CERTIFICATE", certificate).env("REGISTRY_HTTP_TLS_KEY", key);
            }
            command.envs(settings.vars.iter().map(|(key, value)| (key, value)));
            let mut child = command.spawn().unwrap();
            if answers(&mut child, &at) {
                // A mount in the registry's own namespace is only visible through its process.
                let storage = match settings.space {
                    None => storage,
                    Some(_) => Path::new("/proc")
                        .join(child.id().to_string())
                        .join("root")
                        .join(storage.strip_prefix("/").unwrap()),
                };
                return Some(Self { child, at, dir, storage, skopeo });
            }
            // Another process took the port meanwhile.
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("docker-registry does not start:\n{}", fs::read_to_string(dir.path().join("log")).unwrap());
    }

    /// Returns the full name of an image in the registry.
    pub fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.at)
    }

    /// Copies an image to the registry under a name. `from` is in skopeo's form.
    ///
    /// # Panics
    /// skopeo fails.
    pub fn push(&self, from: &str, rest: &str, more: &[&str]) {
        let to = format!("docker://{}", self.name(rest));
        let flags = ["--insecure-policy", "copy", "--all", "--dest-tls-verify=false"];
        let credentials = format!("--dest-creds={USER}:{PASSWORD}");
        run(&Cmd::new(&self.skopeo).args(flags).arg(credentials).args(more).args([from, &to]));
    }

    /// Returns the file in which the registry stores a blob, by the hexadecimal digits of its SHA-256.
    pub fn stored(&self, hex: &str) -> PathBuf {
        self.storage.join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }

    /// Removes the file that fills three quarters of its disk; see [`Settings::space`].
    ///
    /// # Panics
    /// The registry has no separate disk.
    pub fn make_room(&self) {
        fs::remove_file(self.storage.join("filled")).unwrap();
    }

    /// Ends the registry; dropping it does the same.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Returns a folder that is removed with the registry.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for RegistryServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns whether a process may make its own mounts.
fn has_namespaces() -> bool {
    let tried =
        Cmd::new("unshare").args(["--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    tried.capture(LIMIT).is_ok_and(|output| output.ok())
}

/// Returns an address of this machine at which no process listens at the moment.
///
/// # Panics
/// There is no free port.
pub fn free() -> String {
    free_at(LOOPBACK)
}

fn free_at(ip: &str) -> String {
    TcpListener::bind(format!("{ip}:0")).unwrap().local_addr().unwrap().to_string()
}

/// Waits until the registry listens. Returns false if it has ended.
fn answers(child: &mut Child, at: &str) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(at).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}
