//! zlib streams (RFC 1950) of small texts. Bytes in, bytes out: equal input gives equal output on every machine.

use std::io;

use zlib_rs::{Deflate, DeflateFlush};

use super::deflate::deflated;

/// The best that the encoder has: what is compressed here has some kilobytes.
const LEVEL: i32 = 9;

/// The size of the window, as a power of two: 32 KiB, the largest of the format.
const WINDOW_BITS: u8 = 15;

/// Compresses `input` as one zlib stream.
///
/// # Errors
/// The encoder fails.
pub fn compress(input: &[u8]) -> io::Result<Vec<u8>> {
    deflated(Deflate::new(LEVEL, true, WINDOW_BITS), input, DeflateFlush::Finish)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn another_reader_gets_the_same_bytes() {
        let text = "{\"name\":\"package\",\"version\":\"1.0.0\"},".repeat(2000);
        let mut noise = 1_u32;
        let noise: Vec<u8> = (0..300_000)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .collect();
        for input in [b"".as_slice(), b"x", text.as_bytes(), &noise] {
            let stream = compress(input).unwrap();
            let mut back = Vec::new();
            flate2::read::ZlibDecoder::new(&stream[..]).read_to_end(&mut back).unwrap();
            assert!(back == input, "{} bytes", input.len());
            assert_eq!(stream, compress(input).unwrap());
        }
        assert!(compress(text.as_bytes()).unwrap().len() < text.len() / 50);
    }
}
