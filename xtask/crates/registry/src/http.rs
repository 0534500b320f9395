//! HTTP as a registry needs it: tries again where that helps, follows redirects without taking a password along, and
//! says in words what went wrong.

use std::io::Read;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ureq::http::{self, StatusCode};
use ureq::tls::TlsConfig;
use ureq::{Agent, SendBody};

use super::proxy::Proxies;
use super::{tls, url};
use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;
use xtask_process::host::Host;
use xtask_process::ui::Ui;

mod retry;

pub(super) use retry::jittered;
pub use retry::{Body, FilePart};
use retry::{Trouble, retry_after, trouble};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(30);
/// How long an answer may take to begin, the next bytes of one to come, and the next bytes of a request to be taken.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a registry may take to answer what it was sent, after the last byte.
const COMMIT: Duration = Duration::from_secs(600);
/// How many redirects are followed.
const REDIRECTS: usize = 5;
/// How often a request is sent in all.
const TRIES: u32 = 4;
/// The pause after the first try; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that a server may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The most bytes of an error that are read.
const ERROR_MAX: u64 = 64 << 10;

/// An HTTP request, which can be sent more than once.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The HTTP method of the request.
    pub method: http::Method,
    /// The URL of the request.
    pub url: String,
    /// The headers of the request, without `Authorization`.
    pub headers: Vec<(http::HeaderName, String)>,
    /// The value of `Authorization`, which goes to the origin of `url` alone.
    pub authorization: Option<super::Secret>,
    /// The body of the request.
    pub body: Body,
    /// The request is sent once, also where that got no answer: its sender asks what became of it.
    pub once: bool,
}

impl HttpRequest {
    /// A request for what is at an address.
    pub fn get(url: impl Into<String>) -> Self {
        let (headers, body) = (Vec::new(), Body::Empty);
        Self { method: http::Method::GET, url: url.into(), headers, authorization: None, body, once: false }
    }

