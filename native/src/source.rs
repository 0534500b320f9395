//! What a block can be read from, and the rules that every backend asks of it.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// Anything that can be read and in which one can go to any place: a file, a cursor over bytes, something of one's own.
pub trait Source: Read + Seek {}

impl<T: Read + Seek + ?Sized> Source for T {}

/// Reads once, after interruptions again.
///
/// # Errors
/// The source's own, and one where it says that it read more than there was room for.
pub(crate) fn read(source: &mut dyn Source, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(into) {
            Ok(got) if got > into.len() => {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "the source says that it read more than it was asked for",
                ));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Goes to this offset.
///
/// # Errors
/// The source's own, and one where it says that it went elsewhere.
pub(crate) fn seek(source: &mut dyn Source, offset: u64) -> io::Result<()> {
    if source.seek(SeekFrom::Start(offset))? == offset {
        Ok(())
    } else {
        Err(io::Error::new(ErrorKind::InvalidData, "the source went to another place than it was told to"))
    }
}

/// The size of the whole source, in bytes.
///
/// # Errors
/// The source's own.
pub(crate) fn size(source: &mut dyn Source) -> io::Result<u64> {
    source.seek(SeekFrom::End(0))
}
