use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;
use crate::Digest;
use crate::decompress::decompress;

fn pool(threads: usize) -> ThreadPool {
    ThreadPool::new(NonZeroUsize::new(threads).unwrap()).unwrap()
}

/// Compresses with writes of at most `piece` bytes.
fn packed(pool: &ThreadPool, data: &[u8], piece: usize) -> Vec<u8> {
    let mut zstd = Zstd::new(pool, Vec::new());
    for part in data.chunks(piece.max(1)) {
        zstd.write_all(part).unwrap();
        zstd.flush().unwrap();
    }
    zstd.finish().unwrap()
}

/// Reads all frames, in the same way as layers of other people.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    decompress(bytes, &mut data, |_| Ok(())).unwrap();
    data
}

/// Returns bytes that compress well, badly, and across the boundaries of blocks and frames.
fn sample(size: usize) -> Vec<u8> {
    let mut state = 1u32;
    (0..size)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if at / 10_000 % 3 == 0 { (state >> 24) as u8 } else { (at / 7 % 23) as u8 }
        })
        .collect()
}

#[test]
fn sizes_around_the_borders_of_frames_round_trip() {
    let pool = pool(2);
    let data = sample(2 * FRAME + 1);
    for size in [0, 1, 2, (128 << 10) + 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 1] {
        let bytes = packed(&pool, &data[..size], usize::MAX);
        assert_eq!(bytes[..4], [0x28, 0xb5, 0x2f, 0xfd], "{size} bytes: a frame's magic number");
        assert!(unpacked(&bytes) == data[..size], "{size} bytes");
    }
}

#[test]
fn the_bytes_depend_neither_on_threads_nor_on_the_pieces() {
    let data = sample(3 * FRAME + 77);
    let alone = packed(&pool(1), &data, usize::MAX);
    for (threads, piece) in [(2, 100_000), (3, 4096), (8, FRAME - 1)] {
        assert!(packed(&pool(threads), &data, piece) == alone, "{threads} threads");
    }
    // The digest of the bytes. A change here changes every zstd layer that users have.
    let digest = "sha256:d35b72ecac32b7b8c83497839f5c008e5dfeafd4b09a1cd2dfb20a2f40b8d63a";
    assert_eq!(Digest::of(&alone).as_str(), digest, "{} bytes", alone.len());
}

#[test]
fn the_version_is_the_pinned_one() {
    let manifest = include_str!("../../../../../Cargo.toml");
    let version = ENCODER.split([' ', ',']).nth(1).unwrap();
    assert!(manifest.contains(&format!("zrip-encode = {{ version = \"={version}\"")), "{version}");
}

/// The input is this test's own program.
#[test]
fn programs_are_searched_densely() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let program = &program[..FRAME];
    let level = zrip_encode::compress(program, LEVEL).unwrap();
    let dense = packed(&pool(1), program, usize::MAX);
    assert!(dense.len() < level.len() / 100 * 99, "{} and {} bytes", dense.len(), level.len());
}

#[test]
fn a_frame_that_lies_is_seen() {
    let data = sample(300_000);
    let frame = zrip_encode::compress(&data, LEVEL).unwrap();
    assert!(reads_as(&frame, &data).unwrap());
    let mut other = data.clone();
    other[299_999] ^= 1;
    assert!(!reads_as(&frame, &other).unwrap());
    assert!(!reads_as(&frame, &data[..299_999]).unwrap());
    other.push(0);
    assert!(!reads_as(&frame, &other).unwrap());
    assert!(reads_as(&frame[..frame.len() / 2], &data).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_in_comes_out(
        parts in prop::collection::vec((any::<u8>(), 1..40_000_usize, any::<bool>()), 0..12),
        piece in 1..100_000_usize,
    ) {
        let data: Vec<u8> = parts
            .iter()
            .flat_map(|(byte, count, same)| {
                let noise = sample(*count);
                (0..*count).map(move |at| if *same { *byte } else { noise[at].wrapping_add(*byte) })
            })
            .collect();
        let bytes = packed(&pool(2), &data, piece);
        prop_assert!(unpacked(&bytes) == data);
    }
}
