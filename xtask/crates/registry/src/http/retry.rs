//! What a failed request means: whether to try again, and what to say.

use super::HttpRequest;
use crate::url;
use xtask_files::error::Error;

/// What is sent with a request.
#[derive(Clone)]
pub enum Body {
    /// The request has no body.
    Empty,
    /// Bytes of a media type. They may be a secret and do not show themselves.
    Bytes(&'static str, Vec<u8>),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Body::Empty => f.write_str("Empty"),
            Body::Bytes(kind, bytes) => write!(f, "{} bytes of {kind}", bytes.len()),
        }
    }
}

/// The reason why a request got no answer.
pub(super) struct Trouble {
    /// What was found, for a person.
    pub(super) words: String,
    /// Whether another try may help.
    pub(super) again: bool,
    /// The seconds that the server asks to wait.
    pub(super) after: Option<u64>,
    /// What to do about it.
    pub(super) help: Option<&'static str>,
    /// An error of our own that says all of it.
    pub(super) ours: Option<Error>,
}

impl Trouble {
    /// As the error of a request that was sent some times.
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

/// What to do where nobody answers.
const UNREACHABLE: &str = "check the address and the network, and whether a proxy is needed (HTTPS_PROXY); with --offline, only the cache is used";

/// Judges an error. No text of it may hold a header or a query.
pub(super) fn trouble(error: &ureq::Error, address: &str) -> Trouble {
    let say = |words: String, again: bool| Trouble { words, again, after: None, help: None, ours: None };
    let advise = |words: String, help| Trouble { help: Some(help), ..say(words, false) };
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
            let words = error.to_string();
            if words.contains("certificate") {
                return advise(
                    format!("its certificate is not trusted: {words}"),
                    "if an authority of your own signed it, name the certificate of that authority in SSL_CERT_FILE",
                );
            }
            if words.contains("InvalidContentType") || words.contains("corrupt message") {
                return advise(
                    format!("{host} does not speak TLS"),
                    "if it speaks plain HTTP, name the host in XTASK_PLAIN_HTTP",
                );
            }
            let lost = matches!(
                error,
                ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_)
            );
            if lost { unreachable(words) } else { say(words, false) }
        }
    }
}
