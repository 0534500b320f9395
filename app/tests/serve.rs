//! `app serve` as a container runs it: signals, and a root that cannot be written.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const ENGINE: bool = cfg!(any(feature = "native", feature = "pure"));

struct Served {
    child: Child,
    address: String,
    output: BufReader<std::process::ChildStdout>,
}

impl Served {
    /// Starts the program, by way of another one where there is one, and waits until it listens.
    fn start(through: &[&str], options: &[&str], file: Option<&Path>) -> Option<Self> {
        let mut words = through.iter().copied().chain([env!("CARGO_BIN_EXE_app")]);
        #[expect(clippy::disallowed_methods, reason = "the program under test is what this test is about")]
        let mut command = Command::new(words.next()?);
        command.args(words).args(["serve", "--listen", "127.0.0.1:0"]).args(options);
        if let Some(file) = file.filter(|_| ENGINE) {
            command.arg("--store").arg(file);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
        let mut output = BufReader::new(child.stdout.take()?);
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on http://")?.trim().to_owned();
        Some(Self { child, address, output })
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        #[expect(clippy::disallowed_methods, reason = "std sends SIGKILL only")]
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// How it ended, and what it said.
    fn end(&mut self) -> (ExitStatus, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.output.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap(), out, err)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Only a test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

const PUT: &str =
    "PUT /v1/store/key HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nvalue";
const SUM: &str = "POST /v1/sum HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 7\r\n\r\n[1,2,3]";

#[test]
fn sigterm_drains_and_the_store_is_closed() {
    for signal in ["-TERM", "-INT"] {
        let folder = folder(&format!("drain{signal}"));
        let mut served = Served::start(&[], &[], Some(&folder.join("rows"))).unwrap();
        assert!(served.ask(SUM).ends_with("\r\n\r\n{\"sum\":6}\n"));
        if ENGINE {
            assert!(served.ask(PUT).starts_with("HTTP/1.1 204 No Content\r\n"));
        }
        let mut half = TcpStream::connect(&served.address).unwrap();
        half.write_all(&SUM.as_bytes()[..SUM.len() - 2]).unwrap();
        let _idle = TcpStream::connect(&served.address).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        served.signal(signal);
        let begin = Instant::now();
        while TcpStream::connect(&served.address).is_ok() {
            assert!(begin.elapsed() < Duration::from_secs(10), "it still listens");
            std::thread::sleep(Duration::from_millis(5));
        }
        half.write_all(&SUM.as_bytes()[SUM.len() - 2..]).unwrap();
        let mut answer = String::new();
        half.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("{\"sum\":6}\n"), "{answer}");
        let (status, out, err) = served.end();
        assert_eq!((status.code(), out.as_str(), err.as_str()), (Some(0), "drained\n", ""));
        // No log or lock beside it: it was closed, not left.
        let left: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), usize::from(ENGINE), "{left:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut served = Served::start(&[], &["--drain-timeout", "60"], None).unwrap();
    let mut half = TcpStream::connect(&served.address).unwrap();
    half.write_all(b"GET ").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    served.signal("-TERM");
    std::thread::sleep(Duration::from_millis(200));
    served.signal("-TERM");
    assert_eq!(served.end().0.code(), Some(1));
    // The head's own limit would have ended it after ten seconds.
    assert!(begin.elapsed() < Duration::from_secs(8));
}

#[test]
fn what_it_cannot_do_it_says() {
    let mut taken = Served::start(&[], &[], None).unwrap();
    for (args, code, message) in [
        (vec!["--listen", &taken.address], 1, format!("error: cannot listen on {}: ", taken.address)),
        (vec!["--listen", "nowhere"], 2, "error: --listen needs an address and a port".to_owned()),
        (vec!["--store", "/proc/no/such"], 1, "error: ".to_owned()),
    ] {
        #[expect(clippy::disallowed_methods, reason = "the program under test is what this test is about")]
        let output = Command::new(env!("CARGO_BIN_EXE_app")).arg("serve").args(&args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{args:?}: {error}");
        assert!(error.starts_with(&message), "{error}");
    }
    taken.signal("-TERM");
    assert_eq!(taken.end().0.code(), Some(0));
}

/// A container's way: the root cannot be written, the user is nobody, and the store's folder is the one exception.
#[cfg(target_os = "linux")]
#[test]
fn it_runs_as_nobody_on_a_read_only_root() {
    use xtask_test_support::skip::skipped;
    const NAME: &str = "it_runs_as_nobody_on_a_read_only_root";
    // A folder that nobody may walk to, unlike the one where the program was built.
    let folder = std::env::temp_dir().join(format!("app-readonly-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // All of it in a name space of the process's own, where mounts concern nobody else and end with it.
    let script = format!(
        "set -e; mount -t tmpfs none '{at}'; mkdir '{at}/data'; cp '{program}' '{at}/app'; \
         chown 65534:65534 '{at}/data'; mount --bind '{at}/data' '{at}/data'; mount -o remount,bind,ro /; \
         mount -o remount,bind,ro '{at}'; cd /; if touch '{at}/x' 2>/dev/null; then exit 9; fi; \
         exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --no-new-privs '{at}/app' \"$@\"",
        at = folder.display(),
        program = env!("CARGO_BIN_EXE_app"),
    );
    let through = ["unshare", "--mount", "--propagation", "private", "sh", "-c", &script];
    let served = Served::start(&through, &[], Some(&folder.join("data/rows")));
    let Some(mut served) = served else {
        return skipped(NAME, "the right to make a mount name space, or setpriv");
    };
    assert!(served.ask(SUM).ends_with("{\"sum\":6}\n"));
    if ENGINE {
        assert!(served.ask(PUT).starts_with("HTTP/1.1 204"));
        let get = served.ask("GET /v1/store/key HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(get.ends_with("\r\n\r\nvalue"), "{get}");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap();
    assert!(status.lines().any(|line| line.starts_with("Uid:\t65534\t65534")), "{status}");
    let root = std::fs::read_to_string(format!("/proc/{}/mounts", served.child.id())).unwrap();
    let options =
        root.lines().rfind(|line| line.split(' ').nth(1) == Some("/")).unwrap().split(' ').nth(3).unwrap();
    assert!(options.split(',').any(|option| option == "ro"), "{options}");
    served.signal("-TERM");
    let (status, out, err) = served.end();
    assert_eq!((status.code(), out.as_str(), err.as_str()), (Some(0), "drained\n", ""));
    std::fs::remove_dir_all(&folder).unwrap();
}
