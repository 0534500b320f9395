//! What happens between a client and a registry: busy servers, broken transfers, redirects, proxies.

use std::path::Path;

use ureq::http::{Method, header};
use xtask_oci::document::{Index, Manifest, media_type};
use xtask_oci::{Blobs, Digest};
use xtask_registry::http::{Body, Http, HttpRequest};
pub(crate) use xtask_test_support::between::{Act, Between, Seen};
use xtask_test_support::registry::{RegistryServer, Settings};

use crate::image::packed;
use crate::support::{AMD64, Machine};

/// Puts an image of a layout on a registry as it is, by the client that is tested here: others would not send what does
/// not fit together.
pub(crate) fn put(server: &RegistryServer, layout: &str, rest: &str) {
    let dir = Path::new(layout.strip_prefix("oci:").unwrap().strip_suffix(":x").unwrap());
    let blobs = Blobs::of_layout(dir);
    let index: Index = serde_json::from_slice(&std::fs::read(dir.join("index.json")).unwrap()).unwrap();
    let bytes = blobs.read(&index.manifests[0].digest).unwrap();
    let manifest: Manifest = serde_json::from_slice(&bytes).unwrap();
    let machine = Machine::new();
    let http = Http::new(&machine.host, &machine.ui).unwrap();
    let (name, tag) = rest.split_once(':').unwrap();
    let base = format!("http://{}/v2/{name}", server.at);
    let send = |method: Method, url: String, kind: &'static str, bytes: Vec<u8>| {
        let response = http
            .send(&HttpRequest { method, body: Body::Bytes(kind, bytes), ..HttpRequest::get(url) })
            .unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        response.header(&header::LOCATION).unwrap_or_default().to_owned()
    };
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        let upload = send(Method::POST, format!("{base}/blobs/uploads/"), "text/plain", Vec::new());
        let bytes = blobs.read(&blob.digest).unwrap();
        send(Method::PUT, format!("{upload}&digest={}", blob.digest), "application/octet-stream", bytes);
    }
    send(Method::PUT, format!("{base}/manifests/{tag}"), media_type::MANIFEST, bytes);
}

fn is_blob(seen: &Seen) -> bool {
    seen.line.contains("/blobs/")
}

#[test]
fn a_busy_registry_is_asked_again() {
    let Some(server) = RegistryServer::start("a_busy_registry_is_asked_again") else { return };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    let busy = |_: &Seen, before: usize| match before {
        0 => Act::Answer("503 Service Unavailable\r\nRetry-After: 0".into()),
        1 => Act::Cut(0),
        2 => Act::Answer("429 Too Many Requests".into()),
        _ => Act::Pass,
    };
    let front = Between::start(&server.at, busy);
    let machine = Machine::new();
    machine.base(&format!("{}/made:1", front.at), AMD64).unwrap();
    let lines = front.lines();
    assert!(lines[..4].iter().all(|line| line == "GET /v2/made/manifests/1 HTTP/1.1"), "{lines:#?}");
    assert!(lines.len() > 4 && !lines[4].contains("manifests/1 "), "{lines:#?}");
}

#[test]
fn a_registry_that_asks_for_too_much_patience_is_left() {
    let front = Between::start("127.0.0.1:1", |_, _| {
        Act::Answer("429 Too Many Requests\r\nRetry-After: 3600".into())
    });
    let text = Machine::new().refused(&format!("{}/made:1", front.at));
    assert!(text.contains("429 Too Many Requests") && text.contains("it asks to wait 3600 s"), "{text}");
    assert_eq!(front.seen().len(), 1);
}

#[test]
fn nobody_there_is_said_after_some_tries() {
    let nobody = format!("{}/made:1", xtask_test_support::registry::free());
    let error = Machine::new().base(&nobody, AMD64).unwrap_err();
    assert_eq!(error.kind.code(), 1, "nothing is missing on this machine");
    let text = error.to_string();
    assert!(text.contains("refused") && text.contains("(4 tries)"), "{text}");
    assert!(text.contains("help: check the address") && text.contains("--offline"), "{text}");
}

#[test]
fn a_broken_transfer_is_taken_up_where_it_broke() {
    let Some(server) = RegistryServer::start("a_broken_transfer_is_taken_up_where_it_broke") else { return };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    let whole = Machine::new().base(&server.name("made:1"), AMD64).unwrap();
    let layer = whole.layers[0].layer.descriptor.clone();
    let digest = layer.digest.to_string();
    // Every answer of this blob breaks off: whole answers to later requests would hide that nothing was kept.
    let cut =
        move |seen: &Seen, _: usize| if seen.line.contains(&digest) { Act::Cut(90_000) } else { Act::Pass };
    let front = Between::start(&server.at, cut);
    let machine = Machine::new();
    let base = machine.base(&format!("{}/made:1", front.at), AMD64).unwrap();
    assert_eq!(Digest::of(&std::fs::read(&base.layers[0].blob).unwrap()), layer.digest);
    let seen = front.seen();
    let ranges: Vec<_> =
        seen.iter().filter(|s| s.line.contains(layer.digest.as_str())).map(|s| s.header("range")).collect();
    assert!(ranges.len() >= 3 && ranges[0].is_none(), "{ranges:?}");
    assert!(
        ranges[1..].iter().all(|range| range.is_some_and(|r| r.starts_with("bytes=") && r.ends_with('-')))
    );
}

