//! An HTTP client for registries. It retries where that can help, follows redirects without forwarding a
//! password, and describes failures in its errors.

use std::io::Read;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ureq::http::{self, StatusCode};
use ureq::tls::TlsConfig;
use ureq::{Agent, SendBody};

use super::proxy::Proxies;
use super::{Secret, tls, url};
use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;
use xtask_process::host::Host;
use xtask_process::ui::Ui;

mod handshake;
mod retry;

pub(super) use retry::jittered;
pub use retry::{Body, FilePart};
use retry::{Trouble, retry_after, trouble};

/// The time limit for making a connection.
const CONNECT: Duration = Duration::from_secs(30);
/// The time limit for the beginning of an answer, for its next bytes, and for sending the next bytes of a
/// request.
const SILENCE: Duration = Duration::from_secs(60);
/// The time limit for a registry's answer to an upload, after the last byte.
const COMMIT: Duration = Duration::from_secs(600);
/// The number of unused connections to a server that are kept: as many as anything here opens at a time.
const CONNECTIONS: usize = 8;
/// The maximum number of redirects.
const REDIRECTS: usize = 5;
/// The maximum number of times that a request is sent.
const TRIES: u32 = 4;
/// The pause after the first try. Each later pause is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The maximum pause that a server may request.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The maximum number of bytes of an error that are read.
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
    /// The value of `Authorization`. It is sent only to the origin of `url`.
    pub authorization: Option<Secret>,
    /// The body of the request.
    pub body: Body,
    /// Whether the request is sent only once, even if there is no answer. The caller then asks for the
    /// result.
    pub once: bool,
}

impl HttpRequest {
    /// Makes a GET request for an address.
    pub fn get(url: impl Into<String>) -> Self {
        let (headers, body) = (Vec::new(), Body::Empty);
        Self { method: http::Method::GET, url: url.into(), headers, authorization: None, body, once: false }
    }

    /// Makes a request with another method and no body.
    pub fn new(method: http::Method, url: impl Into<String>) -> Self {
        Self { method, ..Self::get(url) }
    }

    /// Adds a header to the request.
    #[must_use]
    pub fn header(mut self, name: http::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns method and address for messages, without the query, which may contain a signature.
    pub fn shown(&self) -> String {
        format!("{} {}", self.method, url::shown(&self.url))
    }
}

/// An answer; its body has not been read yet.
#[derive(Debug)]
pub struct HttpResponse {
    inner: http::Response<ureq::Body>,
    /// The address that answered, after redirects.
    address: String,
    /// The value of `Authorization` that was sent to it.
    authorization: Option<Secret>,
}

impl HttpResponse {
    /// Returns the status code of the response.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// Returns the address that answered, which is another one than that of the request after a redirect.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Replaces the login that was sent with the request by `***`, because a server may repeat it in its answer.
    pub(super) fn hiding_login(authorization: Option<&Secret>, text: &str) -> String {
        let hidden = authorization.map(Secret::spellings).unwrap_or_default();
        hidden.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }

    /// Returns the value of `Authorization` that was sent.
    pub(super) fn authorization(&self) -> Option<&Secret> {
        self.authorization.as_ref()
    }

    /// Returns the pause that the server asks for in `Retry-After`.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.header(&http::header::RETRY_AFTER).and_then(|text| retry_after(text, SystemTime::now()))
    }

