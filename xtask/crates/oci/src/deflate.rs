//! One call of the encoder, for gzip and zlib alike. Bytes in, bytes out.

use std::io;

use zlib_rs::{Deflate, DeflateFlush};

/// Compresses all of `input` with a new encoder, and flushes it in the given way.
///
/// # Errors
/// The encoder fails.
pub(super) fn deflated(mut deflate: Deflate, input: &[u8], flush: DeflateFlush) -> io::Result<Vec<u8>> {
    // Deflate grows its input only by 5 bytes for each stored block; the header and the checksum of zlib have 6. The loop
    // is a precaution.
    let mut output = vec![0; input.len() + input.len() / 1000 + 128];
    loop {
        let (read, written) = (deflate.total_in() as usize, deflate.total_out() as usize);
        deflate
            .compress(&input[read..], &mut output[written..], flush)
            .map_err(|e| io::Error::other(e.as_str()))?;
        let written = deflate.total_out() as usize;
        // If there is room left, all input was read and flushed.
        if written < output.len() {
            output.truncate(written);
            return Ok(output);
        }
        output.resize(written + (64 << 10), 0);
    }
}
