//! Clients that take their time.

use std::io::Write;
use std::time::{Duration, Instant};

use super::{Running, wait_until};

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
