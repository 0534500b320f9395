//! A proxy between a client and a registry. It records every request, and breaks, delays or falsifies the
//! requests that a test selects.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The maximum size of a body that is recorded with its request, in bytes: a manifest, but not a layer.
const KEPT: u64 = 4 << 20;
/// The size of the pieces in which a slow body arrives, in bytes.
const PIECE: usize = 32 << 10;

/// A request that the proxy has recorded.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The first line of the request: `PUT /v2/app/manifests/1 HTTP/1.1`.
    pub line: String,
    /// The body of a manifest that is uploaded; empty for every other request.
    pub body: Vec<u8>,
    head: String,
}

impl Seen {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Returns the method of the request.
    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// Returns the path of the request, with its query.
    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// Returns the length of the body, if the request has it.
    pub fn length(&self) -> u64 {
        self.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// A point in the processing of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The registry has received nothing of it.
    Asked,
    /// The registry has received this number of bytes of its body.
    Body(u64),
    /// The registry has received all of it, and its answer is not awaited.
    Sent,
    /// The registry has answered, and the client has received nothing of the answer.
    Answered,
    /// The client has received the answer.
    Given,
}

/// The action for a request.
pub enum Act {
    /// Forwards it.
    Pass,
    /// Answers in place of the registry at once, while the request is still being sent: status line and
    /// headers.
    Answer(String),
    /// Answers in place of the registry after the request was read: status line and headers, and a body.
    Refuse(String, String),
    /// Forwards it, and cuts the answer off after this number of bytes.
    Cut(usize),
    /// Forwards it, and cuts the answer off after this number of bytes of its body.
    Short(u64),
    /// Forwards this number of bytes of its body, and closes both connections.
    Break(usize),
    /// Closes both connections at this point, after a call of the function.
    Stop(Stage, Arc<dyn Fn() + Send + Sync>),
    /// Forwards it with another path.
    Redirect(String),
    /// Forwards it, and replaces the value of a header of the answer.
    Change(&'static str, String),
    /// Forwards its body in small pieces, with a pause after each.
    Slow(Duration),
}

/// A function that selects the action for a request. It gets the request and the number of earlier requests.
type Decision = dyn Fn(&Seen, usize) -> Act + Send + Sync;
/// A function that is called for each answer before the client gets it, with the request and the status.
type Listener = dyn Fn(&Seen, u16) + Send + Sync;

/// A proxy in front of a registry. It also connects every CONNECT request to that registry. It runs until the
/// test ends.
pub struct Between {
    /// The address of the proxy: `127.0.0.1:<port>`.
    pub at: String,
    shared: Arc<BetweenState>,
}

struct BetweenState {
    to: String,
    seen: Mutex<Vec<Seen>>,
    received: Mutex<u64>,
    decide: Box<Decision>,
    answered: Box<Listener>,
}

impl Between {
    /// Starts a proxy. `decide` gets the request and the number of earlier requests.
    pub fn start(to: &str, decide: impl Fn(&Seen, usize) -> Act + Send + Sync + 'static) -> Self {
        Self::listening(to, decide, |_, _| {})
    }

    /// Works as [`Between::start`]. `answered` is called with the status of every answer of the registry
    /// before the client gets it.
    ///
    /// # Panics
    /// This machine has no free port.
    pub fn listening(
        to: &str,
        decide: impl Fn(&Seen, usize) -> Act + Send + Sync + 'static,
        answered: impl Fn(&Seen, u16) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let (decide, answered) = (Box::new(decide), Box::new(answered));
        let shared = BetweenState {
            to: to.to_owned(),
            seen: Mutex::default(),
            received: Mutex::default(),
            decide,
            answered,
        };
        let shared = Arc::new(shared);
        let all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // It does not matter if a client closes the connection.
                    let _ = client.and_then(|client| shared.serve(client));
                });
            }
        });
        Self { at, shared: all }
    }

    /// Starts a proxy that forwards everything.
    pub fn passing(to: &str) -> Self {
        Self::start(to, |_, _| Act::Pass)
    }

    /// Returns the recorded requests.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Returns the first lines of the recorded requests.
    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// Returns the number of bytes of bodies that clients sent.
    pub fn received(&self) -> u64 {
        *lock(&self.shared.received)
    }
}

