//! Bytes that nobody can trust, sent as requests and as bodies.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::Shutdown;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Running;

/// What a request is made of, and what it is not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "GET /healthz HTTP/1.1\r\n",
        "POST /v1/sum HTTP/1.1\r\n",
        "PUT /v1/store/%61 HTTP/1.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "CONNECT a:1 HTTP/1.1\r\n",
        "Host: a\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Expect: 100-continue\r\n",
        "Connection: close, upgrade\r\nUpgrade: x\r\n",
        "\r\n",
        "[1]",
        "3\r\n[1]\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\n",
        "0\r\n",
    ];
    prop_oneof![
        6 => prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

/// Whatever comes, each connection ends, what is answered is HTTP, and the next client is served.
#[test]
fn any_bytes_are_answered_or_refused() {
    let service = Running::new("--max-body 1000");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let request = prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat());
    runner
        .run(&request, |request| {
            let mut stream = service.client().stream;
            // The service may have ended the connection at the first bytes.
            let _ = stream.write_all(&request).and_then(|()| stream.shutdown(Shutdown::Write));
            let mut answers = Vec::new();
            if let Err(error) = stream.read_to_end(&mut answers) {
                prop_assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{:?}", error);
            }
            prop_assert!(answers.is_empty() || answers.starts_with(b"HTTP/1."), "{:?}", answers);
            Ok(())
        })
        .unwrap();
    assert_eq!(service.ask("POST", "/v1/sum", b"[1,2]").json()["sum"], 3);
    let metrics = service.ask("GET", "/metrics", b"").text().to_owned();
    assert!(metrics.contains("\napp_pool_panics_total 0\n"), "{metrics}");
    assert!(!metrics.contains("code=\"500\""), "{metrics}");
}

/// Bodies that are nearly what is asked for, on every route that takes one.
#[test]
fn any_body_is_answered_or_refused() {
    let service = Running::new("");
    let client = RefCell::new(service.client());
    let piece = prop_oneof![
        8 => prop::sample::select(vec!["[", "]", ",", "1", "-", ".5", "e9", "e999", " ", "2147483648", "\"", "é"])
            .prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    let body = prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat());
    let route = prop::sample::select(vec!["/v1/dot", "/v1/double", "/v1/sum", "/v1/reverse"]);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    runner
        .run(&(route, body), |(route, body)| {
            let answer = client.borrow_mut().ask("POST", route, &body);
            prop_assert!(matches!(answer.status, 200 | 422), "{:?}", answer);
            Ok(())
        })
        .unwrap();
}
