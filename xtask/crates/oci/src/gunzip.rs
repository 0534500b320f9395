//! Reads gzip (RFC 1952) with one or more members, as in the layers of all makers.

use std::io::{self, BufRead, Read};

use zlib_rs::{Inflate, InflateFlush, Status};

/// The value with which `Inflate` expects a gzip header first, with the largest window. It then also checks
/// the data against the checksum and the length in the file.
const GZIP: u8 = 16 + 15;

/// A reader that decompresses gzip.
pub struct Gunzip<R> {
    from: R,
    /// The decoder of the present member; none between members.
    member: Option<Inflate>,
}

impl<R: BufRead> Gunzip<R> {
    /// Makes a reader that unpacks the gzip data of `from`.
    pub fn new(from: R) -> Self {
        Self { from, member: Some(Inflate::new(true, GZIP)) }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let input = self.from.fill_buf()?;
            let ended = input.is_empty();
            let Some(member) = &mut self.member else {
                if ended {
                    return Ok(0);
                }
                self.member = Some(Inflate::new(true, GZIP));
                continue;
            };
            let before = (member.total_in(), member.total_out());
            let status = member.decompress(input, buffer, InflateFlush::NoFlush).map_err(|e| {
                io::Error::new(io::ErrorKind::InvalidData, format!("bad gzip data: {}", e.as_str()))
            })?;
            let read = usize::try_from(member.total_in() - before.0).unwrap_or(input.len());
            let written = usize::try_from(member.total_out() - before.1).unwrap_or(buffer.len());
            self.from.consume(read);
            if status == Status::StreamEnd {
                self.member = None;
            } else if ended && written == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "gzip data ends too early"));
            }
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn gunzip(bytes: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        Gunzip::new(BufReader::with_capacity(piece, bytes)).read_to_end(&mut data)?;
        Ok(data)
    }

    #[test]
    fn members_in_a_row_in_pieces_of_any_size() {
        let one: Vec<u8> = (0..100_000u32).map(|n| (n / 7 % 251) as u8).collect();
        let bytes = [gzip(&one), gzip(b""), gzip(b"end")].concat();
        for piece in [1, 7, 4096, 1 << 20] {
            assert!(gunzip(&bytes, piece).unwrap() == [&one[..], b"end"].concat(), "{piece}");
        }
    }

    #[test]
    fn damage_is_an_error() {
        let whole = gzip(&[b'a'; 5000]);
        for cut in 0..whole.len() {
            assert!(gunzip(&whole[..cut], 64).is_err(), "{cut}");
        }
        for at in 10..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x10;
            // The last bits before the checksum have no meaning.
            assert!(gunzip(&bad, 64).ok().is_none_or(|data| data == [b'a'; 5000]), "{at}");
        }
        assert!(gunzip(&[&whole[..], b"more"].concat(), 64).is_err());
    }
}
