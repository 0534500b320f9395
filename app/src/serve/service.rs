//! From a request to its response: the routes, and the way through the pool.

use std::sync::Arc;

use hyper::Method;
use hyper::body::Bytes;
use native::Pool;
use native::pool::{JobPanicked, Refused};
use tokio::sync::watch;
use tokio::time::timeout;

use super::config::ServeConfig;
use super::connections::Connections;
use super::metrics::Metrics;
use super::{rows, vectors};
use crate::failure::CommandFailure;
use crate::info::Info;
use crate::store::{Store, create_or_open};

/// A request that has come as a whole.
#[derive(Debug)]
pub(super) struct ServiceRequest {
    pub(super) method: Method,
    /// As it came, with its escapes.
    pub(super) path: String,
    /// As it came, with its escapes.
    pub(super) query: String,
    pub(super) body: Bytes,
}

/// The response to one request, before it is turned into HTTP.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServiceResponse {
    pub(super) status: u16,
    /// The media type of the body.
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
    /// Header fields besides those that every response has, as pairs of name and value.
    pub(super) fields: Vec<(&'static str, &'static str)>,
}

/// The media type of text that people read.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// The media type of JSON.
pub(super) const JSON: &str = "application/json";

impl ServiceResponse {
    /// Returns a response of status 200 with this body.
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

/// How far the service is, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ServicePhase {
    /// The service takes connections.
    Serving,
    /// It takes none, and answers what has begun.
    Draining,
    /// The service ends, even where something has begun.
    Ending,
}

/// The state that all connections share.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) config: ServeConfig,
    pub(super) pool: Pool,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) metrics: Metrics,
    pub(super) connections: Arc<Connections>,
    pub(super) phase: watch::Sender<ServicePhase>,
}

impl Service {
    /// Opens the store and starts the pool.
    pub(super) fn new(config: ServeConfig) -> Result<Self, CommandFailure> {
        let store = config.store.as_deref().map(|path| create_or_open(path, config.engine)).transpose()?;
        let pool = Pool::new(config.threads, config.queue).map_err(|error| {
            CommandFailure::failed(format!("cannot start {} threads: {error}", config.threads))
        })?;
        Ok(Self {
            pool,
            store: store.map(Arc::from),
            metrics: Metrics::default(),
            connections: Arc::default(),
            phase: watch::Sender::new(ServicePhase::Serving),
            config,
        })
    }

    /// Whether the service ends.
    pub(super) fn is_draining(&self) -> bool {
        *self.phase.borrow() >= ServicePhase::Draining
    }

    /// Ready when the service ends.
    pub(super) async fn drained(&self) {
        self.reached(ServicePhase::Draining).await;
    }

    /// Ready when the service is that far.
    pub(super) async fn reached(&self, phase: ServicePhase) {
        // The sender cannot fall while it is borrowed here.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// The route that was taken, for the metrics, and the response.
    pub(super) async fn answer(&self, request: ServiceRequest) -> (&'static str, ServiceResponse) {
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        let get = |response: &dyn Fn() -> ServiceResponse| {
            if reads { response() } else { not_allowed("GET, HEAD") }
        };
        let draining = self.is_draining();
        match request.path.as_str() {
            "/healthz" => ("/healthz", get(&|| ServiceResponse::ok(TEXT, "ok\n"))),
            "/readyz" => (
                "/readyz",
                get(&|| match draining {
                    true => ServiceResponse::busy("draining"),
                    false => ServiceResponse::ok(TEXT, "ready\n"),
                }),
            ),
            "/info" => ("/info", get(&|| ServiceResponse::ok(JSON, Info::of_this_program().json()))),
            "/metrics" => (
                "/metrics",
                get(&|| {
                    let text = self.metrics.text(self.connections.open(), self.pool.load(), draining);
                    ServiceResponse::ok("text/plain; version=0.0.4; charset=utf-8", text)
                }),
            ),
            "/v1/dot" => ("/v1/dot", self.vectors(request, vectors::dot).await),
            "/v1/double" => ("/v1/double", self.vectors(request, vectors::double).await),
            "/v1/sum" => ("/v1/sum", self.vectors(request, vectors::sum).await),
            "/v1/reverse" => ("/v1/reverse", self.vectors(request, vectors::reverse).await),
            path if path == "/v1/store" || path.starts_with("/v1/store/") => {
                let route = if path == "/v1/store" { "/v1/store" } else { "/v1/store/{key}" };
                let Some(store) = self.store.clone() else {
                    return (
                        route,
                        ServiceResponse::error(
                            404,
                            "the service has no store: it was started without --store",
                        ),
                    );
                };
                let response = match rows::job(request, store) {
                    Ok(job) => self.pooled(job).await,
                    Err(response) => response,
                };
                (route, response)
            }
            _ => ("none", ServiceResponse::error(404, "there is no such page")),
        }
    }

    async fn vectors(
        &self,
        request: ServiceRequest,
        call: fn(&[u8]) -> Result<ServiceResponse, String>,
    ) -> ServiceResponse {
        if request.method != Method::POST {
            return not_allowed("POST");
        }
        self.pooled(move || call(&request.body).unwrap_or_else(|what| ServiceResponse::error(422, &what)))
            .await
    }

    /// Does it on a thread of the pool, where one is free or will be.
    pub(super) async fn pooled(
        &self,
        job: impl FnOnce() -> ServiceResponse + Send + 'static,
    ) -> ServiceResponse {
        let wanted = Arc::new(());
        let asked = Arc::downgrade(&wanted);
        // A call whose client was told that it is too late does not begin any more.
        let job = move || if asked.strong_count() > 0 { job() } else { ServiceResponse::done() };
        let call = async {
            let ticket =
                if self.config.wait { self.pool.submission(job).await } else { self.pool.try_submit(job) };
            Ok::<Result<_, JobPanicked>, Refused>(ticket?.await)
        };
        match timeout(self.config.call, call).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(panic))) => {
                self.metrics.panicked();
                crate::complain(&format!("error: a call panicked: {}\n", panic.message()));
                ServiceResponse::error(500, "the call failed")
            }
            Ok(Err(refused)) => {
                self.metrics.refused_call();
                ServiceResponse::busy(&refused.to_string())
            }
            // One that runs goes on, for C cannot be stopped.
            Err(_) => {
                drop(wanted);
                self.metrics.late_call();
                ServiceResponse::busy("the call did not end in time")
            }
        }
    }
}

/// 405 with the methods that there are.
pub(super) fn not_allowed(allow: &'static str) -> ServiceResponse {
    ServiceResponse {
        fields: vec![("Allow", allow)],
        ..ServiceResponse::error(405, &format!("the methods here are {allow}"))
    }
}
