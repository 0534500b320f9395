//! A client of the service under test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A client that sees every byte.
pub(super) struct TestClient {
    pub(super) stream: TcpStream,
    bytes: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The head of the response, with the empty line at its end.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// What a field of the head says, whatever case its name is in.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Whether the connection ends behind it.
    pub(super) fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl TestClient {
    pub(super) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream, bytes: Vec::new() }
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub(super) fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> Answer {
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
        self.send([head.as_bytes(), body].concat());
        self.answer_to(method).unwrap()
    }

    pub(super) fn answer(&mut self) -> Option<Answer> {
        self.answer_to("GET")
    }

    /// The next answer; none where the connection ends before it begins.
    pub(super) fn answer_to(&mut self, method: &str) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more() {
                assert!(
                    self.bytes.is_empty(),
                    "a head broke off: {:?}",
                    self.bytes.escape_ascii().to_string()
                );
                return None;
            }
        };
        let head = String::from_utf8(self.bytes.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = if method == "HEAD" {
            0
        } else {
            answer.field("content-length").map_or(0, |n| n.parse().unwrap())
        };
        while self.bytes.len() < length {
            assert!(self.more(), "a body broke off");
        }
        answer.body = self.bytes.drain(..length).collect();
        Some(answer)
    }

    fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let got = self.stream.read(&mut bytes).unwrap_or_else(|error| match error.kind() {
            std::io::ErrorKind::ConnectionReset => 0,
            _ => panic!("{error}"),
        });
        self.bytes.extend(&bytes[..got]);
        got > 0
    }
}
