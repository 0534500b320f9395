//! Pushing to docker-registry, with and without a registry or a network that misbehaves: what was acknowledged is there,
//! byte by byte, and nothing is sent that is there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use xtask_files::error::Result;
use xtask_oci::Digest;
use xtask_oci::document::{Descriptor, media_type};
use xtask_registry::Reference;
use xtask_registry::client::Client;
use xtask_registry::http::Http;
use xtask_registry::push::{OutgoingBlob, PushLimits, PushedBlob};
use xtask_test_support::registry::{RegistryServer, Settings};

use crate::image::noise;
use crate::network::{Act, Between, Seen};
use crate::support::Machine;

/// Chunks so small that a small blob has many, and no long pauses.
const QUICK: PushLimits = PushLimits { chunk: 10_000, pause: Duration::from_millis(1), troubles: 8 };

struct Outgoing {
    file: PathBuf,
    blob: Descriptor,
    sent: Arc<AtomicU64>,
}

impl Outgoing {
    fn new(dir: &Path, name: &str, bytes: &[u8]) -> Self {
        let file = dir.join(name);
        std::fs::write(&file, bytes).unwrap();
        let blob = Descriptor::new(media_type::LAYER, Digest::of(bytes), bytes.len() as u64);
        Self { file, blob, sent: Arc::default() }
    }

    fn push(&self, machine: &Machine, to: &str, elsewhere: &[String]) -> Result<PushedBlob> {
        let http = Http::new(&machine.host, &machine.ui)?;
        let target = Reference::parse(to)?;
        let client = Client::new(&http, target.registry(), &machine.host);
        let sent = Arc::clone(&self.sent);
        let out = OutgoingBlob {
            blob: &self.blob,
            file: &self.file,
            elsewhere,
            sent: Arc::new(move |bytes| {
                sent.fetch_add(bytes, Ordering::Relaxed);
            }),
        };
        client.push_blob(&target, &out, &QUICK)
    }

    /// Holds the bytes that the registry keeps against ours.
    fn is_in(&self, server: &RegistryServer) {
        let stored = std::fs::read(server.stored(self.blob.digest.hex())).unwrap();
        assert_eq!(Digest::of(&stored), self.blob.digest);
    }
}

