//! From a request to its response: the routes, and the way through the pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use native::Pool;
use native::pool::Refused;

use super::config::Config;
use super::metrics::{Connections, Metrics};
use super::{rows, vectors};
use crate::failure::Failure;
use crate::info::Info;
use crate::store::{Store, create_or_open};

/// A request that has come as a whole.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// As it came, with its escapes.
    pub(super) path: String,
    /// As it came, with its escapes.
    pub(super) query: String,
    pub(super) body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The media type of the body.
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
    /// Further fields.
    pub(super) fields: Vec<(&'static str, &'static str)>,
}

/// The media type of text that people read.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// The media type of JSON.
pub(super) const JSON: &str = "application/json";

impl Response {
    /// 200 with this body.
    pub(super) fn ok(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, kind, body: body.into(), fields: Vec::new() }
    }

    /// A status with a sentence.
    pub(super) fn error(status: u16, what: &str) -> Self {
        Self { status, ..Self::ok(TEXT, format!("{what}\n")) }
    }

    /// 204: done, and nothing to say.
    pub(super) fn done() -> Self {
        Self { status: 204, ..Self::ok(TEXT, "") }
    }

    /// 503: try again, a little later.
    pub(super) fn busy(what: &str) -> Self {
        Self { fields: vec![("Retry-After", "1")], ..Self::error(503, what) }
    }
}

/// The reason phrase of a status that is used here.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) config: Config,
    pub(super) pool: Pool,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) metrics: Metrics,
    pub(super) connections: Arc<Connections>,
    pub(super) draining: Arc<AtomicBool>,
}

impl Service {
    /// Opens the store and starts the pool.
    pub(super) fn new(config: Config) -> Result<Self, Failure> {
        let store = config.store.as_deref().map(|path| create_or_open(path, config.engine)).transpose()?;
        let pool = Pool::new(config.threads, config.queue)
            .map_err(|error| Failure::failed(format!("cannot start {} threads: {error}", config.threads)))?;
        Ok(Self {
            pool,
            store: store.map(Arc::from),
            metrics: Metrics::default(),
            connections: Arc::default(),
            draining: Arc::default(),
            config,
        })
    }

    /// The route that was taken, for the metrics, and the response.
    pub(super) fn answer(&self, request: Request) -> (&'static str, Response) {
        let get = |response: &dyn Fn() -> Response| match request.method.as_str() {
            "GET" | "HEAD" => response(),
            _ => not_allowed("GET, HEAD"),
        };
        let draining = self.draining.load(Ordering::SeqCst);
        match request.path.as_str() {
            "/healthz" => ("/healthz", get(&|| Response::ok(TEXT, "ok\n"))),
            "/readyz" => (
                "/readyz",
                get(&|| match draining {
                    true => Response::busy("draining"),
                    false => Response::ok(TEXT, "ready\n"),
                }),
            ),
            "/info" => ("/info", get(&|| Response::ok(JSON, Info::of_this_program().json()))),
            "/metrics" => (
                "/metrics",
                get(&|| {
                    let text = self.metrics.text(self.connections.open(), self.pool.load(), draining);
                    Response::ok("text/plain; version=0.0.4; charset=utf-8", text)
                }),
            ),
            "/v1/dot" => ("/v1/dot", self.vectors(request, vectors::dot)),
            "/v1/double" => ("/v1/double", self.vectors(request, vectors::double)),
            "/v1/sum" => ("/v1/sum", self.vectors(request, vectors::sum)),
            "/v1/reverse" => ("/v1/reverse", self.vectors(request, vectors::reverse)),
            path if path == "/v1/store" || path.starts_with("/v1/store/") => {
                let route = if path == "/v1/store" { "/v1/store" } else { "/v1/store/{key}" };
                let Some(store) = self.store.clone() else {
                    return (
                        route,
                        Response::error(404, "the service has no store: it was started without --store"),
                    );
                };
                (route, rows::job(request, store).map_or_else(|response| response, |job| self.pooled(job)))
            }
            _ => ("none", Response::error(404, "there is no such page")),
        }
    }

    fn vectors(&self, request: Request, call: fn(&[u8]) -> Result<Response, String>) -> Response {
        if request.method != "POST" {
            return not_allowed("POST");
        }
        self.pooled(move || call(&request.body).unwrap_or_else(|what| Response::error(422, &what)))
    }

    /// Does it on a thread of the pool, where one is free or will be.
    pub(super) fn pooled(&self, job: impl FnOnce() -> Response + Send + 'static) -> Response {
        let ticket = if self.config.wait { self.pool.submit(job) } else { self.pool.try_submit(job) };
        match ticket {
            Ok(ticket) => ticket.wait().unwrap_or_else(|panic| {
                self.metrics.panicked();
                crate::complain(&format!("error: a call panicked: {}\n", panic.message()));
                Response::error(500, "the call failed")
            }),
            Err(refused @ (Refused::Full | Refused::Closed)) => {
                self.metrics.refused_call();
                Response::busy(&refused.to_string())
            }
        }
    }
}

/// 405 with the methods that there are.
pub(super) fn not_allowed(allow: &'static str) -> Response {
    Response {
        fields: vec![("Allow", allow)],
        ..Response::error(405, &format!("the methods here are {allow}"))
    }
}
