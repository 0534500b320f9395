//! What the service is told on its command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::options::Options;
use crate::store::Engine;

/// The usage of the command.
pub(crate) const USAGE: &str = "\
Usage: app serve [OPTIONS]

Serves /healthz, /readyz, /info, /metrics, /v1/dot, /v1/double, /v1/sum, /v1/reverse and, with --store, /v1/store over
HTTP/1.1. SIGTERM or SIGINT drains: no new connections, requests that have begun are answered. A second one ends at once.

Options:
  --listen ADDRESS:PORT    127.0.0.1:8080 where left out; 0.0.0.0:8080 in a container; port 0 takes a free one
  --store FILE             Keep rows in this file, which is made if it is not there
  --engine sqlite|redb     The engine of a new file
  --threads N              Threads for calls into C and the store: the number of processors where left out
  --queue N                Calls that may wait for a thread: 64
  --on-full wait|refuse    What a call over that bound does: wait as well, or get 503 with Retry-After (the default)
  --max-connections N      Connections at a time; the next one gets 503: 256
  --max-body BYTES         Bytes of a request's body: 1048576
  --head-timeout SECONDS   From a request's first byte to the end of its head: 10
  --body-timeout SECONDS   For the whole body: 30
  --call-timeout SECONDS   For a call into C or the store, waiting for a thread included; then 503: 30
  --write-timeout SECONDS  For the whole response: 30
  --idle-timeout SECONDS   Between two requests: 60
  --drain-timeout SECONDS  Between the signal and the end: 20
";

/// What the service is told.
#[derive(Debug, Clone)]
pub(super) struct ServeConfig {
    pub(super) listen: SocketAddr,
    pub(super) store: Option<PathBuf>,
    pub(super) engine: Option<Engine>,
    pub(super) threads: NonZeroUsize,
    pub(super) queue: usize,
    /// Whether a call over the bound waits.
    pub(super) wait: bool,
    pub(super) max_connections: usize,
    pub(super) max_body: usize,
    pub(super) head: Duration,
    pub(super) body: Duration,
    pub(super) call: Duration,
    pub(super) write: Duration,
    pub(super) idle: Duration,
    pub(super) drain: Duration,
}

impl ServeConfig {
    /// Reads the command line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let known = [
            "--listen",
            "--store",
            "--engine",
            "--threads",
            "--queue",
            "--on-full",
            "--max-connections",
            "--max-body",
            "--head-timeout",
            "--body-timeout",
            "--call-timeout",
            "--write-timeout",
            "--idle-timeout",
            "--drain-timeout",
        ]
        .map(|name| (name, true));
        let options = Options::read(args, &known)?;
        if let Some(operand) = options.operands.first() {
            return Err(format!("`serve` does not take the argument {operand:?}"));
        }
        let number = |name, default| Ok::<_, String>(options.parsed(name, "a number")?.unwrap_or(default));
        let positive = |name, default: usize| {
            let default = NonZeroUsize::new(default).unwrap_or(NonZeroUsize::MIN);
            Ok::<_, String>(options.parsed(name, "a number above 0")?.unwrap_or(default))
        };
        let time = |name, default: u64| {
            let seconds: f64 = options.parsed(name, "seconds")?.unwrap_or(default as f64);
            // In no time nobody answers, and a day is longer than any client may need.
            let fits = (0.001..=86_400.0).contains(&seconds);
            if fits {
                Ok(Duration::from_secs_f64(seconds))
            } else {
                Err(format!("{name} needs 0.001 to 86400 seconds"))
            }
        };
        let wait = match options.value("--on-full").map(|value| value.to_str()) {
            None | Some(Some("refuse")) => false,
            Some(Some("wait")) => true,
            Some(_) => return Err("--on-full needs wait or refuse".into()),
        };
        let engine = match options.value("--engine").map(|name| name.to_str().and_then(Engine::of_name)) {
            Some(None) => return Err("--engine needs sqlite or redb".into()),
            engine => engine.flatten(),
        };
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            listen: options
                .parsed("--listen", "an address and a port, such as 127.0.0.1:8080 or [::1]:8080")?
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            store: options.value("--store").map(PathBuf::from),
            engine,
            threads: positive("--threads", processors)?,
            queue: number("--queue", 64)?,
            wait,
            max_connections: positive("--max-connections", 256)?.get(),
            max_body: number("--max-body", 1 << 20)?,
            head: time("--head-timeout", 10)?,
            body: time("--body-timeout", 30)?,
            call: time("--call-timeout", 30)?,
            write: time("--write-timeout", 30)?,
            idle: time("--idle-timeout", 60)?,
            drain: time("--drain-timeout", 20)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<ServeConfig, String> {
        ServeConfig::read(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn defaults_and_values() {
        let config = read("").unwrap();
        assert_eq!(
            (config.listen.to_string().as_str(), config.wait, config.max_body),
            ("127.0.0.1:8080", false, 1 << 20)
        );
        let config =
            read("--listen [::1]:0 --on-full wait --threads 3 --idle-timeout 0.5 --store a").unwrap();
        assert_eq!(
            (config.listen.to_string().as_str(), config.wait, config.threads.get()),
            ("[::1]:0", true, 3)
        );
        assert_eq!((config.idle, config.store), (Duration::from_millis(500), Some("a".into())));
    }

    #[test]
    fn what_is_wrong() {
        for (line, message) in [
            ("now", "`serve` does not take the argument \"now\""),
            ("--threads 0", "--threads needs a number above 0, not \"0\""),
            (
                "--listen 8080",
                "--listen needs an address and a port, such as 127.0.0.1:8080 or [::1]:8080, not \"8080\"",
            ),
            ("--max-connections 0", "--max-connections needs a number above 0, not \"0\""),
            ("--idle-timeout 0", "--idle-timeout needs 0.001 to 86400 seconds"),
            ("--idle-timeout NaN", "--idle-timeout needs 0.001 to 86400 seconds"),
            ("--on-full drop", "--on-full needs wait or refuse"),
            ("--engine mysql", "--engine needs sqlite or redb"),
        ] {
            assert_eq!(read(line).unwrap_err(), message);
        }
    }
}
