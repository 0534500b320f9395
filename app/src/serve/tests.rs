//! The service on loopback, in this process.

mod bytes;
mod client;
mod drain;
mod load;
mod pages;
mod requests;
mod slow;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use native::pool::Ticket;
use tokio::runtime::Builder;

use super::config::ServeConfig;
use super::service::{Service, ServicePhase};
use super::{CutService, ServeEnd, Server};
use crate::store::{COMPILED, in_memory};
use client::{Answer, TestClient};

/// A service in this process, drained when the value is dropped. What was cut is waited for then: there is no end of the
/// process that would be the end of it.
struct Running {
    address: SocketAddr,
    service: Arc<Service>,
    thread: Option<JoinHandle<(ServeEnd, Option<CutService>)>>,
    left: Option<CutService>,
}

impl Running {
    fn new(options: &str) -> Self {
        let args = ["--listen", "127.0.0.1:0"].into_iter().chain(options.split_whitespace());
        let mut server = Server::bind(ServeConfig::read(args.map(OsString::from)).unwrap()).unwrap();
        let service = Arc::get_mut(&mut server.service).unwrap();
        service.store = COMPILED.first().map(|engine| Arc::from(in_memory(*engine).unwrap()));
        let (address, service) = (server.address, Arc::clone(&server.service));
        Self { address, service, thread: Some(std::thread::spawn(move || server.run())), left: None }
    }

    fn client(&self) -> TestClient {
        TestClient::new(self.address)
    }

    /// One request on a connection of its own.
    fn ask(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        self.client().ask(method, target, body)
    }

    /// Holds a thread of the pool until the sender is dropped.
    fn hold(&self) -> (mpsc::Sender<()>, Ticket<()>) {
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel();
        let job = move || {
            started.send(()).unwrap();
            let _ = held.recv();
        };
        let ticket = self.service.pool.try_submit(job).unwrap();
        running.recv().unwrap();
        (release, ticket)
    }

    /// Does what the service does for a request, on this thread.
    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    fn begin_to_drain(&self) {
        self.service.phase.send_replace(ServicePhase::Draining);
    }

    fn end(&mut self) -> Option<ServeEnd> {
        self.begin_to_drain();
        let (end, left) = self.thread.take()?.join().unwrap();
        self.left = left;
        Some(end)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
        drop(self.left.take());
    }
}

fn wait_until(done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(15), "it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
