//! Registries, and servers that they redirect to, that mislead a client: no login reaches another server or an error, no
//! blob counts that is damaged, and no upload goes on for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use xtask_oci::Digest;
use xtask_oci::document::{Descriptor, media_type};
use xtask_registry::Reference;
use xtask_registry::client::Client;
use xtask_registry::http::Http;
use xtask_registry::push::{OutgoingBlob, PushLimits, PushedBlob};
use xtask_test_support::registry::RegistryServer;

use crate::image::noise;
use crate::network::{Act, Between};
use crate::support::Machine;

const LIMITS: PushLimits = PushLimits { chunk: 10_000, pause: Duration::from_millis(1), troubles: 4 };
/// A port at which nobody listens: every request is answered by the proxy itself.
const NOBODY: &str = "127.0.0.1:1";

/// A machine with the login `me:hunter2` for a registry.
fn logged_in(at: &str) -> (tempfile::TempDir, Machine) {
    let dir = tempfile::tempdir().unwrap();
    let auth = format!(r#"{{"auths": {{"{at}": {{"auth": "bWU6aHVudGVyMg=="}}}}}}"#);
    std::fs::write(dir.path().join("config.json"), auth).unwrap();
    let machine = Machine::with(&[("DOCKER_CONFIG", dir.path())]);
    (dir, machine)
}

fn with_client<T>(machine: &Machine, at: &str, f: impl FnOnce(&Client<'_>, &Reference) -> T) -> T {
    let http = Http::new(&machine.host, &machine.ui).unwrap();
    let target = Reference::parse(&format!("{at}/x")).unwrap();
    f(&Client::new(&http, target.registry(), &machine.host), &target)
}

fn push(client: &Client<'_>, target: &Reference, bytes: &[u8]) -> xtask_files::error::Result<PushedBlob> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let blob = Descriptor::new(media_type::LAYER, Digest::of(bytes), bytes.len() as u64);
    let out = OutgoingBlob { blob: &blob, file: file.path(), elsewhere: &[], sent: Arc::new(|_| {}) };
    client.push_blob(target, &out, &LIMITS)
}

#[test]
fn a_server_that_a_redirect_leads_to_cannot_ask_for_the_login() {
    let thief = Between::start(NOBODY, |_, _| Act::Answer("200 OK".to_owned()));
    let realm = format!("401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"http://{}/token\"", thief.at);
    let other = Between::start(NOBODY, move |_, _| Act::Answer(realm.clone()));
    let to = format!("307 Temporary Redirect\r\nLocation: http://{}/blob", other.at);
    let front = Between::start(NOBODY, move |_, _| Act::Answer(to.clone()));
    let (_dir, machine) = logged_in(&front.at);
    let error = with_client(&machine, &front.at, |client, target| {
        client.has_blob(target, &Descriptor::of(media_type::LAYER, b"x")).unwrap_err().to_string()
    });
    assert!(error.contains("is not sent to another server") && error.contains(&other.at), "{error}");
    assert_eq!((thief.seen().len(), other.seen().len()), (0, 1));
}

#[test]
fn a_login_that_a_registry_repeats_is_not_shown() {
    let front = Between::start(NOBODY, |seen, _| match (seen.header("authorization"), seen.method()) {
        (None, _) => Act::Answer("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"".to_owned()),
        (_, "HEAD") => Act::Answer("404 Not Found".to_owned()),
        (Some(value), _) => Act::Refuse(
            "403 Forbidden".to_owned(),
            format!(r#"{{"errors": [{{"code": "DENIED", "message": "{value}, hunter2, no"}}]}}"#),
        ),
    });
    let (_dir, machine) = logged_in(&front.at);
    let error = with_client(&machine, &front.at, |client, target| push(client, target, b"x").unwrap_err());
    let error = error.to_string();
    assert!(error.contains("DENIED: Basic ***, ***, no"), "{error}");
}

#[test]
fn an_upload_ends_that_a_registry_acknowledges_without_keeping_it() {
    let front = Between::start(NOBODY, |seen, _| match seen.method() {
        "HEAD" => Act::Answer("404 Not Found".to_owned()),
        _ => Act::Refuse(
            "202 Accepted\r\nLocation: /v2/x/blobs/uploads/1\r\nRange: 0-0".to_owned(),
            String::new(),
        ),
    });
    let machine = Machine::new();
    let error = with_client(&machine, &front.at, |client, target| {
        push(client, target, &noise(25_000)).unwrap_err().to_string()
    });
    assert!(error.contains("it has 0 of them") && error.contains("4 tries in a row"), "{error}");
}

#[test]
fn an_upload_waits_as_long_as_the_registry_asks() {
    let front = Between::start(NOBODY, |seen, before| match seen.method() {
        "HEAD" => Act::Answer("404 Not Found".to_owned()),
        "POST" => Act::Refuse("202 Accepted\r\nLocation: /v2/x/blobs/uploads/1".to_owned(), String::new()),
        "PUT" if before < 3 => {
            Act::Refuse("429 Too Many Requests\r\nRetry-After: 2".to_owned(), String::new())
        }
        "PUT" => Act::Refuse("201 Created".to_owned(), String::new()),
        _ => Act::Answer("204 No Content".to_owned()),
    });
    let (machine, begun) = (Machine::new(), Instant::now());
    let pushed = with_client(&machine, &front.at, |client, target| push(client, target, b"x").unwrap());
    assert_eq!(pushed, PushedBlob::Sent);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn a_list_of_referrers_that_cannot_be_followed_is_an_error() {
    let list = r#"{"schemaVersion": 2, "manifests": []}"#;
    let front = Between::start(NOBODY, move |_, _| {
        let head = "200 OK\r\nLink: <https://elsewhere.example/v2/x/referrers/d?n=2>; rel=\"next\"";
        Act::Refuse(head.to_owned(), list.to_owned())
    });
    let machine = Machine::new();
    let error = with_client(&machine, &front.at, |client, target| {
        client.referrers(target, &Digest::of(b"x")).unwrap_err().to_string()
    });
    assert!(error.contains("the next page") && error.contains("elsewhere.example"), "{error}");
}

#[test]
fn a_blob_that_the_registry_emptied_does_not_count_as_present() {
    let test = "a_blob_that_the_registry_emptied_does_not_count_as_present";
    let Some(server) = RegistryServer::start(test) else {
        return;
    };
    let bytes = noise(9_000);
    let blob = Descriptor::new(media_type::LAYER, Digest::of(&bytes), bytes.len() as u64);
    let machine = Machine::new();
    with_client(&machine, &server.at, |client, target| {
        push(client, target, &bytes).unwrap();
        let stored = server.stored(blob.digest.hex());
        std::fs::write(&stored, b"").unwrap();
        let error = client.has_blob(target, &blob).unwrap_err().to_string();
        assert!(error.contains("does not have its digest") || error.contains("0 of 9000 bytes"), "{error}");
        assert_eq!(push(client, target, &bytes).unwrap(), PushedBlob::Sent);
        // docker-registry acknowledges the bytes, and keeps the empty file.
        assert!(std::fs::read(&stored).unwrap() == bytes || client.has_blob(target, &blob).is_err());
    });
}

/// A weak ETag never matches, so it is not sent back.
#[test]
fn a_list_with_a_weak_etag_is_changed() {
    let front = Between::start(NOBODY, |seen, before| match (seen.method(), before) {
        ("GET", 0) => Act::Refuse("200 OK\r\nETag: W/\"1\"".to_owned(), "old".to_owned()),
        ("GET", _) => Act::Refuse("200 OK\r\nETag: W/\"2\"".to_owned(), "new".to_owned()),
        _ if seen.header("if-match").is_some() => {
            Act::Refuse("412 Precondition Failed".to_owned(), String::new())
        }
        _ => Act::Refuse("201 Created".to_owned(), String::new()),
    });
    let machine = Machine::new();
    with_client(&machine, &front.at, |client, target| {
        let change = |there: Option<&[u8]>| Ok((there != Some(b"new")).then(|| b"new".to_vec()));
        client.amend(target, media_type::INDEX, change).unwrap();
    });
}
