//! One connection: requests in, responses out, one after the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use super::date::http_date;
use super::head::{self, Body, Head, MAX_HEAD};
use super::service::{Request, Response, Service, reason};
use super::socket::{Socket, linger};

/// How often a connection that waits for a request looks whether the service ends.
const TICK: Duration = Duration::from_millis(100);
/// The most bytes of a chunk's size line, and of the fields behind the last chunk.
const MAX_CHUNK_LINE: usize = 1 << 10;

/// Serves a connection to its end.
pub(super) fn serve(service: &Service, stream: TcpStream) {
    // An error here is the client's: it is gone, or too slow. There is nobody to tell.
    let _ = Connection { service, stream: &stream, bytes: Vec::new() }.requests();
}

/// Tells a client that there are too many, without a thread and without waiting for it.
pub(super) fn refuse(service: &Service, stream: &TcpStream) {
    service.metrics.refused_connection();
    let response = Response::busy("there are too many connections");
    // The response fits in the socket's buffer.
    if stream.set_nonblocking(true).is_ok() && (&*stream).write_all(&response.bytes(false, false)).is_ok() {
        let _ = stream.shutdown(Shutdown::Write);
        // What has come must be read, or else the connection is reset and the response with it.
        let _ = stream.take(64 << 10).read_to_end(&mut Vec::new());
    }
}

struct Connection<'s> {
    service: &'s Service,
    stream: &'s TcpStream,
    /// What was read and belongs to no request yet.
    bytes: Vec<u8>,
}

/// Why there is no whole request.
enum Stop {
    /// The connection has ended, or what went wrong with it cannot be answered.
    Over,
    /// This is the answer, behind which the connection ends.
    Answer(Response),
}

impl From<head::Bad> for Stop {
    fn from((status, what): head::Bad) -> Self {
        Self::Answer(Response::error(status, what))
    }
}

