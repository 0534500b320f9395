use std::io::Write;

use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

/// Returns the content of a blob and its compression, or the error.
fn unpacked(blob: &[u8]) -> io::Result<(CompressionFormat, Vec<u8>)> {
    let mut out = Vec::new();
    let (kind, size) = decompress(blob, &mut out, |_| Ok(()))?;
    assert_eq!(size, out.len() as u64);
    Ok((kind, out))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn sample(size: usize) -> Vec<u8> {
    (0..size as u32)
        .map(|at| if at % 7 == 0 { (at.wrapping_mul(2_654_435_761) >> 24) as u8 } else { (at / 99) as u8 })
        .collect()
}

const SKIPPED: &[u8] = &[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'a', b'b', b'c'];

#[test]
fn every_kind_is_told_by_its_beginning() {
    let data = sample(300_000);
    assert_eq!(unpacked(&data).unwrap(), (CompressionFormat::None, data.clone()));
    assert_eq!(unpacked(&gzip(&data)).unwrap(), (CompressionFormat::Gzip, data.clone()));
    assert_eq!(unpacked(&zstd(&data)).unwrap(), (CompressionFormat::Zstd, data));
    assert_eq!(unpacked(b"").unwrap(), (CompressionFormat::None, Vec::new()));
}

#[test]
fn members_and_frames_follow_each_other() {
    let data = sample(200_000);
    let (front, back) = data.split_at(70_001);
    assert_eq!(unpacked(&[gzip(front), gzip(back)].concat()).unwrap().1, data);
    let frames = [SKIPPED, &zstd(front), SKIPPED, &zstd(back), SKIPPED].concat();
    assert_eq!(unpacked(&frames).unwrap().1, data);
}

#[test]
fn what_is_cut_off_or_changed_is_an_error() {
    let data = sample(100_000);
    for whole in [gzip(&data), zstd(&data)] {
        for cut in [5, whole.len() / 2, whole.len() - 1] {
            let read = unpacked(&whole[..cut]);
            assert!(!read.is_ok_and(|(_, found)| found == data), "cut at {cut}");
        }
        assert!(unpacked(&[&whole[..], b"rubbish"].concat()).is_err(), "rubbish behind it");
    }
    assert!(unpacked(&SKIPPED[..9]).is_err());
}

#[test]
fn a_limit_ends_it_before_it_is_written() {
    let zeros = gzip(&vec![0; 10 << 20]);
    let mut out = Vec::new();
    let limit = |size| if size > 1 << 20 { Err(io::Error::other("too much")) } else { Ok(()) };
    let error = decompress(&zeros[..], &mut out, limit).unwrap_err();
    assert_eq!(error.to_string(), "too much");
    assert!(out.len() <= 1 << 20);
}

proptest! {
    #[test]
    fn any_bytes_are_unpacked_or_refused(kind in 0usize..3, mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let magic: &[u8] = [&[0x1f, 0x8b, 8, 0][..], &[0x28, 0xb5, 0x2f, 0xfd], &[]][kind];
        bytes.splice(0..0, magic.iter().copied());
        let _ = decompress(&bytes[..], &mut io::sink(), |size| {
            if size > 1 << 26 { Err(io::Error::other("enough")) } else { Ok(()) }
        });
    }

    #[test]
    fn what_is_damaged_is_unpacked_or_refused(at in 0usize..5000, with in any::<u8>(), fast in any::<bool>()) {
        let data = sample(30_000);
        let mut blob = if fast { zstd(&data) } else { gzip(&data) };
        let at = at % blob.len();
        blob[at] = with;
        let _ = decompress(&blob[..], &mut io::sink(), |size| {
            if size > 1 << 26 { Err(io::Error::other("enough")) } else { Ok(()) }
        });
    }
}
