//! Uses a bit of everything in std that could go wrong when a std is built or linked in an unusual way.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::time::{Duration, Instant, SystemTime};

fn main() {
    let thread = std::thread::spawn(|| {
        let mut map = HashMap::new();
        map.insert("a", 41);
        map["a"] + 1
    });
    assert_eq!(thread.join().unwrap(), 42);

    std::panic::set_hook(Box::new(|_| ()));
    let caught = std::panic::catch_unwind(|| {
        let none: Vec<i32> = Vec::new();
        none[std::env::args().count()]
    });
    assert!(caught.is_err());

    let backtrace = std::backtrace::Backtrace::force_capture().to_string();
    assert!(backtrace.contains("main"), "{backtrace}");

    let path = std::env::temp_dir().join(format!("std-build-test-{}", std::process::id()));
    std::fs::File::create(&path).unwrap().write_all(b"hello").unwrap();
    let mut text = String::new();
    std::fs::File::open(&path).unwrap().read_to_string(&mut text).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(text, "hello");

    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(2));
    assert!(begun.elapsed() >= Duration::from_millis(2) && SystemTime::now() > SystemTime::UNIX_EPOCH);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();

    let seven = std::hint::black_box(7);
    let root = std::hint::black_box(2.0_f64).powf(0.5);
    println!(
        "{} {} {:.3} {}",
        std::env::consts::ARCH,
        u128::MAX / seven,
        root,
        std::env::var("STD_BUILD_TEST").unwrap_or_default()
    );
}