    /// Returns the text of a header.
    pub fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.inner.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns all texts of a header that may occur several times.
    pub fn headers(&self, name: &http::HeaderName) -> Vec<&str> {
        self.inner.headers().get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// Returns the body, which can be read once.
    pub fn reader(self) -> impl Read {
        self.inner.into_body().into_reader()
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// It has more than `limit` bytes, or cannot be read.
    pub fn bytes(self, limit: u64) -> std::io::Result<Vec<u8>> {
        whole(self.inner.into_body(), limit)
    }

    /// Reads the whole body and keeps it in the response.
    ///
    /// # Errors
    /// As [`HttpResponse::bytes`].
    pub(super) fn read(self, limit: u64) -> std::io::Result<Self> {
        let (parts, body) = self.inner.into_parts();
        let body = ureq::Body::builder().data(whole(body, limit)?);
        Ok(Self { inner: http::Response::from_parts(parts, body), ..self })
    }

    /// Returns the beginning of the body, for an error.
    pub(super) fn complaint(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.reader().take(ERROR_MAX).read_to_end(&mut bytes);
        bytes
    }
}

/// Reads a body that has at most `limit` bytes.
fn whole(body: ureq::Body, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    body.into_reader().take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let words = format!("the answer has more than {limit} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, words));
    }
    Ok(bytes)
}

/// The client. Connections are kept and reused, also by other threads.
pub struct Http<'a> {
    /// The agent for plain HTTP without a proxy.
    plain: Agent,
    /// The agents for everything else. They are made when they are first needed, because reading certificates
    /// takes longer than sending a small image.
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

/// Makes an agent with the certificates of `tls`, and with a proxy if there is one.
fn agent(tls: &TlsConfig, proxy: Option<ureq::Proxy>) -> Agent {
    Agent::config_builder()
        .tls_config(tls.clone())
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("cargo-xtask/", env!("CARGO_PKG_VERSION")))
        .max_idle_connections_per_host(CONNECTIONS)
        .max_idle_connections(4 * CONNECTIONS)
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .build()
        .new_agent()
}

impl<'a> Http<'a> {
    /// Makes a client with the proxies and the certificates of the variables. Certificates are read when a
    /// server needs them.
    ///
    /// # Errors
    /// A variable names an unusable proxy.
    pub fn new(host: &'a Host, ui: &'a Ui) -> Result<Self> {
        let proxies = Proxies::read(host);
        let through = |proxy: &Option<String>, name: &str| {
            // The value may contain a password.
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

    /// Returns the agent for an address with this scheme.
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

    /// Returns the number of requests that were sent, including retries and redirects.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the printer of the run.
    pub(super) fn ui(&self) -> &Ui {
        self.ui
    }

    /// Sends a request, retries if the connection breaks or the server is busy, and follows redirects. The
    /// caller handles any remaining status.
    ///
    /// # Errors
    /// There is no answer, or none after several tries, or a redirect leads to a forbidden place.
    pub fn send(&self, request: &HttpRequest) -> Result<HttpResponse> {
        let mut current = request.clone();
        for _ in 0..=REDIRECTS {
            let response = self.patient(&current)?;
            let redirected = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            // Data is only sent to its original address, so uploads do not follow redirects.
            if !redirected || !matches!(request.method, http::Method::GET | http::Method::HEAD) {
                return Ok(response);
            }
            let location = response.header(&http::header::LOCATION).unwrap_or_default();
            let target = url::join(&current.url, location);
            let target = target.filter(|target| url::as_safe(&current.url, target)).ok_or_else(|| {
                Error::failed(format!("{}: the redirect is not allowed", current.shown()))
                    .found(format!("it leads to {:?}", url::shown(&plain(location))))
            })?;
            if !url::same_origin(&target, &current.url) {
                current.authorization = None;
            }
            current.url = target;
        }
        Err(Error::failed(format!("{}: more than {REDIRECTS} redirects", request.shown())))
    }

    /// Sends a request until it is answered or another try cannot help.
    fn patient(&self, request: &HttpRequest) -> Result<HttpResponse> {
        let mut tried = 0;
        loop {
            tried += 1;
            let idempotent = request.method.is_idempotent();
            let (trouble, harmless) = match self.once(request) {
                Ok(response) => {
                    let status = response.status();
                    let busy = matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
                    // With status 429 or 503, the server has done nothing yet.
                    let harmless = idempotent || matches!(status.as_u16(), 429 | 503);
                    if !busy || request.once || tried == TRIES || !harmless {
                        return Ok(response);
                    }
                    let after = response.retry_after();
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
                // A registry may read the received data again before it answers.
                let patient = agent.configure_request(built).timeout_recv_response(Some(COMMIT)).build();
                agent.run(patient)?
            }
            Body::Bytes(kind, bytes) => {
                agent.run(built.header(http::header::CONTENT_TYPE, *kind).body(bytes.as_slice())?)?
            }
        };
        let (address, authorization) = (request.url.clone(), request.authorization.clone());
        Ok(HttpResponse { inner, address, authorization })
    }
}