    /// A request with another method and no body.
    pub fn new(method: http::Method, url: impl Into<String>) -> Self {
        Self { method, ..Self::get(url) }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: http::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Method and address, for messages: without a query, which may hold a signature.
    pub fn shown(&self) -> String {
        format!("{} {}", self.method, url::shown(&self.url))
    }
}

/// An answer; its body has not been read yet.
#[derive(Debug)]
pub struct HttpResponse {
    inner: http::Response<ureq::Body>,
}

impl HttpResponse {
    /// Returns the status code of the response.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The text of a header.
    pub fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.inner.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// All texts of a header that may come several times.
    pub fn headers(&self, name: &http::HeaderName) -> Vec<&str> {
        self.inner.headers().get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// The body, to be read once.
    pub fn reader(self) -> impl Read {
        self.inner.into_body().into_reader()
    }

    /// The whole body.
    ///
    /// # Errors
    /// It has more than `limit` bytes, or cannot be read.
    pub fn bytes(self, limit: u64) -> std::io::Result<Vec<u8>> {
        whole(self.inner.into_body(), limit)
    }

    /// The same answer, of which the whole body was read.
    ///
    /// # Errors
    /// As [`HttpResponse::bytes`].
    pub(super) fn read(self, limit: u64) -> std::io::Result<Self> {
        let (parts, body) = self.inner.into_parts();
        let body = ureq::Body::builder().data(whole(body, limit)?);
        Ok(Self { inner: http::Response::from_parts(parts, body) })
    }

    /// The beginning of the body, for an error.
    pub(super) fn complaint(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.reader().take(ERROR_MAX).read_to_end(&mut bytes);
        bytes
    }
}

/// The whole of a body that has no more than `limit` bytes.
fn whole(body: ureq::Body, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    body.into_reader().take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let words = format!("the answer has more than {limit} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, words));
    }
    Ok(bytes)
}

/// The client. Connections are kept and used again, also by other threads.
pub struct Http<'a> {
    /// For plain HTTP without a proxy.
    plain: Agent,
    /// For everything else; made when it is first needed, since certificates take longer to read than a small image to send.
    trusting: OnceLock<Result<TrustingAgents>>,
    https_proxy: Option<ureq::Proxy>,
    http_proxy: Option<ureq::Proxy>,
    proxies: Proxies,
    host: &'a Host,
    ui: &'a Ui,
    requests: AtomicU64,
}

/// Agents that know certificates.
struct TrustingAgents {
    direct: Agent,
    https: Option<Agent>,
    http: Option<Agent>,
}

/// An agent that trusts what `tls` says, behind a proxy where one is given.
fn agent(tls: &TlsConfig, proxy: Option<ureq::Proxy>) -> Agent {
    Agent::config_builder()
        .tls_config(tls.clone())
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("cargo-xtask/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .build()
        .new_agent()
}

impl<'a> Http<'a> {
    /// A client with the proxies that the variables name, and with their certificates, which are read when a server has one.
    ///
    /// # Errors
    /// A variable names a proxy that cannot be used.
    pub fn new(host: &'a Host, ui: &'a Ui) -> Result<Self> {
        let proxies = Proxies::read(host);
        let through = |proxy: &Option<String>, name: &str| {
            // The value may hold a password.
            let bad = |_| {
                Error::usage(format!("{name} does not name a usable proxy"))
                    .help("write http://host:port, or https://host:port")
            };
            proxy.as_deref().map(|text| ureq::Proxy::new(text).map_err(bad)).transpose()
        };
        Ok(Self {
            plain: agent(&TlsConfig::builder().build(), None),
            trusting: OnceLock::new(),
            https_proxy: through(&proxies.https, "HTTPS_PROXY")?,
            http_proxy: through(&proxies.http, "HTTP_PROXY")?,
            proxies,
            host,
            ui,
            requests: AtomicU64::new(0),
        })
    }

    /// The agent that reaches an address of this scheme.
    fn agent(&self, scheme: &str, proxied: bool) -> Result<&Agent> {
        if scheme != "https" && !proxied {
            return Ok(&self.plain);
        }
        let made = self.trusting.get_or_init(|| {
            let tls = tls::config(self.host)?;
            let through = |proxy: &Option<ureq::Proxy>| proxy.clone().map(|proxy| agent(&tls, Some(proxy)));
            let (https, http) = (through(&self.https_proxy), through(&self.http_proxy));
            Ok(TrustingAgents { direct: agent(&tls, None), https, http })
        });
        let all = made.as_ref().map_err(Clone::clone)?;
        let proxy = if scheme == "https" { &all.https } else { &all.http };
        Ok(proxy.as_ref().filter(|_| proxied).unwrap_or(&all.direct))
    }

    /// How many requests were sent, tries and redirects included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The printer of the run.
    pub(super) fn ui(&self) -> &Ui {
        self.ui
    }

    /// Sends a request, again where the connection broke or the server is busy, and follows redirects. Any status that
    /// is left is the caller's to judge.
    ///
    /// # Errors
    /// There is no answer, or none after several tries; a redirect leads where it may not.
    pub fn send(&self, request: &HttpRequest) -> Result<HttpResponse> {
        let mut current = request.clone();
        for _ in 0..=REDIRECTS {
            let response = self.patient(&current)?;
            let redirected = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            // What is sent goes where it was meant to go.
            if !redirected || !matches!(request.method, http::Method::GET | http::Method::HEAD) {
                return Ok(response);
            }
            let location = response.header(&http::header::LOCATION).unwrap_or_default();
            let target = url::join(&current.url, location);
            let target = target.filter(|target| url::as_safe(&current.url, target)).ok_or_else(|| {
                Error::failed(format!("{}: the redirect is not allowed", current.shown()))
                    .found(format!("it leads to {:?}", url::shown(&plain(location))))
            })?;
            if url::origin(&target) != url::origin(&current.url) {
                current.authorization = None;
            }
            current.url = target;
        }
        Err(Error::failed(format!("{}: more than {REDIRECTS} redirects", request.shown())))
    }

    /// Sends a request until it is answered or nothing more can be hoped for.
    fn patient(&self, request: &HttpRequest) -> Result<HttpResponse> {
        let mut tried = 0;
        loop {
            tried += 1;
            let idempotent = request.method.is_idempotent();
            let (trouble, harmless) = match self.once(request) {
                Ok(response) => {
                    let status = response.status();
                    let busy = matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
                    // With 429 and 503 the server has done nothing yet.
                    let harmless = idempotent || matches!(status.as_u16(), 429 | 503);
                    if !busy || request.once || tried == TRIES || !harmless {
                        return Ok(response);
                    }
                    let after = response.header(&http::header::RETRY_AFTER);
                    let after = after.and_then(|text| retry_after(text, SystemTime::now()));
                    let words = format!("the server answers {status}");
                    (Trouble { words, again: true, after, help: None, ours: None }, harmless)
                }
                Err(error) => (trouble(&error, &request.url), idempotent),
            };
            if !trouble.again || tried == TRIES || request.once || !harmless {
                return Err(trouble.error(request, tried));
            }
            let pause = trouble.after.unwrap_or_else(|| jittered(PAUSE * 2u32.pow(tried - 1)));
            if pause > PAUSE_MAX {
                let asks = format!("it asks to wait {} s", pause.as_secs());
                return Err(trouble.error(request, tried).found(asks));
            }
            self.ui.detail(
                "Retry",
                format!("{} in {} s: {}", request.shown(), pause.as_secs_f32(), trouble.words),
            );
            std::thread::sleep(pause);
        }
    }

    fn once(&self, request: &HttpRequest) -> std::result::Result<HttpResponse, ureq::Error> {
        let (scheme, authority) =
            url::origin(&request.url).ok_or_else(|| ureq::Error::BadUri(String::new()))?;
        if scheme == "https" {
            tls::supported().map_err(|e| ureq::Error::Other(Box::new(e)))?;
        }
        let proxied = self.proxies.pick(scheme, authority).is_some();
        let agent = self.agent(scheme, proxied).map_err(|e| ureq::Error::Other(Box::new(e)))?;
        self.ui.detail("Request", request.shown());
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut built = http::Request::builder().method(request.method.clone()).uri(&request.url);
        for (name, value) in &request.headers {
            built = built.header(name, value);
        }
        if let Some(secret) = &request.authorization {
            built = built.header(http::header::AUTHORIZATION, secret.reveal());
        }
        let inner = match &request.body {
            Body::Empty => agent.run(built.body(())?)?,
            Body::File(part) => {
                let mut reader = part.reader()?;
                let built = built
                    .header(http::header::CONTENT_TYPE, "application/octet-stream")
                    .header(http::header::CONTENT_LENGTH, part.length)
                    .body(SendBody::from_reader(&mut reader))?;
                // A registry may read what it got once more before it answers.
                let patient = agent.configure_request(built).timeout_recv_response(Some(COMMIT)).build();
                agent.run(patient)?
            }
            Body::Bytes(kind, bytes) => {
                agent.run(built.header(http::header::CONTENT_TYPE, *kind).body(bytes.as_slice())?)?
            }
        };
        Ok(HttpResponse { inner })
    }
}
