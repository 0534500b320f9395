//! Reads the tar in a layer's blob: gzip, zstd or an uncompressed tar. The first bytes decide which it is, as
//! in Docker and containerd.

use std::io::{self, BufRead, BufReader, Read, Write};

use super::document::media_type;
use super::gunzip::Gunzip;

/// The compression of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionFormat {
    /// The blob is the tar itself, without compression.
    None,
    /// gzip (RFC 1952), with one or more members.
    Gzip,
    /// zstd (RFC 8878), with one or more frames, which may be skippable.
    Zstd,
}

impl CompressionFormat {
    /// Recognises the compression of a blob by its first bytes.
    pub fn of(begin: &[u8]) -> Self {
        match begin {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// Returns the media type of a layer with this compression.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::None => media_type::LAYER,
            Self::Gzip => media_type::LAYER_GZIP,
            Self::Zstd => media_type::LAYER_ZSTD,
        }
    }
}

/// How many bytes are unpacked at a time.
const PIECE: usize = 64 << 10;

/// Writes the tar of a blob. Returns how the blob was compressed, and the length of the tar. `limit` is
/// called before each piece is written, with the number of all bytes so far.
///
/// # Errors
/// The blob is damaged or truncated, `limit` returns an error, or reading or writing fails.
pub fn decompress(
    blob: impl Read,
    out: &mut impl Write,
    limit: impl Fn(u64) -> io::Result<()>,
) -> io::Result<(CompressionFormat, u64)> {
    let mut blob = BufReader::with_capacity(PIECE, blob);
    let kind = CompressionFormat::of(blob.fill_buf()?);
    let mut sink = Sink { out, size: 0, limit };
    match kind {
        CompressionFormat::None => sink.take_all(&mut blob)?,
        CompressionFormat::Gzip => sink.take_all(&mut Gunzip::new(blob))?,
        CompressionFormat::Zstd => {
            while !blob.fill_buf()?.is_empty() {
                frame(&mut blob, &mut sink)?;
            }
        }
    }
    Ok((kind, sink.size))
}

/// Reads one zstd frame.
fn frame<W: Write, L: Fn(u64) -> io::Result<()>>(
    blob: &mut BufReader<impl Read>,
    sink: &mut Sink<'_, W, L>,
) -> io::Result<()> {
    use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
    let skip = match ruzstd::decoding::StreamingDecoder::new(&mut *blob) {
        Ok(mut decoder) => {
            sink.take_all(&mut decoder)?;
            let told = decoder.decoder.get_checksum_from_data();
            if told.is_some() && told != decoder.decoder.get_calculated_checksum() {
                return Err(io::Error::other("the checksum of a zstd frame is wrong"));
            }
            return Ok(());
        }
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            length
        }
        Err(error) => return Err(io::Error::other(error.to_string())),
    };
    let skipped = io::copy(&mut blob.take(skip.into()), &mut io::sink())?;
    if skipped == u64::from(skip) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// The writer that receives the tar, with the length of the tar so far.
struct Sink<'a, W, L> {
    out: &'a mut W,
    size: u64,
    limit: L,
}

impl<W: Write, L: Fn(u64) -> io::Result<()>> Sink<'_, W, L> {
    fn take_all(&mut self, from: &mut impl Read) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let read = match from.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            self.size += read as u64;
            (self.limit)(self.size)?;
            self.out.write_all(&piece[..read])?;
        }
    }
}

#[cfg(test)]
mod tests;
