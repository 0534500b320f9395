//! More than fits: calls, connections, clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Running, wait_until};
use crate::serve::service::ServiceResponse;
use crate::store::COMPILED;

#[test]
fn a_full_pool_refuses_or_lets_wait() {
    let service = Running::new("--threads 1 --queue 0 --on-full refuse");
    let (release, held) = service.hold();
    for _ in 0..3 {
        let answer = service.ask("POST", "/v1/sum", b"[1]");
        assert_eq!((answer.status, answer.text()), (503, "the pool is full\n"));
        assert_eq!(answer.field("retry-after"), Some("1"));
    }
    assert_eq!(service.ask("GET", "/healthz", b"").status, 200, "what needs no C is answered all the same");
    assert!(service.ask("GET", "/metrics", b"").text().contains("\napp_pool_refused_total 3\n"));
    drop(release);
    held.wait().unwrap();
    wait_until(|| service.service.pool.load().running == 0);
    assert_eq!(service.ask("POST", "/v1/sum", b"[1]").status, 200);

    let service = Running::new("--threads 1 --queue 0 --on-full wait");
    let (release, held) = service.hold();
    let mut waiting: Vec<_> = (0..8).map(|_| service.client()).collect();
    for client in &mut waiting {
        client.send("POST /v1/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n[1,2]");
    }
    waiting[0].stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(waiting[0].stream.peek(&mut [0]).is_err(), "it was answered past the bound");
    waiting[0].stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    drop(release);
    held.wait().unwrap();
    for client in &mut waiting {
        assert_eq!(client.answer().unwrap().json()["sum"], 3);
    }
}

/// A call that takes too long is given up, and never begins where it still waited. Its client may come again.
#[test]
fn a_call_that_takes_too_long_is_given_up() {
    for full in ["wait --queue 0", "wait --queue 1", "refuse --queue 1"] {
        let service = Running::new(&format!("--threads 1 --on-full {full} --call-timeout 0.2"));
        let (release, held) = service.hold();
        let began = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&began);
        let late = service.block_on(service.service.pooled(move || {
            begins.store(true, Ordering::SeqCst);
            ServiceResponse::done()
        }));
        assert_eq!(late, ServiceResponse::busy("the call did not end in time"));
        assert!(service.ask("GET", "/metrics", b"").text().contains("\napp_pool_late_total 1\n"));
        drop(release);
        held.wait().unwrap();
        wait_until(|| service.service.pool.load().running == 0);
        assert!(!began.load(Ordering::SeqCst), "it ran for nobody");
        assert_eq!(service.ask("POST", "/v1/sum", b"[1]").json()["sum"], 1);
    }
}

#[test]
fn a_panic_in_a_call_is_500_and_the_next_one_is_served() {
    let service = Running::new("--threads 1");
    assert_eq!(service.block_on(service.service.pooled(|| panic!("of the test"))).status, 500);
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
    assert_eq!(answer.field("retry-after"), Some("1"));
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
