//! Unpacks a member of a package.

use std::io::{self, Read, Write};

use lzma_rust2::XzReader;

/// The compression of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberCompression {
    /// The member is not compressed.
    Plain,
    /// The member is compressed with xz, as in all packages of Debian.
    Xz,
}

/// The memory limit of xz in KiB, more than it needs for output of `xz -9`.
const MEMORY: u32 = 256 << 10;

impl MemberCompression {
    /// Recognises the compression by the end of the member's name, after `.tar`.
    pub(super) fn of(end: &str) -> Result<Self, String> {
        match end {
            "" => Ok(Self::Plain),
            ".xz" => Ok(Self::Xz),
            other => Err(format!("it is packed as {other:?}; Debian 12 and 13 pack with xz")),
        }
    }
}

/// Unpacks all of `packed`, and returns the number of unpacked bytes. More than `max` bytes are an error.
pub(super) fn unpack(
    how: MemberCompression,
    packed: &[u8],
    max: u64,
    to: &mut impl Write,
) -> io::Result<u64> {
    let size = match how {
        MemberCompression::Plain => io::copy(&mut packed.take(max + 1), to)?,
        MemberCompression::Xz => {
            io::copy(&mut XzReader::new_mem_limit(packed, true, MEMORY).take(max + 1), to)?
        }
    };
    if size > max {
        return Err(io::Error::other(format!("it unpacks to more than {} MiB", max >> 20)));
    }
    Ok(size)
}
