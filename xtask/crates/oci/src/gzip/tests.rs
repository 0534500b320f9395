use std::io::Read;
use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;

fn pool(threads: usize) -> ThreadPool {
    ThreadPool::new(NonZeroUsize::new(threads).unwrap()).unwrap()
}

/// Compresses with writes of at most `piece` bytes.
fn packed(pool: &ThreadPool, data: &[u8], piece: usize) -> Vec<u8> {
    let mut gzip = Gzip::new(pool, Vec::new()).unwrap();
    for part in data.chunks(piece.max(1)) {
        gzip.write_all(part).unwrap();
        gzip.flush().unwrap();
    }
    gzip.finish().unwrap()
}

/// Reads the only member with an independent decoder; nothing may follow it.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    let mut data = Vec::new();
    decoder.read_to_end(&mut data).unwrap();
    assert!(decoder.into_inner().is_empty(), "one member and no more");
    data
}

/// Returns bytes that compress well, badly, and across block boundaries.
fn sample(size: usize) -> Vec<u8> {
    let mut state = 1u32;
    (0..size)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if at / 10_000 % 3 == 0 { (state >> 24) as u8 } else { (at / 7 % 251) as u8 }
        })
        .collect()
}

#[test]
fn sizes_around_block_borders_round_trip() {
    let pool = pool(2);
    let data = sample(3 * BLOCK + 1);
    for size in [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK, 3 * BLOCK + 1] {
        let bytes = packed(&pool, &data[..size], usize::MAX);
        assert_eq!(&bytes[..10], HEADER);
        assert!(unpacked(&bytes) == data[..size], "{size} bytes");
    }
}

#[test]
fn the_bytes_depend_neither_on_threads_nor_on_the_pieces() {
    let data = sample(5 * BLOCK + 77);
    let alone = packed(&pool(1), &data, usize::MAX);
    for threads in [2, 3, 8] {
        let (pool, data) = (&pool(threads), &data);
        // Streams run in parallel on one pool, so that a thread gets blocks of different streams in turn.
        let results: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let streams: Vec<_> = [1000, 4096, BLOCK, usize::MAX]
                .map(|piece| scope.spawn(move || packed(pool, data, piece)))
                .into();
            streams.into_iter().map(|stream| stream.join().unwrap()).collect()
        });
        assert!(results.iter().all(|bytes| *bytes == alone), "{threads} threads");
    }
}

/// The input is machine code, of which this test itself has enough. Artificial data did not reveal that a
/// compressor with a reused state gives other bytes.
#[test]
fn a_real_program_is_the_same_bytes_every_time() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let program = &program[..program.len().min(12 << 20)];
    let alone = packed(&pool(1), program, usize::MAX);
    assert!(unpacked(&alone) == program);
    for threads in [2, 3, 5] {
        assert!(packed(&pool(threads), program, usize::MAX) == alone, "{threads} threads");
    }
    // The earlier work of a thread has no effect either.
    let pool = pool(1);
    packed(&pool, &sample(BLOCK), usize::MAX);
    assert!(packed(&pool, program, usize::MAX) == alone);
}

#[test]
fn noise_does_not_grow_much() {
    let mut state = 7u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(2 * BLOCK)
    .collect();
    let bytes = packed(&pool(2), &noise, usize::MAX);
    assert!(bytes.len() < noise.len() + noise.len() / 500, "{}", bytes.len());
    assert!(unpacked(&bytes) == noise);
}

#[test]
fn a_writer_that_fails_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() == HEADER.len() { Ok(bytes.len()) } else { Err(io::ErrorKind::StorageFull.into()) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let pool = pool(2);
    let mut gzip = Gzip::new(&pool, Full).unwrap();
    let result = gzip.write_all(&sample(20 * BLOCK));
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn the_encoder_is_the_one_that_is_pinned() {
    let manifest = include_str!("../../../../../Cargo.toml");
    let version = ENCODER.split([' ', ',']).nth(1).unwrap();
    assert!(manifest.contains(&format!("zlib-rs = {{ version = \"={version}\"")));
    assert!(ENCODER.contains(&format!("level {LEVEL}, blocks of {} KiB", BLOCK >> 10)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn round_trips(
        seeds in proptest::collection::vec((any::<u8>(), 1..60_000usize), 0..12),
        piece in 1..200_000usize,
    ) {
        let data: Vec<u8> = seeds
            .iter()
            .flat_map(|(seed, length)| (0..*length).map(move |at| seed.wrapping_add((at * at / 97) as u8)))
            .collect();
        prop_assert!(unpacked(&packed(&pool(2), &data, piece)) == data);
    }
}
