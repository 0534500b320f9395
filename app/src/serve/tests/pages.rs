//! What is answered to a request that makes sense.

use serde_json::json;

use super::Running;
use crate::store::COMPILED;

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
        (head.status, head.field("content-length")) == (200, Some("3"))
            && head.field("date").unwrap().ends_with(" GMT")
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
        assert_eq!(answer.field("allow"), allow);
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
    let answer = service.ask("GET", "/metrics", b"");
    assert_eq!(answer.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
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
