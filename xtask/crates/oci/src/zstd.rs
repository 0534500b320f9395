//! zstd in frames that are compressed side by side. A file of several frames is one zstd file (RFC 8878, 3.1), and every
//! decoder of layers reads it as one: the format zstd:chunked is made so, too.
//!
//! The encoder is `zrip-encode`: Rust without unsafe code, and no C. Measured on the first 13 MB of rustdoc 1.95, on one
//! thread of a shared Xeon, beside the others that there are:
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
//! Blocks of 128 KiB in which no byte value stands out are stored as they are, without a look for repetitions.
//!
//! The C library is as small at level 3 and needs a C compiler for xtask itself. ruzstd's encoder is larger than gzip.
//! rusty_zstd and structured-zstd, which gives the bytes of C, are 3 and 12 times as much code to compile.
//!
//! Since the encoder is young, no frame is believed: ruzstd, by other people, reads each one back, and what differs
//! from the input ends the run. That takes as long again as compressing, on the same threads.

use std::io::{self, Read, Write};

use zrip_encode::compress_with_params;
use zrip_encode::strategy::{LevelParams, level_params};

use super::pool::{Queue, ThreadPool};

/// What decides the bytes beside the input: part of every key under which a compressed layer is remembered. The
/// version is the one that Cargo.toml pins; the encoder has no code of its own for any processor.
pub const ENCODER: &str = "zrip-encode 0.9.4, level 4 with strength 8 and matches of 4, frames of 2 MiB";

/// Level 4 is the best there is; level 3 saves a quarter of the time and is larger than gzip.
const LEVEL: i32 = 4;

/// How many misses make the search take longer steps, as a power of two. Level 4 has 3, which strides over machine code:
/// with 8, and matches of 4 bytes, layers are smaller by 2 to 5 % and take a quarter longer (medians of 21 interleaved
/// rounds). Beside gzip of the same layers, programs of this workspace and two others: 565 kB 0.4 % larger, 3 MB and more 2
/// to 7 % smaller; level 4 as it is was larger by 6, 2 and 2 % on three of them.
const STRENGTH: u32 = 8;

/// The shortest match that is looked for, in bytes; level 4 has 5.
const MATCH: u32 = 4;

/// 2 MiB: a 13 MB program keeps 7 cores busy, and is 0.9 % larger than as one frame (1 MiB: 1.6 %, 4 MiB: 0.5 %).
const FRAME: usize = 2 << 20;

/// A zstd stream that compresses on the threads of a pool and writes on the caller's. It holds about 10 MB for each
/// thread.
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
        // One that waits for each thread, since frames are large.
        Self { queue: Queue::new(pool, pool.threads() + 1), out, frame: Vec::new(), any: false }
    }

    /// Ends the stream and returns the writer below it.
    ///
    /// # Errors
    /// Compressing or writing failed.
    pub fn finish(mut self) -> io::Result<W> {
        // A file without a frame would be no zstd file.
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

    /// Does nothing: where frames end is fixed, or the bytes would depend on the caller's habits.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One frame with its checksum, read back before it is believed.
fn compress(input: &[u8]) -> io::Result<Vec<u8>> {
    let level = level_params(LEVEL).ok_or_else(|| io::Error::other("the encoder has no such level"))?;
    let dense = LevelParams { search_strength: STRENGTH, min_match: MATCH, ..level };
    let frame = compress_with_params(input, &dense).map_err(|e| io::Error::other(e.to_string()))?;
    if reads_as(&frame, input)? {
        return Ok(frame);
    }
    Err(io::Error::other("a zstd frame does not decompress to its input: this is a bug of the encoder"))
}

/// Whether a frame decompresses to these bytes.
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