impl BetweenState {
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        let Some(head) = head(&mut reader)? else { return Ok(()) };
        let line = head.lines().next().unwrap_or_default().to_owned();
        let mut seen = Seen { line, body: Vec::new(), head };
        if seen.header("expect").is_some() {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let chunked = seen.header("transfer-encoding").is_some();
        let length = seen.length();
        if seen.method() == "PUT" && seen.path().contains("/manifests/") && length <= KEPT {
            seen.body = vec![0; length as usize];
            reader.read_exact(&mut seen.body)?;
            *lock(&self.received) += length;
        }
        let before = {
            let mut all = lock(&self.seen);
            all.push(seen.clone());
            all.len() - 1
        };
        let act = (self.decide)(&seen, before);
        let mut body =
            RequestBody { reader, kept: &seen.body, left: length, chunked, received: &self.received };
        if !seen.body.is_empty() {
            body.left = 0;
        }
        match &act {
            Act::Answer(answer) => return say(&mut client, answer, ""),
            Act::Refuse(answer, text) => {
                body.hand_on(&mut std::io::sink(), u64::MAX, None)?;
                return say(&mut client, answer, text);
            }
            Act::Stop(Stage::Asked, call) => {
                call();
                return client.shutdown(Shutdown::Both);
            }
            _ => {}
        }
        let mut server = TcpStream::connect(&self.to)?;
        if seen.method() == "CONNECT" {
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            let (mut up, mut down) = (client.try_clone()?, server.try_clone()?);
            std::thread::spawn(move || std::io::copy(&mut up, &mut down));
            std::io::copy(&mut server, &mut client)?;
            return client.shutdown(Shutdown::Both);
        }
        let mut head = seen.head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        if let Act::Redirect(path) = &act {
            head = head.replacen(seen.path(), path, 1);
        }
        // The proxy itself has answered the `Expect` header.
        let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("expect:"));
        server.write_all(lines.map(|line| format!("{line}\r\n")).collect::<String>().as_bytes())?;
        let (limit, pause) = match &act {
            Act::Break(bytes) => (*bytes as u64, None),
            Act::Stop(Stage::Body(bytes), _) => (*bytes, None),
            Act::Slow(pause) => (u64::MAX, Some(*pause)),
            _ => (u64::MAX, None),
        };
        let handed = body.hand_on(&mut server, limit, pause);
        match &act {
            Act::Break(_) => {}
            Act::Stop(Stage::Body(_) | Stage::Sent, call) => call(),
            _ => return self.answer(client, server, &seen, &act, handed),
        }
        server.shutdown(Shutdown::Both)?;
        client.shutdown(Shutdown::Both)
    }

    /// Forwards the answer of the registry.
    fn answer(
        &self,
        mut client: TcpStream,
        server: TcpStream,
        seen: &Seen,
        act: &Act,
        handed: std::io::Result<()>,
    ) -> std::io::Result<()> {
        if let Act::Cut(limit) = act {
            std::io::copy(&mut server.take(*limit as u64), &mut client)?;
            return client.shutdown(Shutdown::Both);
        }
        let mut answer = BufReader::new(server);
        // A registry may answer before it has read the whole request.
        let Some(mut text) = head(&mut answer)? else {
            handed?;
            return client.shutdown(Shutdown::Both);
        };
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (self.answered)(seen, status);
        match act {
            Act::Stop(Stage::Answered, call) => {
                call();
                return client.shutdown(Shutdown::Both);
            }
            Act::Change(name, value) => {
                let lines = text.lines().map(|line| match line.split_once(':') {
                    Some((key, _)) if key.eq_ignore_ascii_case(name) => format!("{key}: {value}\r\n"),
                    _ => format!("{line}\r\n"),
                });
                text = lines.collect();
            }
            _ => {}
        }
        client.write_all(text.as_bytes())?;
        let limit = if let Act::Short(bytes) = act { *bytes } else { u64::MAX };
        std::io::copy(&mut answer.take(limit), &mut client)?;
        if let Act::Stop(Stage::Given, call) = act {
            call();
        }
        client.shutdown(Shutdown::Both)
    }
}

/// Reads the head of a request or an answer, with the empty line. Returns none if the connection ended before
/// it.
fn head(reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

/// Answers in place of the registry.
fn say(client: &mut TcpStream, answer: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {answer}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())?;
    client.shutdown(Shutdown::Both)
}

/// The body of a request: the recorded part, then the bytes that still arrive.
struct RequestBody<'b> {
    reader: BufReader<TcpStream>,
    kept: &'b [u8],
    left: u64,
    chunked: bool,
    received: &'b Mutex<u64>,
}

impl RequestBody<'_> {
    /// Forwards up to `limit` bytes, with a pause after each piece.
    fn hand_on(&mut self, to: &mut impl Write, limit: u64, pause: Option<Duration>) -> std::io::Result<()> {
        let kept = self.kept.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
        to.write_all(&self.kept[..kept])?;
        if !self.chunked {
            let length = self.left.min(limit - kept as u64);
            return self.pieces(to, length, pause);
        }
        let mut handed = 0;
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            to.write_all(line.as_bytes())?;
            self.pieces(to, size.min(limit - handed), pause)?;
            handed += size;
            if handed > limit {
                return Ok(());
            }
            let mut end = String::new();
            self.reader.read_line(&mut end)?;
            to.write_all(end.as_bytes())?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn pieces(&mut self, to: &mut impl Write, length: u64, pause: Option<Duration>) -> std::io::Result<()> {
        let mut reader = (&mut self.reader).take(length);
        let mut piece = vec![0; PIECE];
        loop {
            let read = reader.read(&mut piece)?;
            if read == 0 {
                return Ok(());
            }
            *lock(self.received) += read as u64;
            to.write_all(&piece[..read])?;
            if let Some(pause) = pause {
                std::thread::sleep(pause);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
