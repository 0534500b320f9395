//! zstd in frames that are compressed in parallel. A file with several frames is one zstd file (RFC 8878,
//! 3.1), and every decoder of layers reads it as one. The format zstd:chunked is made in the same way.
//!
//! The encoder is `zrip-encode`: Rust without unsafe code, and without C. The table compares it with the
//! other encoders. It was measured on the first 13 MB of rustdoc 1.95, on one thread of a shared Xeon:
//!
//! | encoder | ms | bytes |
//! |---|--:|--:|
//! | zrip-encode 0.9.4, level 4 searched densely, frames of 2 MiB | 1.25 × the next | 5,375,734 |
//! | zrip-encode 0.9.4, level 4, frames of 2 MiB | 80 | 5,477,844 |
//! | zrip-encode 0.9.4, level 3, frames of 2 MiB | 61 | 5,940,205 |
//! | zstd 1.5.7 (C), level 1 | 30 | 5,787,387 |
//! | zstd 1.5.7 (C), level 3 | 51 | 5,365,125 |
//! | rusty_zstd 0.4.1, level 3 | 66 | 5,547,428 |
//! | ruzstd 0.9.1, its only level | 225 | 6,966,330 |
//! | zlib-rs 0.6.8, level 5, as gzip has it | 200 | 5,569,264 |
//!
//! Blocks of 128 KiB in which no byte value is frequent are stored uncompressed, without a search for
//! repetitions.
//!
//! The C library at level 3 gives the same size, but needs a C compiler for xtask itself. ruzstd's encoder
//! gives larger output than gzip. rusty_zstd has 3 times as much code to compile, and structured-zstd, which
//! gives the same bytes as C, has 12 times as much.
//!
//! The encoder is young, so every frame is verified. ruzstd, an independent implementation, decodes it, and a
//! difference from the input ends the run. This takes as long as compressing, on the same threads.

use std::io::{self, Read, Write};

use zrip_encode::compress_with_params;
use zrip_encode::strategy::{LevelParams, level_params};

use super::pool::{Queue, ThreadPool};

/// The encoder and its settings, which determine the bytes together with the input. It is part of every key
/// under which a compressed layer is remembered. Cargo.toml pins this version. The encoder has no code for
/// particular processors.
pub const ENCODER: &str = "zrip-encode 0.9.4, level 4 with strength 8 and matches of 4, frames of 2 MiB";

/// Level 4 is the highest level. Level 3 saves a quarter of the time and is larger than gzip.
const LEVEL: i32 = 4;

/// The number of misses, as a power of two, after which the search takes longer steps. Level 4 has 3, which
/// skips too much of machine code. With 8, and matches of 4 bytes, layers are smaller by 2 to 5 % and take a
/// quarter longer (medians of 21 interleaved rounds). Compared with gzip of the same layers, for programs of
/// this workspace and two others: 565 kB is 0.4 % larger, and 3 MB and more are 2 to 7 % smaller. Plain level
/// 4 was larger by 6, 2 and 2 % on three of them.
const STRENGTH: u32 = 8;

/// The minimum length of a match, in bytes; level 4 has 5.
const MATCH: u32 = 4;

/// 2 MiB: a 13 MB program keeps 7 cores busy, and is 0.9 % larger than in one frame (1 MiB: 1.6 %, 4 MiB: 0.5
/// %).
const FRAME: usize = 2 << 20;

/// A zstd stream that compresses on the threads of a pool and writes on the caller's thread. It uses about 10
/// MB for each thread.
#[derive(Debug)]
pub struct Zstd<'p, W> {
    queue: Queue<'p>,
    out: W,
    frame: Vec<u8>,
    any: bool,
}

impl<'p, W: Write> Zstd<'p, W> {
    /// Begins a zstd stream.
    pub fn new(pool: &'p ThreadPool, out: W) -> Self {
        // One frame more than threads, since frames are large.
        Self { queue: Queue::new(pool, pool.threads() + 1), out, frame: Vec::new(), any: false }
    }

    /// Ends the stream and returns the writer below it.
    ///
    /// # Errors
    /// Compressing or writing failed.
    pub fn finish(mut self) -> io::Result<W> {
        // A file without a frame would not be a zstd file.
        if !self.frame.is_empty() || !self.any {
            self.submit()?;
        }
        self.queue.finish(&mut self.out)?;
        Ok(self.out)
    }

    fn submit(&mut self) -> io::Result<()> {
        let frame = std::mem::take(&mut self.frame);
        self.any = true;
        self.queue.push(move || compress(&frame), &mut self.out)
    }
}

impl<W: Write> Write for Zstd<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.frame.capacity() == 0 {
            self.frame.reserve_exact(FRAME);
        }
        let taken = bytes.len().min(FRAME - self.frame.len());
        self.frame.extend_from_slice(&bytes[..taken]);
        if self.frame.len() == FRAME {
            self.submit()?;
        }
        Ok(taken)
    }

    /// Does nothing. Frames end at fixed places; otherwise the bytes would depend on the caller's flushes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compresses one frame with its checksum, and verifies it by decoding it.
fn compress(input: &[u8]) -> io::Result<Vec<u8>> {
    let level = level_params(LEVEL).ok_or_else(|| io::Error::other("the encoder has no such level"))?;
    let dense = LevelParams { search_strength: STRENGTH, min_match: MATCH, ..level };
    let frame = compress_with_params(input, &dense).map_err(|e| io::Error::other(e.to_string()))?;
    if reads_as(&frame, input)? {
        return Ok(frame);
    }
    Err(io::Error::other("a zstd frame does not decompress to its input: this is a bug of the encoder"))
}

/// Returns whether a frame decompresses to these bytes.
fn reads_as(frame: &[u8], expected: &[u8]) -> io::Result<bool> {
    let wrong =
        |e: &dyn std::fmt::Display| io::Error::other(format!("a zstd frame cannot be read back: {e}"));
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(frame).map_err(|e| wrong(&e))?;
    let mut piece = vec![0; 64 << 10];
    let mut left = expected;
    loop {
        let read = decoder.read(&mut piece).map_err(|e| wrong(&e))?;
        if read == 0 {
            return Ok(left.is_empty());
        }
        match left.split_at_checked(read) {
            Some((next, rest)) if *next == piece[..read] => left = rest,
            _ => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests;