fn methods(front: &Between) -> Vec<String> {
    front.lines().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn a_blob_is_sent_once_and_then_found_or_mounted() {
    let Some(server) = RegistryServer::start("a_blob_is_sent_once_and_then_found_or_mounted") else { return };
    let machine = Machine::new();
    for (name, size, requests) in [
        ("small", 9_000, vec!["HEAD", "POST", "PUT"]),
        ("empty", 0, vec!["HEAD", "POST", "PUT"]),
        ("exact", 10_000, vec!["HEAD", "POST", "PUT"]),
        ("large", 35_000, vec!["HEAD", "POST", "PATCH", "PATCH", "PATCH", "PATCH", "PUT"]),
    ] {
        let front = Between::passing(&server.at);
        let (one, two) = (format!("{}/one", front.at), format!("{}/two", front.at));
        let out = Outgoing::new(server.dir(), name, &noise(size));
        assert_eq!(out.push(&machine, &one, &[]).unwrap(), PushedBlob::Sent);
        assert_eq!(methods(&front), requests, "{name}");
        assert_eq!(out.sent.load(Ordering::Relaxed), size as u64);
        out.is_in(&server);
        assert_eq!(out.push(&machine, &one, &[]).unwrap(), PushedBlob::Present);
        assert_eq!(methods(&front)[requests.len()..], ["HEAD"]);
        let mounted = out.push(&machine, &two, &["two".into(), "one".into()]).unwrap();
        assert_eq!(mounted, PushedBlob::Mounted("one".into()));
        // A repository that does not have it begins an upload in its place.
        let three = format!("{}/three", front.at);
        assert_eq!(out.push(&machine, &three, &["nowhere".into()]).unwrap(), PushedBlob::Sent);
        assert_eq!(out.sent.load(Ordering::Relaxed), 2 * size as u64);
    }
}

/// What is done to a request, by a number that is as good as random.
fn fault(number: u64, seen: &Seen) -> Act {
    match number % 11 {
        0 => Act::Answer("429 Too Many Requests\r\nRetry-After: 0".into()),
        1 => Act::Answer("500 Internal Server Error".into()),
        2 => Act::Answer("503 Service Unavailable".into()),
        3 => Act::Cut(0),
        4 => Act::Cut(20),
        5 => Act::Break(0),
        6 => Act::Break(4_321),
        7 if seen.line.starts_with("PATCH") => Act::Answer("416 Requested Range Not Satisfiable".into()),
        8 if seen.line.starts_with("PATCH") => Act::Answer("404 Not Found".into()),
        _ => Act::Pass,
    }
}

#[test]
fn every_kind_of_trouble_is_waited_out() {
    let Some(server) = RegistryServer::start("every_kind_of_trouble_is_waited_out") else { return };
    let machine = Machine::new();
    let (mut resumed, mut requests) = (0, 0);
    for round in 0..25_u64 {
        // Each third request or so is in trouble, in another order in every round.
        let trouble = move |seen: &Seen, before: usize| {
            let number = (round * 1_000 + before as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            if number.is_multiple_of(3) { fault(number / 3, seen) } else { Act::Pass }
        };
        let front = Between::start(&server.at, trouble);
        let mut bytes = noise(45_000);
        bytes[..8].copy_from_slice(&round.to_le_bytes());
        let out = Outgoing::new(server.dir(), &format!("blob{round}"), &bytes);
        match out.push(&machine, &format!("{}/made", front.at), &[]) {
            Ok(PushedBlob::Sent | PushedBlob::Present) => {}
            Ok(mounted) => panic!("{mounted:?}"),
            // Too much of it in a row is an error, and the next run without trouble goes on.
            Err(error) => {
                assert!(error.to_string().contains("tries"), "{error}");
                out.push(&machine, &server.name("made"), &[]).unwrap();
            }
        }
        out.is_in(&server);
        resumed += front.lines().iter().filter(|line| line.starts_with("GET")).count();
        requests += front.lines().len();
    }
    // Otherwise nothing was shown.
    assert!(resumed > 20 && requests > 150, "{resumed} of {requests} requests asked how far an upload is");
}

/// A registry with one upload, which tells how far it is, as the specification has it. docker-registry does so only until
/// an answer is lost: the address that it gave then no longer fits.
struct OneUpload {
    at: String,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl OneUpload {
    /// `breaks` says of the n-th PATCH how many of its bytes are taken before the connection breaks; none where all are.
    fn start(breaks: fn(usize) -> Option<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let taken: Arc<Mutex<Vec<u8>>> = Arc::default();
        let bytes = Arc::clone(&taken);
        std::thread::spawn(move || {
            let (mut patches, mut whole) = (0, false);
            for client in listener.incoming() {
                let mut client = client.unwrap();
                let mut reader = BufReader::new(client.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                reader.read_line(&mut line).unwrap();
                let mut header = String::new();
                while reader.read_line(&mut header).unwrap_or(0) > 2 {
                    if let Some(text) = header.to_lowercase().strip_prefix("content-length:") {
                        length = text.trim().parse().unwrap();
                    }
                    header.clear();
                }
                let broken = (line.starts_with("PATCH")).then(|| breaks(patches)).flatten();
                patches += usize::from(line.starts_with("PATCH"));
                let mut all = bytes.lock().unwrap();
                let before = all.len();
                reader.take(broken.unwrap_or(length) as u64).read_to_end(&mut all).unwrap();
                if broken.is_some() {
                    continue;
                }
                whole |= line.starts_with("PUT");
                let status = match line.split(' ').next().unwrap() {
                    "HEAD" if whole => "200 OK",
                    "HEAD" => "404 Not Found",
                    "GET" => "204 No Content",
                    "PUT" => "201 Created",
                    _ => "202 Accepted",
                };
                assert!(line.starts_with("P") || all.len() == before);
                let range = all.len().saturating_sub(1);
                let answer = format!(
                    "HTTP/1.1 {status}\r\nLocation: /upload\r\nRange: 0-{range}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                client.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { at, taken }
    }
}

#[test]
fn a_transfer_goes_on_where_the_registry_stands() {
    let dir = tempfile::tempdir().unwrap();
    for breaks in
        [|n| (n == 3).then_some(10_000), |n| (n == 3).then_some(1_234), |n| (n % 2 == 0).then_some(5_000)]
    {
        let server = OneUpload::start(breaks);
        let out = Outgoing::new(dir.path(), "blob", &noise(100_000));
        out.push(&Machine::new(), &format!("{}/made", server.at), &[]).unwrap();
        assert_eq!(Digest::of(&server.taken.lock().unwrap()), out.blob.digest);
    }
}

#[test]
fn chunks_shrink_where_a_registry_takes_no_large_ones() {
    let Some(server) = RegistryServer::start("chunks_shrink_where_a_registry_takes_no_large_ones") else {
        return;
    };
    let limit = 5 << 20;
    let small = move |seen: &Seen, _: usize| match seen.header("content-length") {
        Some(length) if length.parse::<u64>().unwrap() > limit => {
            Act::Answer("416 Requested Range Not Satisfiable".into())
        }
        _ => Act::Pass,
    };
    let front = Between::start(&server.at, small);
    let machine = Machine::new();
    let http = Http::new(&machine.host, &machine.ui).unwrap();
    let target = Reference::parse(&format!("{}/made", front.at)).unwrap();
    let client = Client::new(&http, target.registry(), &machine.host);
    let out = Outgoing::new(server.dir(), "blob", &noise(33 << 20));
    let outgoing = OutgoingBlob { blob: &out.blob, file: &out.file, elsewhere: &[], sent: Arc::new(|_| {}) };
    let limits = PushLimits { chunk: 16 << 20, ..QUICK };
    client.push_blob(&target, &outgoing, &limits).unwrap();
    out.is_in(&server);
}

#[test]
fn who_may_not_push_is_told_what_was_asked() {
    let test = "who_may_not_push_is_told_what_was_asked";
    let Some(server) = RegistryServer::start_with(test, Settings { password: true, ..Settings::default() })
    else {
        return;
    };
    let out = Outgoing::new(server.dir(), "blob", b"bytes");
    let text = out.push(&Machine::new(), &server.name("made"), &[]).unwrap_err().to_string();
    assert!(text.contains("docker login"), "{text}");
    let denies = Between::start(&server.at, |_, _| Act::Answer("403 Forbidden".into()));
    let text = out.push(&Machine::new(), &format!("{}/made", denies.at), &[]).unwrap_err().to_string();
    assert!(
        text.contains("403 Forbidden") && text.contains("asked for: repository:made:pull,push"),
        "{text}"
    );
}

#[test]
fn no_password_goes_to_the_place_where_uploads_are_taken() {
    let test = "no_password_goes_to_the_place_where_uploads_are_taken";
    let Some(guarded) = RegistryServer::start_with(test, Settings { password: true, ..Settings::default() })
    else {
        return;
    };
    let elsewhere = Between::start("127.0.0.1:1", |_, _| Act::Answer("201 Created".into()));
    let to = elsewhere.at.clone();
    let front = Between::start(&guarded.at, move |seen, _| {
        match seen.line.starts_with("POST") && seen.header("authorization").is_some() {
            true => Act::Answer(format!("202 Accepted\r\nLocation: http://{to}/upload?signature=s3cret")),
            false => Act::Pass,
        }
    });
    let auth = format!(r#"{{"auths": {{"{}": {{"auth": "cmVhZGVyOm9wZW4gc2VzYW1l"}}}}}}"#, front.at);
    std::fs::write(guarded.dir().join("config.json"), auth).unwrap();
    let machine = Machine::with(&[("DOCKER_CONFIG", guarded.dir())]);
    let out = Outgoing::new(guarded.dir(), "blob", b"bytes");
    out.push(&machine, &format!("{}/made", front.at), &[]).unwrap();
    assert_eq!(elsewhere.lines().len(), 1);
    assert!(elsewhere.lines()[0].starts_with("PUT /upload?signature=s3cret&digest=sha256%3A"));
    assert!(elsewhere.seen().iter().all(|seen| seen.header("authorization").is_none()));
}

#[test]
fn manifests_are_put_and_found() {
    let Some(server) = RegistryServer::start("manifests_are_put_and_found") else { return };
    let machine = Machine::new();
    let http = Http::new(&machine.host, &machine.ui).unwrap();
    let target = Reference::parse(&server.name("made:1")).unwrap();
    let client = Client::new(&http, target.registry(), &machine.host);
    assert_eq!(client.remote(&target).unwrap(), None);
    let config = Outgoing::new(server.dir(), "config", b"{}");
    config.push(&machine, &server.name("made"), &[]).unwrap();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{}","size":2}},"layers":[]}}"#,
        media_type::MANIFEST,
        media_type::CONFIG,
        config.blob.digest
    );
    let digest = Digest::of(manifest.as_bytes());
    client
        .push_manifest(&target.at(digest.clone()), media_type::MANIFEST, manifest.as_bytes(), || Ok(()))
        .unwrap();
    assert_eq!(client.remote(&target).unwrap(), None, "by digest, no tag was moved");
    client.push_manifest(&target, media_type::MANIFEST, manifest.as_bytes(), || Ok(())).unwrap();
    let found = client.remote(&target).unwrap().unwrap();
    assert_eq!((found.digest, found.media_type.as_deref()), (digest, Some(media_type::MANIFEST)));
    assert_eq!(client.manifest(&target).unwrap(), manifest.as_bytes());
    // One whose blobs are not there is refused, with the registry's words.
    let lacking = manifest.replace(config.blob.digest.as_str(), Digest::of(b"other").as_str());
    let error = client
        .push_manifest(&target, media_type::MANIFEST, lacking.as_bytes(), || Ok(()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("400 Bad Request") && error.contains("BLOB_UNKNOWN"), "{error}");
}
