//! What compresses a layer: one of two streams on the threads of a pool.

use std::io::{self, Write};

use super::document::media_type;
use super::gzip::{self, Gzip};
use super::pool::ThreadPool;
use super::zstd::{self, Zstd};

/// The compression of the layers that are made here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// gzip, which every tool takes; the only one in the tar for Docker.
    #[default]
    Gzip,
    /// zstd: as large or up to 7 % smaller, and unpacked in a fraction of the time.
    Zstd,
}

impl Codec {
    /// The name of the codec in targets.toml and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The media type that a manifest gives to a layer with this compression.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => media_type::LAYER_GZIP,
            Self::Zstd => media_type::LAYER_ZSTD,
        }
    }

    /// The encoder, its version and its settings: what decides the bytes beside the input.
    pub fn encoder(self) -> &'static str {
        match self {
            Self::Gzip => gzip::ENCODER,
            Self::Zstd => zstd::ENCODER,
        }
    }

    /// Begins a stream that compresses on the threads of `pool` and writes to `out`.
    ///
    /// # Errors
    /// Writing failed.
    pub(super) fn stream<W: Write>(self, pool: &ThreadPool, out: W) -> io::Result<CompressedStream<'_, W>> {
        Ok(match self {
            Self::Gzip => CompressedStream::Gzip(Gzip::new(pool, out)?),
            Self::Zstd => CompressedStream::Zstd(Zstd::new(pool, out)),
        })
    }
}

/// A stream that compresses what is written to it, with either codec.
pub(super) enum CompressedStream<'p, W> {
    Gzip(Gzip<'p, W>),
    Zstd(Zstd<'p, W>),
}

impl<W: Write> CompressedStream<'_, W> {
    /// Ends the stream and returns the writer below it.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Gzip(gzip) => gzip.finish(),
            Self::Zstd(zstd) => zstd.finish(),
        }
    }
}

impl<W: Write> Write for CompressedStream<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(gzip) => gzip.write(bytes),
            Self::Zstd(zstd) => zstd.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
