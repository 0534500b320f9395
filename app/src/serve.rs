//! `app serve`: the component and the store over HTTP/1.1, fit for a container.
//!
//! One thread for each connection, and as many connections as the limit says; no thread of a connection calls C or the
//! store: that is what the pool's threads do, of which there are a fixed number. Every read and every write has a time
//! limit for the whole of it, so a slow client costs one connection for that long, and nothing else.

mod config;
mod connection;
mod date;
mod head;
mod metrics;
mod numbers;
mod rows;
mod service;
mod signals;
mod socket;
mod vectors;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;
use std::time::{Duration, Instant};

pub(crate) use config::USAGE;

use crate::failure::Failure;
use config::Config;
use service::Service;

/// Bytes of a connection's stack. What runs there is flat: no recursion, buffers on the heap.
const STACK: usize = 256 << 10;

/// Serves until a signal ends it, and returns when all requests that were begun are answered.
pub(crate) fn run(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let config = Config::read(args).map_err(|message| Failure::usage(message, USAGE))?;
    let limit = config.drain;
    let server = Server::bind(config)?;
    let drain = server.drain()?;
    signals::on_termination(move || drain.begin())
        .map_err(|error| Failure::failed(format!("cannot handle signals: {error}")))?;
    writeln!(out, "listening on http://{}", server.address)?;
    out.flush()?;
    let left = server.run();
    match left {
        0 => Ok(writeln!(out, "drained")?),
        n => Err(Failure::failed(format!("{n} connections were cut: they had not ended after {limit:?}"))),
    }
}

/// A socket that listens, and what it serves.
#[derive(Debug)]
struct Server {
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
}

/// Ends a server from another thread.
#[derive(Debug, Clone)]
struct Drain {
    draining: Arc<AtomicBool>,
    address: SocketAddr,
}

impl Drain {
    /// No new connections; those that wait for a request end, those that have one end behind its answer.
    fn begin(&self) {
        self.draining.store(true, Ordering::SeqCst);
        // The server waits in `accept`, from which only a connection wakes it.
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
    }
}

impl Server {
    fn bind(config: Config) -> Result<Self, Failure> {
        let failed =
            |error: io::Error| Failure::failed(format!("cannot listen on {}: {error}", config.listen));
        let listener = TcpListener::bind(config.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, service: Arc::new(Service::new(config)?) })
    }

    fn drain(&self) -> Result<Drain, Failure> {
        let mut address = self.address;
        // A socket on all addresses is reached by the loopback one.
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        Ok(Drain { draining: Arc::clone(&self.service.draining), address })
    }

    /// Takes connections until it is drained. Returns how many were still open when the time for that was over.
    fn run(self) -> usize {
        let Self { listener, service, .. } = self;
        loop {
            let accepted = listener.accept();
            if service.draining.load(Ordering::SeqCst) {
                break;
            }
            match accepted {
                Ok((stream, _)) => Self::take(&service, stream),
                // The client is gone again, or there are no more file descriptors: others may end meanwhile.
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        // Closed before the wait: whoever connects now is refused, and goes elsewhere.
        drop(listener);
        let end = Instant::now() + service.config.drain;
        let left = service.connections.wait_until_none(end);
        service.pool.close();
        left
    }

    fn take(service: &Arc<Service>, stream: TcpStream) {
        let Some(place) = service.connections.enter(service.config.max_connections) else {
            return connection::refuse(service, &stream);
        };
        let theirs = Arc::clone(service);
        let thread = Builder::new().name("connection".into()).stack_size(STACK);
        // Where the system has no thread left, the connection is closed by being dropped.
        let serve = move || {
            connection::serve(&theirs, stream);
            // In this order: when the last place is free, nobody but the server has the store, and it closes it.
            drop(theirs);
            drop(place);
        };
        if thread.spawn(serve).is_err() {
            service.metrics.refused_connection();
        }
    }
}
