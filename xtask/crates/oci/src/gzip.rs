//! gzip in blocks that are compressed side by side, as pigz does it: every block knows the 32 KiB before it and ends
//! at a byte border, so the file is one ordinary gzip member and its bytes do not depend on how many cores there were.
//! The format: RFC 1951 (deflate) and RFC 1952 (gzip).

use std::io::{self, Write};
use std::sync::Arc;

use zlib_rs::{Deflate, DeflateFlush};

use super::pool::Queue;

pub use super::pool::ThreadPool;

/// What decides the bytes beside the input: part of every key under which a compressed layer is remembered. The
/// version is the one that Cargo.toml pins; zlib-rs finds the same matches on every processor.
pub const ENCODER: &str = "zlib-rs 0.6.8, level 5, blocks of 128 KiB";

/// Level 5: on every program tried (Rust, Go, C; 5 to 16 MB) 2 to 5 % smaller than umoci's default. Level 6 costs 15 %
/// more time for 0.2 %, level 4 saves 10 % of the time and was once larger than umoci.
const LEVEL: i32 = 5;

/// 128 KiB: small enough to keep all cores busy to the end of a 13 MB program, within 0.1 % of the size that larger
/// blocks give.
const BLOCK: usize = 128 << 10;

/// The farthest that deflate looks back, in bytes (RFC 1951, 2).
const WINDOW: usize = 32 << 10;

/// No flags, no time, no hint, and "unknown" for the system (RFC 1952, 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A gzip stream that compresses on the threads of a pool and writes on the caller's.
#[derive(Debug)]
pub struct Gzip<'p, W> {
    queue: Queue<'p>,
    out: W,
    block: Vec<u8>,
    before: Option<Arc<Vec<u8>>>,
    crc: u32,
    size: u64,
}

impl<'p, W: Write> Gzip<'p, W> {
    /// Begins a gzip stream.
    ///
    /// # Errors
    /// Writing failed.
    pub fn new(pool: &'p ThreadPool, mut out: W) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        let block = Vec::with_capacity(BLOCK);
        // Enough to keep every thread at work while this one writes, and no more.
        let queue = Queue::new(pool, 2 * pool.threads());
        Ok(Self { queue, out, block, before: None, crc: 0, size: 0 })
    }

    /// Ends the stream and returns the writer below it.
    ///
    /// # Errors
    /// Compressing or writing failed.
    pub fn finish(mut self) -> io::Result<W> {
        self.submit(true)?;
        self.queue.finish(&mut self.out)?;
        self.out.write_all(&self.crc.to_le_bytes())?;
        // The size is kept modulo 2^32 (RFC 1952, ISIZE).
        self.out.write_all(&(self.size as u32).to_le_bytes())?;
        Ok(self.out)
    }

    fn submit(&mut self, last: bool) -> io::Result<()> {
        let block =
            Arc::new(std::mem::replace(&mut self.block, Vec::with_capacity(if last { 0 } else { BLOCK })));
        self.crc = zlib_rs::crc32::crc32(self.crc, &block);
        self.size += block.len() as u64;
        let (input, before) = (Arc::clone(&block), self.before.take());
        self.before = Some(block);
        self.queue.push(move || compress(&input, before.as_deref().map(Vec::as_slice), last), &mut self.out)
    }
}

impl<W: Write> Write for Gzip<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.submit(false)?;
        }
        Ok(taken)
    }

    /// Does nothing: where blocks end is fixed, or the bytes would depend on the caller's habits.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One block as raw deflate: whole bytes, and the end mark only in the last.
///
/// The state is made anew for every block. One that was reset remembers enough of the block before to find other
/// matches (zlib-rs issue 459, and still so in 0.6.8), and which block that was depends on the threads.
fn compress(input: &[u8], before: Option<&[u8]>, last: bool) -> io::Result<Vec<u8>> {
    let mut deflate = Deflate::new(LEVEL, false, 15);
    if let Some(before) = before {
        let tail = &before[before.len().saturating_sub(WINDOW)..];
        deflate.set_dictionary(tail).map_err(|e| io::Error::other(e.as_str()))?;
    }
    let flush = if last { DeflateFlush::Finish } else { DeflateFlush::SyncFlush };
    // Deflate grows nothing by more than 5 bytes for each stored block; the loop is for what nobody foresaw.
    let mut output = vec![0; input.len() + input.len() / 1000 + 128];
    loop {
        let (read, written) = (deflate.total_in() as usize, deflate.total_out() as usize);
        deflate
            .compress(&input[read..], &mut output[written..], flush)
            .map_err(|e| io::Error::other(e.as_str()))?;
        let written = deflate.total_out() as usize;
        // Room that is left means that all was read and flushed.
        if written < output.len() {
            output.truncate(written);
            return Ok(output);
        }
        output.resize(written + (64 << 10), 0);
    }
}

#[cfg(test)]
mod tests;
