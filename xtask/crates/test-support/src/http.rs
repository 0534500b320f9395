//! A web server that a test starts for itself, on a free port of this machine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The answer of a web server to a request.
pub enum WebAnswer {
    /// The content of a file.
    Content(Vec<u8>),
    /// The path to which the client is redirected.
    Redirect(String),
    /// There is no such file.
    NotFound,
}

/// A running web server. It runs until the test ends.
pub struct WebServer {
    /// The address of the server: `http://127.0.0.1:<port>`.
    pub at: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl WebServer {
    /// Starts a server. `answer` gets the path of each request without escapes.
    ///
    /// # Panics
    /// This machine has no free port.
    pub fn start(answer: impl Fn(&str) -> WebAnswer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (all, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || {
                    // It does not matter if a client closes the connection.
                    let _ = client.and_then(|client| serve(client, &all, &*answer));
                });
            }
        });
        Self { at, asked }
    }

    /// Returns the paths that were requested since the last call, in order.
    ///
    /// # Panics
    /// A thread of the server panicked.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// Answers the requests of one connection in order.
fn serve(
    mut client: TcpStream,
    asked: &Mutex<Vec<String>>,
    answer: &dyn Fn(&str) -> WebAnswer,
) -> std::io::Result<()> {
    loop {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            if client.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head);
        let path = unescaped(head.split(' ').nth(1).unwrap_or_default());
        asked.lock().unwrap().push(path.clone());
        let (status, more, body) = match answer(&path) {
            WebAnswer::Content(bytes) => ("200 OK", String::new(), bytes),
            WebAnswer::Redirect(to) => ("302 Found", format!("Location: {to}\r\n"), Vec::new()),
            WebAnswer::NotFound => ("404 Not Found", String::new(), Vec::new()),
        };
        let length = body.len();
        client
            .write_all(format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\n\r\n").as_bytes())?;
        client.write_all(&body)?;
    }
}

/// Returns a path with escapes such as `%2b` replaced by their characters.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('%');
    let mut text = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => text.push(byte),
            None => text.extend(b"%"),
        }
        text.extend(&part.as_bytes()[if byte.is_some() { 2 } else { 0 }..]);
    }
    String::from_utf8_lossy(&text).into_owned()
}