impl Connection<'_> {
    fn requests(&mut self) -> io::Result<()> {
        // Answers are written whole, so waiting for more to send would only delay them.
        self.stream.set_nodelay(true)?;
        while self.await_request()? {
            let (head, begin) = match self.head() {
                Ok(head) => (head, Instant::now()),
                Err(Stop::Over) => return Ok(()),
                Err(Stop::Answer(response)) => return self.last_word(&response, "none", Instant::now()),
            };
            let body = match self.body(&head) {
                Ok(body) => body,
                Err(Stop::Over) => return Ok(()),
                Err(Stop::Answer(response)) => return self.last_word(&response, "none", begin),
            };
            let without_body = head.method == "HEAD";
            let keep_alive = head.keep_alive;
            let request = Request { method: head.method, path: head.path, query: head.query, body };
            let (route, response) = self.service.answer(request);
            let keep_alive = keep_alive && !self.draining();
            self.write(&response.bytes(without_body, keep_alive))?;
            self.service.metrics.answered(route, response.status, begin.elapsed());
            if !keep_alive {
                return self.stream.shutdown(Shutdown::Write);
            }
        }
        Ok(())
    }

    fn draining(&self) -> bool {
        self.service.draining.load(Ordering::SeqCst)
    }

    /// Waits for the first byte of the next request. False where none comes.
    fn await_request(&mut self) -> io::Result<bool> {
        let end = Instant::now() + self.service.config.idle;
        while self.bytes.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            // Looked at before the end is: what was sent before the drain began is a request that has begun.
            match self.read_more(&mut Socket::until(self.stream, left.min(TICK))) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() != ErrorKind::TimedOut => return Err(error),
                Err(_) if self.draining() => return Ok(false),
                Err(_) => {}
            }
        }
        Ok(true)
    }

    fn read_more(&mut self, socket: &mut Socket<'_>) -> io::Result<usize> {
        let mut bytes = [0; 8 << 10];
        loop {
            match socket.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    let got = read?;
                    self.bytes.extend_from_slice(&bytes[..got]);
                    return Ok(got);
                }
            }
        }
    }

    /// Reads more, of which there must be some.
    fn more(&mut self, socket: &mut Socket<'_>, what: &'static str) -> Result<(), Stop> {
        match self.read_more(socket) {
            Ok(1..) => Ok(()),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                Err(Stop::Answer(Response::error(408, what)))
            }
            Ok(0) | Err(_) => Err(Stop::Over),
        }
    }

    fn head(&mut self) -> Result<Head, Stop> {
        let mut socket = Socket::until(self.stream, self.service.config.head);
        let mut seen = 0;
        loop {
            // A head ends with a line, so only the end of a line can make it whole.
            if self.bytes[seen..].contains(&b'\n')
                && let Some((head, length)) = head::parse(&self.bytes)?
            {
                if length > MAX_HEAD {
                    return Err((431, "the head is too long").into());
                }
                self.bytes.drain(..length);
                return Ok(head);
            }
            if self.bytes.len() > MAX_HEAD {
                return Err((431, "the head is too long").into());
            }
            seen = self.bytes.len();
            self.more(&mut socket, "the head of the request did not come in time")?;
        }
    }

    fn body(&mut self, head: &Head) -> Result<Vec<u8>, Stop> {
        let max = self.service.config.max_body;
        let fits = |length: u64| usize::try_from(length).ok().filter(|length| *length <= max);
        let too_long = || Stop::Answer(Response::error(413, "the body is too long"));
        let mut socket = Socket::until(self.stream, self.service.config.body);
        let length = match head.body {
            Body::Length(length) => Some(fits(length).ok_or_else(too_long)?),
            Body::Chunked => None,
        };
        if head.expects_continue && length != Some(0) && self.bytes.is_empty() {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| Stop::Over)?;
        }
        if let Some(length) = length {
            return self.take(length, &mut socket);
        }
        let mut body = Vec::new();
        loop {
            let line = self.line(&mut socket)?;
            let bad = || Stop::from((400, "the size of a chunk is malformed"));
            let size = match httparse::parse_chunk_size(&line) {
                Ok(httparse::Status::Complete((_, size))) => size,
                _ => return Err(bad()),
            };
            if size == 0 {
                break;
            }
            let size = fits(size).filter(|size| size + body.len() <= max).ok_or_else(too_long)?;
            body.extend(self.take(size, &mut socket)?);
            if self.take(2, &mut socket)? != b"\r\n" {
                return Err((400, "a chunk is longer than it says").into());
            }
        }
        // Fields behind the last chunk mean nothing here.
        let mut trailer = 0;
        loop {
            let line = self.line(&mut socket)?;
            trailer += line.len();
            if line == b"\r\n" {
                return Ok(body);
            }
            if trailer > MAX_CHUNK_LINE {
                return Err((431, "the fields behind the body are too long").into());
            }
        }
    }

    /// So many bytes of the body. Memory grows with what comes, not with what is stated.
    fn take(&mut self, length: usize, socket: &mut Socket<'_>) -> Result<Vec<u8>, Stop> {
        while self.bytes.len() < length {
            self.more(socket, "the body of the request did not come in time")?;
        }
        let rest = self.bytes.split_off(length);
        Ok(std::mem::replace(&mut self.bytes, rest))
    }

    /// A line with its end.
    fn line(&mut self, socket: &mut Socket<'_>) -> Result<Vec<u8>, Stop> {
        loop {
            if let Some(at) = self.bytes.iter().take(MAX_CHUNK_LINE).position(|byte| *byte == b'\n') {
                return self.take(at + 1, socket);
            }
            if self.bytes.len() >= MAX_CHUNK_LINE {
                return Err((400, "the size of a chunk is malformed").into());
            }
            self.more(socket, "the body of the request did not come in time")?;
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        Socket::until(self.stream, self.service.config.write).write_all(bytes)
    }

    /// Answers a request that was not read to its end.
    fn last_word(&self, response: &Response, route: &'static str, begin: Instant) -> io::Result<()> {
        self.service.metrics.answered(route, response.status, begin.elapsed());
        self.write(&response.bytes(false, false))?;
        linger(self.stream);
        Ok(())
    }
}

impl Response {
    /// What goes over the wire. The answer to HEAD has the fields of the body, but not the body.
    fn bytes(&self, without_body: bool, keep_alive: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        text.push_str(&format!("Date: {}\r\n", http_date(SystemTime::now())));
        // RFC 9110, 8.6: none where there can be no body.
        if self.status != 204 {
            text.push_str(&format!("Content-Length: {}\r\nContent-Type: {}\r\n", self.body.len(), self.kind));
        }
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(if keep_alive { "\r\n" } else { "Connection: close\r\n\r\n" });
        let mut bytes = text.into_bytes();
        if !without_body {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}
