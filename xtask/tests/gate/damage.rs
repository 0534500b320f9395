//! Programs that were cut off or altered: an error or other facts, but never a panic, and never slow.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use xtask_gate::Facts;
use xtask_test_support::process::starts;
use xtask_test_support::skip::skipped;

use crate::programs::{Bench, THREADS};

fn program(test: &str) -> Option<Vec<u8>> {
    if !starts("gcc") {
        skipped(test, "gcc");
        return None;
    }
    let bench = Bench::new();
    let path =
        bench.compile(&["gcc"], &["-pthread", "-rdynamic", "-Wl,--hash-style=both"], THREADS, "threads");
    Some(std::fs::read(path).unwrap())
}

#[test]
fn every_shorter_length_is_an_error() {
    let Some(bytes) = program("every_shorter_length_is_an_error") else { return };
    assert!(Facts::parse("whole", &bytes).is_ok());
    for len in 0..bytes.len() {
        let by_memory =
            Facts::parse("cut", &bytes[..len]).expect_err(&format!("cut to {len} of {}", bytes.len()));
        assert!(len == 0 || by_memory.what.contains("damaged or cut off"), "{len}: {by_memory}");
        // The stream is what files are read by; a sample of lengths tells that both see the same.
        if len % 97 == 0 {
            assert_eq!(Facts::stream("cut", Cursor::new(&bytes[..len])).unwrap_err(), by_memory, "{len}");
        }
    }
}

#[test]
fn a_section_or_segment_beyond_the_end_is_an_error() {
    let test = "a_section_or_segment_beyond_the_end_is_an_error";
    if !cfg!(all(target_pointer_width = "64", target_endian = "little")) {
        return skipped(test, "a 64-bit little-endian host");
    }
    let Some(bytes) = program(test) else { return };
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let half = |at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    let with_size = |at: usize| {
        let mut altered = bytes.clone();
        altered[at..at + 8].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        Facts::parse("altered", &altered).map_err(|e| e.what)
    };
    // Section headers have 64 bytes: the type at 4 (0 is none, 8 has no bytes in the file), the size at 32.
    let sections = (0..half(0x3c)).map(|i| word(0x28) + 64 * i).filter(|at| !matches!(bytes[at + 4], 0 | 8));
    let seen = sections.map(|at| with_size(at + 32).unwrap_err()).collect::<Vec<_>>();
    assert!(
        seen.len() > 10 && seen.iter().all(|e| e.contains("section ") && e.contains("reaches beyond")),
        "{seen:?}"
    );
    // Program headers have 56 bytes: the type at 0 (1 is loaded), the offset at 8, the size in the file at 32.
    let loads = (0..half(0x38)).map(|i| word(0x20) + 56 * i).filter(|at| bytes[*at] == 1 && word(at + 8) > 0);
    let seen = loads.map(|at| with_size(at + 32).unwrap_err()).collect::<Vec<_>>();
    assert!(
        seen.len() > 1 && seen.iter().all(|e| e.contains("segment ") && e.contains("reaches beyond")),
        "{seen:?}"
    );
}

#[test]
fn every_single_byte_may_be_anything() {
    let Some(mut bytes) = program("every_single_byte_may_be_anything") else { return };
    let begun = Instant::now();
    let mut errors = 0;
    for at in 0..bytes.len() {
        let was = bytes[at];
        for now in [!was, was ^ 1, was ^ 0x80, 0, 0xff] {
            bytes[at] = now;
            errors += usize::from(Facts::parse("flipped", &bytes).is_err());
        }
        bytes[at] = was;
    }
    assert!(errors > 100, "only {errors} alterations were noticed");
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}

#[test]
fn several_bytes_may_be_anything() {
    let Some(bytes) = program("several_bytes_may_be_anything") else { return };
    // Most alterations should hit what is read: the headers, and the tables that lie in the first pages.
    let near = (0..0x1000usize, any::<u8>());
    let config = ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() };
    let strategy = (proptest::collection::vec(near, 1..12), 64..bytes.len() + 1);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&strategy, |(changes, len)| {
            let mut altered = bytes[..len].to_vec();
            for (at, value) in changes {
                if let Some(byte) = altered.get_mut(at) {
                    *byte = value;
                }
            }
            let first = Facts::parse("altered", &altered);
            prop_assert_eq!(&first, &Facts::stream("altered", Cursor::new(&altered)));
            if let Err(error) = first {
                prop_assert!(error.what.starts_with("altered "));
            }
            Ok(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn junk_after_a_mark_is_no_program(class in 0u8..4, data in 0u8..4, junk in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', class, data, 1];
        bytes.extend(junk);
        prop_assert!(Facts::parse("junk", &bytes).is_err());
    }
}

/// Counts what is read.
struct Meter<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for &mut Meter<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.read += n as u64;
        Ok(n)
    }
}

impl<R: Seek> Seek for &mut Meter<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

#[test]
fn a_hundred_megabytes_are_not_read() {
    let Some(bytes) = program("a_hundred_megabytes_are_not_read") else { return };
    let bench = Bench::new();
    let path = bench.file("huge", &bytes);
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    file.set_len(100 << 20).unwrap();
    let mut meter = Meter { inner: file, read: 0 };
    let facts = Facts::stream("huge", &mut meter).unwrap();
    assert_eq!(facts, Facts::parse("small", &bytes).unwrap());
    assert!(meter.read < 64 << 10, "{} bytes were read", meter.read);
}
