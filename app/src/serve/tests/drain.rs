//! The end of the service.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Running, wait_until};
use crate::serve::ServeEnd;

#[test]
fn draining_answers_what_has_begun() {
    let mut service = Running::new("--threads 1 --drain-timeout 15");
    let (release, held) = service.hold();
    let (mut idle, mut waiting, mut half) = (service.client(), service.client(), service.client());
    let mut ready = service.client();
    assert_eq!(idle.ask("GET", "/readyz", b"").status, 200);
    ready.send("GET /readyz HTTP/1.1\r\n");
    waiting.send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n[1,2]");
    half.send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n[1");
    wait_until(|| service.service.pool.load().waiting == 1);
    service.begin_to_drain();
    assert_eq!(idle.answer(), None, "who asked for nothing is let go");
    wait_until(|| TcpStream::connect(service.address).is_err());
    ready.send("Host: a\r\n\r\n");
    let answer = ready.answer().unwrap();
    assert!(answer.status == 503 && answer.text() == "draining\n" && answer.closes());
    half.send(",4]");
    drop(release);
    held.wait().unwrap();
    for (client, sum) in [(&mut waiting, 3), (&mut half, 5)] {
        let answer = client.answer().unwrap();
        assert_eq!(answer.json()["sum"], sum);
        assert!(answer.closes());
        assert_eq!(client.answer(), None);
    }
    assert_eq!(service.end(), Some(ServeEnd::Drained));
}

#[test]
fn draining_has_an_end() {
    let mut service = Running::new("--threads 1 --drain-timeout 0.3");
    let mut half = service.client();
    half.send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n[1");
    wait_until(|| service.service.connections.open() == 1);
    let begin = Instant::now();
    assert_eq!(service.end(), Some(ServeEnd::Cut { connections: 1, calls: 0 }));
    assert!(begin.elapsed() < Duration::from_secs(5));
    closes(service);
}

/// What was sent before the drain began is answered, read or not.
#[test]
fn what_was_sent_before_is_answered() {
    for _ in 0..20 {
        let mut service = Running::new("");
        let mut clients: Vec<_> = (0..8).map(|_| service.client()).collect();
        for client in &mut clients {
            // Known to the service, and idle.
            assert_eq!(client.ask("GET", "/healthz", b"").status, 200);
        }
        for client in &mut clients {
            client.send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n[1,2]");
        }
        service.begin_to_drain();
        for client in &mut clients {
            assert_eq!(client.answer().expect("it was sent before").json()["sum"], 3);
        }
        assert_eq!(service.end(), Some(ServeEnd::Drained));
    }
}

/// A call that nobody waits for any more is waited for, but not for ever.
#[test]
fn calls_that_were_given_up_are_waited_for() {
    let mut service = Running::new("--threads 1 --drain-timeout 15");
    let (release, held) = service.hold();
    service.begin_to_drain();
    std::thread::sleep(Duration::from_millis(50));
    assert!(!service.thread.as_ref().unwrap().is_finished());
    drop(release);
    held.wait().unwrap();
    assert_eq!(service.end(), Some(ServeEnd::Drained));
    let mut service = Running::new("--threads 1 --drain-timeout 0.1");
    let (release, _held) = service.hold();
    assert_eq!(service.end(), Some(ServeEnd::Cut { connections: 0, calls: 1 }));
    drop(release);
    closes(service);
}

/// Nothing of a service outlives what it has left, also where it was cut.
fn closes(service: Running) {
    let rest = Arc::downgrade(&service.service);
    drop(service);
    assert_eq!(rest.strong_count(), 0);
}