#[test]
fn a_transfer_that_brings_nothing_is_given_up() {
    let Some(server) = RegistryServer::start("a_transfer_that_brings_nothing_is_given_up") else { return };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    // Headers of this registry have more bytes than that; the body has none.
    let front = Between::start(&server.at, |seen, _| if is_blob(seen) { Act::Cut(0) } else { Act::Pass });
    let machine = Machine::new();
    let text = machine.refused(&format!("{}/made:1", front.at));
    assert!(text.contains("(4 tries)") || text.contains("more tries received nothing"), "{text}");
    assert_eq!(machine.cached().len(), 2, "the index and the manifest; of the configuration nothing");
}

#[test]
fn a_redirect_takes_no_password_along() {
    let test = "a_redirect_takes_no_password_along";
    let Some(guarded) = RegistryServer::start_with(test, Settings { password: true, ..Settings::default() })
    else {
        return;
    };
    guarded.push(&packed(guarded.dir(), "one"), "made:1", &[]);
    // The same storage without a guard, as a CDN has it.
    let open = Settings { storage: Some(guarded.storage.clone()), ..Settings::default() };
    let Some(open) = RegistryServer::start_with(test, open) else { return };
    let cdn = Between::passing(&open.at);
    let to = cdn.at.clone();
    let front = Between::start(&guarded.at, move |seen, _| {
        let path = seen.line.split(' ').nth(1).unwrap();
        if is_blob(seen) && seen.header("authorization").is_some() {
            Act::Answer(format!("307 Temporary Redirect\r\nLocation: http://{to}{path}?signature=s3cret"))
        } else {
            Act::Pass
        }
    });
    let config = guarded.dir().join("config.json");
    let auth = format!(r#"{{"auths": {{"{}": {{"auth": "cmVhZGVyOm9wZW4gc2VzYW1l"}}}}}}"#, front.at);
    std::fs::write(config, auth).unwrap();
    let machine = Machine::with(&[("DOCKER_CONFIG", guarded.dir())]);
    machine.base(&format!("{}/made:1", front.at), AMD64).unwrap();
    assert!(front.seen().iter().any(|seen| seen.header("authorization").is_some()));
    let seen = cdn.seen();
    assert_eq!(seen.len(), 2, "configuration and layer: {seen:?}");
    assert!(seen.iter().all(|seen| seen.header("authorization").is_none()), "{seen:?}");
}

#[test]
fn a_redirect_leads_to_no_other_kind_of_place() {
    for target in ["file:///etc/passwd", "ftp://127.0.0.1/x", "nowhere", ""] {
        let front = Between::start("127.0.0.1:1", move |_, _| {
            Act::Answer(format!("302 Found\r\nLocation: {target}"))
        });
        let text = Machine::new().refused(&format!("{}/made:1", front.at));
        assert!(text.contains("the redirect is not allowed"), "{target}: {text}");
    }
    let front =
        Between::start("127.0.0.1:1", |_, _| Act::Answer("302 Found\r\nLocation: /again?secret".into()));
    let text = Machine::new().refused(&format!("{}/made:1", front.at));
    assert!(text.contains("more than 5 redirects") && !text.contains("secret"), "{text}");
}

#[test]
fn a_proxy_is_used_and_a_plain_registry_must_be_named() {
    let Some(server) = RegistryServer::start("a_proxy_is_used_and_a_plain_registry_must_be_named") else {
        return;
    };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    let proxy = Between::passing(&server.at);
    let address = format!("http://user:hunter2@{}", proxy.at);
    let vars = [("http_proxy", Path::new(&address)), ("XTASK_PLAIN_HTTP", Path::new("registry.test:5000"))];
    let machine = Machine::with(&vars);
    machine.base("registry.test:5000/made:1", AMD64).unwrap();
    let seen = proxy.seen();
    assert!(seen[0].line.starts_with("CONNECT registry.test:5000 "), "{seen:?}");
    assert!(seen[0].header("proxy-authorization").is_some(), "{seen:?}");

    let refusing = Between::start("127.0.0.1:1", |_, _| Act::Answer("403 Forbidden".into()));
    let address = format!("http://user:hunter2@{}", refusing.at);
    let text = Machine::with(&[("ALL_PROXY", Path::new(&address))]).refused("registry.test/made:1");
    assert!(text.contains("the proxy refuses") && !text.contains("hunter2"), "{text}");
    let text =
        Machine::with(&[("HTTPS_PROXY", Path::new("no proxy hunter2"))]).refused("registry.test/made:1");
    assert!(text.contains("HTTPS_PROXY does not name a usable proxy") && !text.contains("hunter2"), "{text}");
}
