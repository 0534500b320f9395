//! Classifies failed requests: whether to try again, and what the error says.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{HttpRequest, handshake};
use crate::url;
use xtask_files::error::Error;

/// The body of a request.
#[derive(Clone)]
pub enum Body {
    /// The request has no body.
    Empty,
    /// Bytes of a media type. They may be secret, and are not shown in debug output.
    Bytes(&'static str, Vec<u8>),
    /// A part of a file, read while it is sent.
    File(FilePart),
}

/// A part of a file that a request sends.
#[derive(Clone)]
pub struct FilePart {
    /// The path of the file.
    pub path: PathBuf,
    /// The offset of the first byte that is sent.
    pub from: u64,
    /// The number of bytes that are sent.
    pub length: u64,
    /// A function that is called with each number of bytes passed to the connection.
    pub sent: Arc<dyn Fn(u64) + Send + Sync>,
}

impl FilePart {
    /// Opens the part for reading.
    pub(super) fn reader(&self) -> io::Result<impl Read + use<>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.from))?;
        Ok(ToldReader { inner: file.take(self.length), told: Arc::clone(&self.sent) })
    }
}

/// A reader that reports how much was read.
struct ToldReader<R> {
    inner: R,
    told: Arc<dyn Fn(u64) + Send + Sync>,
}

impl<R: Read> Read for ToldReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.told)(read as u64);
        Ok(read)
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Body::Empty => f.write_str("Empty"),
            Body::Bytes(kind, bytes) => write!(f, "{} bytes of {kind}", bytes.len()),
            Body::File(part) => write!(f, "{} bytes of a file", part.length),
        }
    }
}

/// The reason why a request got no answer.
pub(super) struct Trouble {
    /// A description for a person.
    pub(super) words: String,
    /// Whether another try may help.
    pub(super) again: bool,
    /// The pause that the server requests.
    pub(super) after: Option<Duration>,
    /// The advice for the user.
    pub(super) help: Option<&'static str>,
    /// An error of this crate that replaces the description.
    pub(super) ours: Option<Error>,
}

impl Trouble {
    /// Makes the error of a request that was sent `tried` times.
    pub(super) fn error(&self, request: &HttpRequest, tried: u32) -> Error {
        if let Some(error) = &self.ours {
            return error.clone();
        }
        let times = if tried > 1 { format!(" ({tried} tries)") } else { String::new() };
        let mut error = Error::failed(format!("{}: {}{times}", request.shown(), self.words));
        error.help.extend(self.help.map(str::to_owned));
        error
    }
}

/// The advice if a host does not answer.
const UNREACHABLE: &str = "check the address and the network, and whether a proxy is needed (HTTPS_PROXY); with --offline, only the cache is used";

/// Classifies an error. Its texts must not contain a header or a query.
pub(super) fn trouble(error: &ureq::Error, address: &str) -> Trouble {
    let say = |words: String, again: bool| Trouble { words, again, after: None, help: None, ours: None };
    let unreachable = |words: String| Trouble { help: Some(UNREACHABLE), ..say(words, true) };
    let host = url::origin(address).map_or("the host", |(_, host)| host);
    match error {
        ureq::Error::Other(inner) => match inner.downcast_ref::<Error>() {
            Some(inner) => Trouble { ours: Some(inner.clone()), ..say(inner.what.clone(), false) },
            None => say(inner.to_string(), false),
        },
        ureq::Error::HostNotFound => unreachable(format!("there is no host {host}")),
        ureq::Error::Timeout(what) => unreachable(format!("no answer in time ({what})")),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => say("it is not an address".to_owned(), false),
        ureq::Error::ConnectProxyFailed(why) => say(format!("the proxy refuses: {why}"), false),
        error => {
            if let Some(fault) = handshake::judge(error, host) {
                return Trouble { help: Some(fault.help), ..say(fault.words, false) };
            }
            let words = match error {
                ureq::Error::Io(error) => error.to_string(),
                error => error.to_string(),
            };
            let lost = matches!(
                error,
                ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_)
            );
            if lost { unreachable(words) } else { say(words, false) }
        }
    }
}

/// Parses the pause of `Retry-After`: a number of seconds, or a date (RFC 9110, section 10.2.3). Returns none
/// for anything else.
pub(super) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = UNIX_EPOCH + Duration::from_secs(imf_fixdate(text.trim())?);
    Some(date.duration_since(now).unwrap_or_default())
}

/// Returns the seconds since 1970 of a date in the present form: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110,
/// section 5.6.7).
fn imf_fixdate(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str, most: i64| text.parse::<i64>().ok().filter(|n| (0..=most).contains(n));
    let (day, year) = (number(day, 31)?, number(year, 9999)?);
    let (hour, minute, second) = (number(hour, 23)?, number(minute, 59)?, number(second, 60)?);
    // The days since 0000-03-01, with years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day
        - 1;
    // 1970-01-01 is day 719,468 of that count.
    u64::try_from((days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second).ok()
}

/// Returns a pause with a random part, so that clients that were rejected together do not retry together.
/// Half of the pause is fixed. The random number comes from the standard library's source of random keys.
pub(crate) fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let share = RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64;
    pause.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_asks_to_wait() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |text: &str| retry_after(text, now).map(|pause| pause.as_secs());
        assert_eq!(wait(" 120 "), Some(120));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(wait("Sat, 05 Nov 1994 08:50:37 GMT"), Some(0), "a date that has passed");
        assert_eq!(imf_fixdate("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(imf_fixdate("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for no in [
            "",
            "soon",
            "-1",
            "Sun, 06 Nov 1994",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
        ] {
            assert_eq!(wait(no), None, "{no}");
        }
    }

    /// A registry that is down is not something that is missing on this machine.
    #[test]
    fn who_does_not_answer_is_asked_again_and_then_the_run_has_failed() {
        let io = |kind: io::ErrorKind| ureq::Error::Io(kind.into());
        let request = HttpRequest::get("https://r.example/v2/x");
        for (error, words) in [
            (ureq::Error::HostNotFound, "there is no host r.example"),
            (ureq::Error::Timeout(ureq::Timeout::Connect), "no answer in time (connect)"),
            (ureq::Error::Timeout(ureq::Timeout::RecvResponse), "no answer in time (receive response)"),
            (io(io::ErrorKind::ConnectionRefused), "connection refused"),
            (io(io::ErrorKind::NetworkUnreachable), "network unreachable"),
            (io(io::ErrorKind::HostUnreachable), "host unreachable"),
            (io(io::ErrorKind::ConnectionReset), "connection reset"),
        ] {
            let trouble = trouble(&error, &request.url);
            assert!(trouble.again, "{error}");
            let error = trouble.error(&request, 4);
            assert_eq!(error.what, format!("GET https://r.example/v2/x: {words} (4 tries)"));
            assert_eq!((error.kind.code(), error.help.len()), (1, 1), "{error}");
        }
    }

    #[test]
    fn a_pause_is_never_longer_than_asked() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(8));
            assert!((Duration::from_secs(4)..=Duration::from_secs(8)).contains(&pause), "{pause:?}");
        }
    }
}
