//! `app serve`: the component and the store over HTTP/1.1, fit for a container.
//!
//! hyper reads and writes, and one thread waits for all connections at once. It never calls C or the store: that is what
//! the pool's threads do, of which there are a fixed number. Whatever a client does has a time limit for the whole of it,
//! so a slow client costs one connection for that long, and nothing else.

mod config;
mod connection;
mod connections;
mod exchange;
mod metrics;
mod numbers;
mod progress;
mod rows;
mod service;
mod signals;
mod socket;
mod vectors;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::future::poll_fn;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

pub(crate) use config::USAGE;

use crate::failure::CommandFailure;
use config::ServeConfig;
use service::{Service, ServicePhase};
use signals::Signals;

/// How long the server waits where it cannot take a connection, and how often it looks whether a call has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// Serves until a signal ends it, and returns when all requests that were begun are answered.
pub(crate) fn run(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), CommandFailure> {
    let config = ServeConfig::read(args).map_err(|message| CommandFailure::usage(message, USAGE))?;
    let limit = config.drain;
    let server = Server::bind(config)?;
    server
        .end_by_signals()
        .map_err(|error| CommandFailure::failed(format!("cannot handle signals: {error}")))?;
    writeln!(out, "listening on http://{}", server.address)?;
    out.flush()?;
    let (end, left) = server.run();
    if let Some(left) = left {
        left.abandon();
    }
    match end {
        ServeEnd::Drained => Ok(writeln!(out, "drained")?),
        ServeEnd::Cut { connections, calls } => Err(CommandFailure::failed(format!(
            "{connections} connections and {calls} calls were cut: they had not ended after {limit:?}, or before a \
             second signal"
        ))),
    }
}

/// How the service ended.
#[derive(Debug, PartialEq, Eq)]
enum ServeEnd {
    /// All that had begun was done, and the store is closed.
    Drained,
    /// Something was not done.
    Cut { connections: usize, calls: usize },
}

/// What goes on where the service was cut. Dropped, it closes the connections, waits for the calls, and closes the store.
#[derive(Debug)]
struct CutService {
    /// Before the service: its connections have references to that.
    runtime: Runtime,
    service: Arc<Service>,
}

impl CutService {
    /// Neither waits for it nor tears it down: the end of the process, which is near, is the end of it.
    fn abandon(self) {
        std::mem::forget(self.service);
        self.runtime.shutdown_background();
    }
}

/// A socket that listens, and what it serves.
#[derive(Debug)]
struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
}

impl Server {
    fn bind(config: ServeConfig) -> Result<Self, CommandFailure> {
        let address = config.listen;
        let failed =
            |error: io::Error| CommandFailure::failed(format!("cannot listen on {address}: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime
            .map_err(|error| CommandFailure::failed(format!("cannot wait for connections: {error}")))?;
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { runtime, listener, address, service: Arc::new(Service::new(config)?) })
    }

    /// The first signal drains, the second one ends.
    fn end_by_signals(&self) -> io::Result<()> {
        let _inside = self.runtime.enter();
        let mut signals = Signals::listen()?;
        let phase = self.service.phase.clone();
        self.runtime.spawn(async move {
            for next in [ServicePhase::Draining, ServicePhase::Ending] {
                signals.next().await;
                phase.send_replace(next);
            }
        });
        Ok(())
    }

    /// Takes connections until it is drained. What was cut is left, and its end is not waited for here.
    fn run(self) -> (ServeEnd, Option<CutService>) {
        let Self { runtime, listener, service, .. } = self;
        let end = runtime.block_on(async {
            take_all(listener, &service).await;
            let drained = timeout(service.config.drain, nothing_left(&service));
            // Whichever comes first: all is done, the time is over, or a second signal.
            let (mut drained, mut ending) = (pin!(drained), pin!(service.reached(ServicePhase::Ending)));
            poll_fn(|context| {
                let over = drained.as_mut().poll(context).is_ready();
                if over || ending.as_mut().poll(context).is_ready() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let load = service.pool.load();
            match (service.connections.open(), load.running + load.waiting) {
                (0, 0) => ServeEnd::Drained,
                (connections, calls) => ServeEnd::Cut { connections, calls },
            }
        });
        let left = (end != ServeEnd::Drained).then(|| CutService { runtime, service });
        (end, left)
    }
}

/// Takes connections until the service ends, and closes the socket: whoever connects then is refused, and goes
/// elsewhere.
async fn take_all(listener: TcpListener, service: &Arc<Service>) {
    let mut drained = pin!(service.drained());
    loop {
        let next = poll_fn(|context| match drained.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => listener.poll_accept(context).map(Some),
        });
        match next.await {
            None => return,
            Some(Ok((stream, _))) => take(service, stream),
            // The client is gone again, or there are no more file descriptors: others may end meanwhile.
            Some(Err(_)) => sleep(PAUSE).await,
        }
    }
}

fn take(service: &Arc<Service>, stream: TcpStream) {
    let Some(place) = service.connections.enter(service.config.max_connections) else {
        return connection::refuse(service, stream);
    };
    let service = Arc::clone(service);
    tokio::spawn(async move {
        connection::serve(&service, stream).await;
        // In this order: when the last place is free, nobody but the server has the store, and it closes it.
        drop(service);
        drop(place);
    });
}

/// Ready when there is no connection any more, and no call that one of them left behind.
async fn nothing_left(service: &Service) {
    service.connections.none().await;
    service.pool.close();
    let begin = Instant::now();
    loop {
        let load = service.pool.load();
        if load.running + load.waiting == 0 {
            return;
        }
        // Most end at once; no thread is kept for those that do not.
        sleep(if begin.elapsed() < PAUSE { Duration::from_millis(1) } else { PAUSE }).await;
    }
}
