//! The service on loopback, in this process.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::config::Config;
use super::service::{Response, Service, TEXT};
use super::{Drain, Server};
use crate::store::{COMPILED, in_memory};

/// A service in this process, drained when the value is dropped.
struct Running {
    address: SocketAddr,
    service: Arc<Service>,
    drain: Drain,
    thread: Option<JoinHandle<usize>>,
}

impl Running {
    fn new(options: &str) -> Self {
        let args = ["--listen", "127.0.0.1:0"].into_iter().chain(options.split_whitespace());
        let mut server = Server::bind(Config::read(args.map(OsString::from)).unwrap()).unwrap();
        let service = Arc::get_mut(&mut server.service).unwrap();
        service.store = COMPILED.first().map(|engine| Arc::from(in_memory(*engine).unwrap()));
        let (address, service, drain) =
            (server.address, Arc::clone(&server.service), server.drain().unwrap());
        Self { address, service, drain, thread: Some(std::thread::spawn(move || server.run())) }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { stream, bytes: Vec::new() }
    }

    /// One request on a connection of its own.
    fn ask(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        self.client().ask(method, target, body)
    }

    fn end(&mut self) -> Option<usize> {
        self.drain.begin();
        self.thread.take().map(|thread| thread.join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> Answer {
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
        self.send([head.as_bytes(), body].concat());
        self.answer_to(method).unwrap()
    }

    fn answer(&mut self) -> Option<Answer> {
        self.answer_to("GET")
    }

    /// The next answer; none where the connection ends before it begins.
    fn answer_to(&mut self, method: &str) -> Option<Answer> {
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
        let length =
            head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or("0", str::trim);
        let length = if method == "HEAD" { 0 } else { length.parse().unwrap() };
        while self.bytes.len() < length {
            assert!(self.more(), "a body broke off");
        }
        Some(Answer { status, head, body: self.bytes.drain(..length).collect() })
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

#[test]
fn pages() {
    let service = Running::new("");
    assert_eq!(service.ask("GET", "/healthz", b"").text(), "ok\n");
    assert_eq!(service.ask("GET", "/readyz?verbose", b"").text(), "ready\n");
    assert_eq!(service.ask("GET", "/info", b"").json()["name"], "app");
    assert_eq!(service.ask("POST", "/v1/dot", b"[[1,2,3],[4,-5,6]]").json(), json!({"dot": 12.0}));
    assert_eq!(service.ask("POST", "/v1/dot", b"[[1e308,1e308],[1e10,1]]").json(), json!({"dot": "inf"}));
    assert_eq!(
        service.ask("POST", "/v1/double", b"[1,-2,2147483647]").json(),
        json!({"double": [2, -4, -2]})
    );
    assert_eq!(service.ask("POST", "/v1/sum", b"[2147483647, 1]").json(), json!({"sum": 2_147_483_648_i64}));
    assert_eq!(service.ask("POST", "/v1/reverse", "aß水𝄞".as_bytes()).text(), "𝄞水ßa");
    let head = service.ask("HEAD", "/healthz", b"");
    assert!(
        head.status == 200 && head.head.contains("Content-Length: 3\r\n") && head.head.contains(" GMT\r\n")
    );
    for (method, target, status, allow) in [
        ("GET", "/", 404, None),
        ("GET", "/v1", 404, None),
        ("GET", "/healthz/", 404, None),
        ("POST", "/healthz", 405, Some("GET, HEAD")),
        ("GET", "/v1/dot", 405, Some("POST")),
        ("BREW", "/v1/dot", 405, Some("POST")),
    ] {
        let answer = service.ask(method, target, b"");
        assert_eq!(answer.status, status, "{method} {target}");
        assert_eq!(answer.head.lines().find_map(|line| line.strip_prefix("Allow: ")), allow);
    }
}

#[test]
fn rows() {
    let service = Running::new("");
    if COMPILED.is_empty() {
        assert_eq!(service.ask("GET", "/v1/store/a", b"").status, 404);
        return;
    }
    for (key, value) in [("a%2Fb", &b"1"[..]), ("a", b"\0\xff"), ("%ff", b""), ("b", b"2")] {
        assert_eq!(service.ask("PUT", &format!("/v1/store/{key}"), value).status, 204);
    }
    assert_eq!(service.ask("GET", "/v1/store/a", b"").body, b"\0\xff");
    assert_eq!(service.ask("GET", "/v1/store/a/b", b"").body, b"1", "a slash may stand for itself");
    assert_eq!(service.ask("GET", "/v1/store/no", b"").status, 404);
    let list = |query: &str| service.ask("GET", &format!("/v1/store{query}"), b"").text().to_owned();
    let a = "{\"key\":\"a\",\"value_hex\":\"00ff\"}\n{\"key\":\"a/b\",\"value\":\"1\"}\n";
    let all = format!("{a}{{\"key\":\"b\",\"value\":\"2\"}}\n{{\"key_hex\":\"ff\",\"value\":\"\"}}\n");
    assert_eq!(list(""), all);
    assert_eq!(list("?prefix=a"), a);
    assert_eq!(list("?limit=2"), a);
    assert_eq!(list("?after=a%2fb&to=%ff"), "{\"key\":\"b\",\"value\":\"2\"}\n");
    assert_eq!(service.ask("DELETE", "/v1/store/a", b"").status, 204);
    assert_eq!(service.ask("DELETE", "/v1/store/a", b"").status, 404);
    assert_eq!(service.ask("POST", "/v1/store/a", b"").status, 405);
    assert_eq!(service.ask("GET", "/v1/store?colour=red", b"").status, 422);
    assert_eq!(service.ask("GET", "/v1/store/%zz", b"").status, 422);
}

#[test]
fn metrics_count_what_was_asked() {
    let service = Running::new("--threads 3");
    for _ in 0..3 {
        service.ask("GET", "/healthz", b"");
    }
    service.ask("GET", "/nowhere/at\"all", b"");
    // An answer is counted when it is written, which its reader may know first.
    wait_until(|| {
        let answer = service.ask("GET", "/metrics", b"");
        let text = answer.text();
        text.contains("route=\"/healthz\",code=\"200\"} 3") && text.contains("code=\"404\"} 1")
    });
    let answer = service.ask("GET", "/metrics", b"");
    assert!(answer.head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    let text = answer.text();
    for line in [
        "app_requests_total{route=\"/healthz\",code=\"200\"} 3",
        "app_requests_total{route=\"none\",code=\"404\"} 1",
        "app_request_duration_seconds_count{route=\"/healthz\"} 3",
        "app_pool_threads 3",
        "app_c_held_bytes ",
        "app_draining 0",
        "# TYPE app_request_duration_seconds histogram",
    ] {
        assert!(text.lines().any(|l| l.starts_with(line)), "{line} is not in\n{text}");
    }
    // The format: comments, or a name, labels and a number.
    for line in text.lines().filter(|line| !line.starts_with("# HELP ") && !line.starts_with("# TYPE ")) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap();
        assert!(name.starts_with("app_") && (!name.contains('{') || name.ends_with("\"}")), "{line}");
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let service = Running::new("");
    let mut client = service.client();
    for n in 0..20 {
        assert_eq!(client.ask("POST", "/v1/sum", format!("[{n},1]").as_bytes()).json()["sum"], n + 1);
    }
    // Three at once, one of them in chunks, and the last one ends it.
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send("POST /v1/reverse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n00A\r\ncdefghijkl\r\n0\r\nTrailer: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().unwrap().text(), "ok\n");
    assert_eq!(client.answer().unwrap().text(), "lkjihgfedcba");
    let last = client.answer().unwrap();
    assert!(last.text() == "ready\n" && last.head.contains("Connection: close\r\n"));
    assert_eq!(client.answer(), None);
    // A client that asks before it sends.
    let mut client = service.client();
    client.send("POST /v1/reverse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(client.answer().unwrap().head, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("xy");
    assert_eq!(client.answer().unwrap().text(), "yx");
    let mut old = service.client();
    old.send("GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!((old.answer().unwrap().text(), old.answer()), ("ok\n", None));
}

#[test]
fn what_is_malformed_or_too_long_is_refused() {
    let service = Running::new("--max-body 1000");
    for (body, message) in [
        (&b""[..], "at byte 0: `[` is missing\n"),
        (b"[1,2", "at byte 4: `,` or `]` is missing\n"),
        (b"[1,,2]", "at byte 3: a 32-bit integer is missing\n"),
        (b"[1e3]", "at byte 1: a 32-bit integer is missing\n"),
        (b"{\"a\":1}", "at byte 0: `[` is missing\n"),
        (b"\xff\xfe", "at byte 0: `[` is missing\n"),
    ] {
        let answer = service.ask("POST", "/v1/sum", body);
        assert_eq!((answer.status, answer.text()), (422, message));
    }
    let answer = service.ask("POST", "/v1/dot", b"[[1,2],[3]]");
    assert_eq!((answer.status, answer.text()), (422, "the vectors differ in length: 2 and 1 elements\n"));
    assert_eq!(service.ask("POST", "/v1/dot", b"[[1],[1e999]]").text(), "number 1 is too large\n");
    assert_eq!(service.ask("POST", "/v1/reverse", b"a\xff").status, 422);
    assert_eq!(service.ask("POST", "/v1/reverse", &[b'a'; 1000]).status, 200);
    let post = "POST /v1/sum HTTP/1.1\r\nHost: a\r\n";
    for (request, status) in [
        ("\r\n\r\nnonsense\r\n\r\n".to_owned(), 400),
        (format!("{post}Content-Length: 1001\r\n\r\n{}", "1".repeat(1001)), 413),
        (format!("{post}Content-Length: 18446744073709551615\r\n\r\n"), 413),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n3e9\r\n"), 413),
        (
            format!(
                "{post}Transfer-Encoding: chunked\r\n\r\n{}",
                "20\r\n[111111111111111111111111111111]\r\n".repeat(40)
            ),
            413,
        ),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"), 400),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n"), 400),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n{}", "1".repeat(2000)), 400),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n0\r\n{}\r\n", "a: b\r\n".repeat(400)), 431),
        (format!("{post}X: {}\r\n\r\n", "x".repeat(20_000)), 431),
        (format!("{post}{}\r\n", "a: b\r\n".repeat(100)), 431),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = service.client();
        client.send(&request);
        let answer = client.answer().unwrap();
        let shown: String = request.chars().take(120).collect();
        assert_eq!(answer.status, status, "{shown:?}");
        assert!(answer.head.contains("Connection: close\r\n"), "{shown:?}");
        assert_eq!(client.answer(), None, "nothing behind it is taken for a request");
    }
    // A client that goes away in the middle disturbs nobody.
    drop(service.client());
    service.client().send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n[1");
    assert_eq!(service.ask("POST", "/v1/sum", b"[1]").json()["sum"], 1);
}

#[test]
fn slow_clients_end_and_hold_up_nobody() {
    let service = Running::new(
        "--head-timeout 0.6 --body-timeout 0.6 --idle-timeout 0.6 --write-timeout 0.6 --max-body 4194304",
    );
    let (begin, mut slow) = (Instant::now(), Vec::new());
    for begin_of_request in [
        "",
        "GET /healthz HTTP/1.1\r\nHost: ",
        "POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n",
    ] {
        for _ in 0..8 {
            let mut client = service.client();
            client.send(begin_of_request);
            let drips = !begin_of_request.is_empty();
            slow.push(std::thread::spawn(move || {
                let mut writer = client.stream.try_clone().unwrap();
                let dripping = std::thread::spawn(move || {
                    // One byte at a time would go on for ever if each one began the time anew.
                    while drips && writer.write_all(b"1").is_ok() && begin.elapsed() < Duration::from_secs(10)
                    {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                });
                let answer = client.answer();
                drop(client);
                dripping.join().unwrap();
                (drips, answer.map(|answer| answer.status))
            }));
        }
    }
    // Meanwhile others are served at once.
    let fast = Instant::now();
    for _ in 0..20 {
        assert_eq!(service.ask("POST", "/v1/sum", b"[1,2]").json()["sum"], 3);
    }
    let fast = fast.elapsed();
    for thread in slow {
        let (drips, status) = thread.join().unwrap();
        assert_eq!(status, drips.then_some(408));
    }
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    // A client that does not read: its answers fill the buffers, then its time is over.
    let mut deaf = service.client();
    let body = vec![b'x'; 4 << 20];
    let request = [
        format!("POST /v1/reverse HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(),
        &body,
    ]
    .concat();
    deaf.stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let cut = (0..20).any(|_| deaf.stream.write_all(&request).is_err());
    assert!(cut, "the connection goes on");
    wait_until(|| service.service.connections.open() == 0);
    eprintln!("20 requests beside 24 slow clients took {fast:?}");
}

fn wait_until(done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(15), "it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Holds a thread of the pool until the sender is dropped.
fn hold(service: &Running) -> (mpsc::Sender<()>, JoinHandle<Response>) {
    let (release, held) = mpsc::channel::<()>();
    let (started, running) = mpsc::channel();
    let shared = Arc::clone(&service.service);
    let thread = std::thread::spawn(move || {
        shared.pooled(move || {
            started.send(()).unwrap();
            let _ = held.recv();
            Response::ok(TEXT, "held")
        })
    });
    running.recv().unwrap();
    (release, thread)
}

#[test]
fn a_full_pool_refuses_or_lets_wait() {
    let service = Running::new("--threads 1 --queue 0 --on-full refuse");
    let (release, held) = hold(&service);
    for _ in 0..3 {
        let answer = service.ask("POST", "/v1/sum", b"[1]");
        assert_eq!((answer.status, answer.text()), (503, "the pool is full\n"));
        assert!(answer.head.contains("\r\nRetry-After: 1\r\n"));
    }
    assert_eq!(service.ask("GET", "/healthz", b"").status, 200, "what needs no C is answered all the same");
    assert!(service.ask("GET", "/metrics", b"").text().contains("\napp_pool_refused_total 3\n"));
    drop(release);
    assert_eq!(held.join().unwrap().status, 200);
    wait_until(|| service.service.pool.load().running == 0);
    assert_eq!(service.ask("POST", "/v1/sum", b"[1]").status, 200);

    let service = Running::new("--threads 1 --queue 0 --on-full wait");
    let (release, held) = hold(&service);
    let mut waiting: Vec<_> = (0..8).map(|_| service.client()).collect();
    for client in &mut waiting {
        client.send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n[1,2]");
    }
    waiting[0].stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(waiting[0].stream.peek(&mut [0]).is_err(), "it was answered past the bound");
    waiting[0].stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    drop(release);
    held.join().unwrap();
    for client in &mut waiting {
        assert_eq!(client.answer().unwrap().json()["sum"], 3);
    }
}

#[test]
fn a_panic_in_a_call_is_500_and_the_next_one_is_served() {
    let service = Running::new("--threads 1");
    assert_eq!(service.service.pooled(|| panic!("of the test")).status, 500);
    assert_eq!(service.ask("POST", "/v1/sum", b"[1]").status, 200);
    assert!(service.ask("GET", "/metrics", b"").text().contains("\napp_pool_panics_total 1\n"));
}

#[test]
fn too_many_connections_are_told_so() {
    let service = Running::new("--max-connections 2");
    let mut first = service.client();
    let mut second = service.client();
    assert_eq!(
        (first.ask("GET", "/healthz", b"").status, second.ask("GET", "/healthz", b"").status),
        (200, 200)
    );
    let answer = service.client().answer().unwrap();
    assert_eq!((answer.status, answer.text()), (503, "there are too many connections\n"));
    assert!(answer.head.contains("Retry-After: 1\r\n"));
    drop(first);
    wait_until(|| service.service.connections.open() == 1);
    assert_eq!(service.ask("GET", "/healthz", b"").status, 200);
}

#[test]
fn sixty_four_clients() {
    const CLIENTS: usize = 64;
    const REQUESTS: usize = 40;
    let service = Running::new("--threads 4 --queue 4 --on-full wait");
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let service = &service;
            scope.spawn(move || {
                let mut connection = service.client();
                for n in 0..REQUESTS {
                    let answer = match n % 4 {
                        0 => connection.ask("POST", "/v1/sum", format!("[{client},{n}]").as_bytes()),
                        1 => connection.ask("POST", "/v1/reverse", format!("{client}").as_bytes()),
                        2 => connection.ask(
                            "PUT",
                            &format!("/v1/store/{client}-{n}"),
                            format!("{n}").as_bytes(),
                        ),
                        _ => connection.ask("GET", &format!("/v1/store/{client}-{}", n - 1), b""),
                    };
                    match n % 4 {
                        0 => assert_eq!(answer.json()["sum"], client + n),
                        1 => assert!(answer.text().chars().rev().eq(client.to_string().chars())),
                        _ if COMPILED.is_empty() => assert_eq!(answer.status, 404),
                        2 => assert_eq!(answer.status, 204),
                        _ => assert_eq!(answer.text(), (n - 1).to_string()),
                    }
                }
            });
        }
    });
    let (took, count) = (begin.elapsed(), CLIENTS * REQUESTS);
    eprintln!(
        "{count} requests of {CLIENTS} clients took {took:?}: {:.0} a second",
        count as f64 / took.as_secs_f64()
    );
    let metrics = service.ask("GET", "/metrics", b"").text().to_owned();
    assert!(metrics.contains("app_pool_refused_total 0\n"));
    assert!(metrics.contains(&format!("app_requests_total{{route=\"/v1/sum\",code=\"200\"}} {}", count / 4)));
}

#[test]
fn draining_answers_what_has_begun() {
    let mut service = Running::new("--threads 1 --drain-timeout 15");
    let (release, held) = hold(&service);
    let (mut idle, mut waiting, mut half) = (service.client(), service.client(), service.client());
    assert_eq!(idle.ask("GET", "/readyz", b"").status, 200);
    waiting.send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n[1,2]");
    half.send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n[1");
    wait_until(|| service.service.pool.load().waiting == 1);
    service.drain.begin();
    assert_eq!(idle.answer(), None, "who asked for nothing is let go");
    wait_until(|| TcpStream::connect(service.address).is_err());
    let (ready, _) = (
        service.service.answer(super::service::Request {
            method: "GET".into(),
            path: "/readyz".into(),
            query: String::new(),
            body: Vec::new(),
        }),
        (),
    );
    assert_eq!(ready.1.status, 503);
    half.send(",4]");
    drop(release);
    held.join().unwrap();
    for (client, sum) in [(&mut waiting, 3), (&mut half, 5)] {
        let answer = client.answer().unwrap();
        assert_eq!(answer.json()["sum"], sum);
        assert!(answer.head.contains("Connection: close\r\n"));
        assert_eq!(client.answer(), None);
    }
    assert_eq!(service.end(), Some(0));
}

#[test]
fn draining_has_an_end() {
    let mut service = Running::new("--threads 1 --drain-timeout 0.3");
    let mut half = service.client();
    half.send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n[1");
    wait_until(|| service.service.connections.open() == 1);
    let begin = Instant::now();
    assert_eq!(service.end(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(5));
}
