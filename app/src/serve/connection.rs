//! One connection: hyper reads and writes, and everything has an end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::sleep_until;

use super::exchange::exchange;
use super::progress::{Late, Progress};
use super::service::{Service, ServiceResponse};
use super::socket::Socket;

/// The most bytes of a request's head.
pub(super) const MAX_HEAD: usize = 16 << 10;
/// The most fields of a request's head.
const MAX_FIELDS: usize = 64;
/// How many bytes may wait in each direction before more are read or made.
const BUFFER: usize = 64 << 10;

/// How a connection ended.
enum ConnectionEnd {
    /// HTTP says so, or the client.
    Over(hyper::Result<()>),
    /// It took too long.
    Late(Late),
}

/// Serves a connection to its end.
pub(super) async fn serve(service: &Arc<Service>, stream: TcpStream) {
    // Answers are written whole, so waiting for more to send would only delay them. A socket that refuses is closed,
    // which the first read tells.
    let _ = stream.set_nodelay(true);
    let progress = Arc::new(Progress::new(&service.config, Instant::now()));
    let requests = service_fn(|request| {
        let answer = exchange(Arc::clone(service), Arc::clone(&progress), request);
        Box::pin(async move { Ok::<_, Infallible>(answer.await) })
    });
    let mut connection = Builder::new()
        // Who has sent all it wants to send may close its side, and is answered.
        .half_close(true)
        // The limits of time are those of Progress, which knows an idle client from a slow one.
        .header_read_timeout(None)
        .max_headers(MAX_FIELDS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Socket::new(stream, Arc::clone(&progress))), requests);

    let mut draining = pin!(service.drained());
    let mut drains = false;
    let mut alarm = pin!(sleep_until(Instant::now().into()));
    let end = poll_fn(|context| {
        // Before the limits, for what has come and was not read yet is in time.
        if let Poll::Ready(end) = connection.poll_without_shutdown(context) {
            return Poll::Ready(ConnectionEnd::Over(end));
        }
        if !drains && draining.as_mut().poll(context).is_ready() {
            drains = true;
            progress.drain(Instant::now());
        }
        // The alarm is put forward, never back: most limits are met, and it rings once for many requests.
        let Some(until) = progress.until() else { return Poll::Pending };
        if alarm.deadline() > until.into() || alarm.is_elapsed() {
            alarm.as_mut().reset(until.into());
        }
        while alarm.as_mut().poll(context).is_ready() {
            match (progress.late(Instant::now()), progress.until()) {
                (Some(late), _) => return Poll::Ready(ConnectionEnd::Late(late)),
                (None, Some(until)) => alarm.as_mut().reset(until.into()),
                (None, None) => break,
            }
        }
        Poll::Pending
    })
    .await;
    let socket = connection.into_parts().io.into_inner();
    match end {
        ConnectionEnd::Over(Err(error)) if error.is_parse() => {
            // hyper has answered it.
            let status = if error.is_parse_too_large() { 431 } else { 400 };
            service.metrics.answered("none", status, Duration::ZERO);
            progress.broken();
        }
        ConnectionEnd::Late(Late::Request(what)) => {
            service.metrics.answered("none", 408, Duration::ZERO);
            socket.last_word(&ServiceResponse::error(408, what).into_bytes());
            progress.broken();
        }
        // An error here is the client's: it is gone. There is nobody to tell.
        ConnectionEnd::Over(_) | ConnectionEnd::Late(Late::Idle | Late::Answer) => {}
    }
    if progress.is_unread() {
        socket.linger().await;
    }
}

/// Tells a client that there are too many, without waiting for it.
pub(super) fn refuse(service: &Service, stream: TcpStream) {
    service.metrics.refused_connection();
    // As a plain socket, which does not block.
    let Ok(mut stream) = stream.into_std() else { return };
    // The answer fits in the socket's buffer.
    let response = ServiceResponse::busy("there are too many connections").into_bytes();
    if stream.write_all(&response).is_ok() {
        let _ = stream.shutdown(Shutdown::Write);
        // What has come must be read, or else the connection is reset and the answer with it.
        let _ = stream.take(64 << 10).read_to_end(&mut Vec::new());
    }
}
