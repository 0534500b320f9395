//! What is a request, and what is not.

use super::Running;

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
    assert!(last.text() == "ready\n" && last.closes());
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
        (format!("{post}Content-Length: 9223372036854775808\r\n\r\n"), 413),
        // More than can be counted: hyper says so before the service sees it.
        (format!("{post}Content-Length: 18446744073709551615\r\n\r\n"), 431),
        (format!("{post}Content-Length: -1\r\n\r\n"), 400),
        (format!("{post}Content-Length: 1, 1\r\n\r\n1"), 400),
        (format!("{post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n11"), 400),
        (format!("{post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501),
        (format!("{post}Transfer-Encoding: gzip\r\n\r\n"), 400),
        (format!("{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 501),
        // RFC 9112, 6.3: the coding counts, and nothing behind it is taken for a request.
        (
            format!(
                "{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
            ),
            200,
        ),
        (format!("{post}Host: b\r\n\r\n"), 400),
        (format!("{post}Host : a\r\n\r\n"), 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("\x16\x03\x01\r\n\r\n".to_owned(), 400),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n3e9\r\n{}", "1".repeat(1001)), 413),
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
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n0\r\n{}\r\n", "a: b\r\n".repeat(400)), 400),
        (format!("{post}X: {}\r\n\r\n", "x".repeat(20_000)), 431),
        (format!("{post}{}\r\n", "a: b\r\n".repeat(100)), 431),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = service.client();
        client.send(&request);
        let answer = client.answer().unwrap();
        let shown: String = request.chars().take(120).collect();
        assert_eq!(answer.status, status, "{shown:?}");
        assert!(answer.closes(), "{shown:?}");
        assert_eq!(client.answer(), None, "nothing behind it is taken for a request");
    }
    // A client that goes away in the middle disturbs nobody.
    drop(service.client());
    service.client().send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n[1");
    assert_eq!(service.ask("POST", "/v1/sum", b"[1]").json()["sum"], 1);
}
