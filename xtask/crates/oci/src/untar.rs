//! Reads a tar without extracting it: the kind of each entry, and the offset of its bytes in the file.
//! Supports ustar, star, GNU's long names and pax, as archivers write layers. Any input gives entries or an
//! error.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

mod number;
mod pax;

use pax::Pax;

/// The size of a header, and the unit to which all data is padded, in bytes.
const BLOCK: u64 = 512;
/// The maximum size of a name that has its own entry, in bytes. Linux accepts paths of 4096.
const NAME_MAX: u64 = 64 << 10;
/// The maximum size of one entry's pax records, in bytes. The largest are extended attributes, with 64 KiB
/// each.
const PAX_MAX: u64 = 4 << 20;

/// The type of an entry, from the type flag of its header and its pax records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A regular file, whose bytes are in the tar.
    File,
    /// A hard link: another name of an earlier file.
    HardLink,
    /// A symbolic link; its target is [`UntarEntry::link`].
    Symlink,
    /// The node of a character device.
    Char,
    /// The node of a block device.
    Block,
    /// A folder, which has no bytes of its own.
    Dir,
    /// A named pipe (FIFO).
    Fifo,
    /// A file with holes, in one of GNU's formats.
    Sparse,
    /// Any other type, with the type flag of its header.
    Other(u8),
}

/// An entry of a tar: the values of its header and pax records, and the place of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntarEntry {
    /// Its path in written form; not empty.
    pub path: Vec<u8>,
    /// The target of a link in written form.
    pub link: Vec<u8>,
    /// The type of the entry.
    pub kind: Type,
    /// The permission bits, and the other bits of the field.
    pub mode: u64,
    /// The number of the user who owns the entry.
    pub uid: u64,
    /// The number of the group that owns the entry.
    pub gid: u64,
    /// The number of bytes of a file.
    pub size: u64,
    /// The offset in the tar at which these bytes begin.
    pub offset: u64,
}

/// A reader of the entries of a tar, one by one.
#[derive(Debug)]
pub struct TarReader<R> {
    from: BufReader<R>,
    /// The offset of the next header, which is also the position of the reader.
    at: u64,
    /// The length of the tar in bytes.
    end: u64,
    /// Whether the last entry or an error was returned.
    done: bool,
}

/// Iterates over the entries to the end. It stops with an error where the tar is damaged, truncated or cannot
/// be read.
impl<R: Read + Seek> Iterator for TarReader<R> {
    type Item = io::Result<UntarEntry>;

    fn next(&mut self) -> Option<io::Result<UntarEntry>> {
        if self.done {
            return None;
        }
        let entry = self.entry().transpose();
        self.done = !matches!(entry, Some(Ok(_)));
        entry
    }
}

impl<R: Read + Seek> TarReader<R> {
    /// Makes a reader that begins at the first entry.
    ///
    /// # Errors
    /// The length cannot be determined.
    pub fn new(mut from: R) -> io::Result<Self> {
        let end = from.seek(SeekFrom::End(0))?;
        from.seek(SeekFrom::Start(0))?;
        Ok(Self { from: BufReader::with_capacity(16 << 10, from), at: 0, end, done: false })
    }

    /// Reads the next entry, or returns none at the end.
    fn entry(&mut self) -> io::Result<Option<UntarEntry>> {
        let (mut long_path, mut long_link, mut pax) = (None, None, None);
        loop {
            let Some(header) = self.header()? else {
                let begun = long_path.is_some() || long_link.is_some() || pax.is_some();
                return if begun {
                    Err(bad("it ends before the entry that a header describes"))
                } else {
                    Ok(None)
                };
            };
            let size = number::field(&header[124..136]).ok_or_else(|| bad("a size is not a number"))?;
            match header[156] {
                b'L' => once(&mut long_path, self.name(size)?)?,
                b'K' => once(&mut long_link, self.name(size)?)?,
                b'x' | b'X' => {
                    let records = self.data(size, PAX_MAX)?;
                    once(&mut pax, Pax::read(&records).ok_or_else(|| bad("pax records are damaged"))?)?;
                }
                // Values for all following entries, such as git's comment. They are all ignored, as in
                // Docker.
                b'g' => self.skip(size)?,
                _ => {
                    return self
                        .described(&header, size, long_path, long_link, pax.unwrap_or_default())
                        .map(Some);
                }
            }
        }
    }

    fn described(
        &mut self,
        header: &[u8; 512],
        size: u64,
        long_path: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
        pax: Pax,
    ) -> io::Result<UntarEntry> {
        let path = pax.path.or(long_path).unwrap_or_else(|| path(header));
        if path.is_empty() {
            return Err(bad("an entry has no name"));
        }
        let kind = match header[156] {
            _ if pax.sparse => Type::Sparse,
            // Before POSIX, a folder was a file whose name ends with a slash.
            0 | b'0' if path.ends_with(b"/") => Type::Dir,
            0 | b'0' | b'7' => Type::File,
            b'1' => Type::HardLink,
            b'2' => Type::Symlink,
            b'3' => Type::Char,
            b'4' => Type::Block,
            b'5' => Type::Dir,
            b'6' => Type::Fifo,
            b'S' => Type::Sparse,
            other => Type::Other(other),
        };
        let field = |range: std::ops::Range<usize>, what: &str| {
            number::field(&header[range]).ok_or_else(|| bad(&format!("{what} of an entry is not a number")))
        };
        // Only files have data, whatever the headers of other entries say (as in Go's archive/tar, and so in
        // Docker).
        let size = match kind {
            Type::File | Type::Sparse | Type::Other(_) => pax.size.unwrap_or(size),
            _ => 0,
        };
        let entry = UntarEntry {
            link: pax.link.or(long_link).unwrap_or_else(|| text(&header[157..257])),
            kind,
            mode: field(100..108, "the mode")?,
            uid: pax.uid.map_or_else(|| field(108..116, "the owner"), Ok)?,
            gid: pax.gid.map_or_else(|| field(116..124, "the group"), Ok)?,
            size,
            offset: self.at,
            path,
        };
        self.skip(size)?;
        Ok(entry)
    }

    /// Reads the next header. Returns none at the end of the tar, with or without two blocks of zeros.
    fn header(&mut self) -> io::Result<Option<[u8; 512]>> {
        let Some(header) = self.block()? else { return Ok(None) };
        if header == [0; 512] {
            return match self.block()? {
                None => Ok(None),
                Some(second) if second == [0; 512] => Ok(None),
                Some(_) => Err(bad("an entry follows its end")),
            };
        }
        let told = number::field(&header[148..156]);
        let sum = |signed: bool| {
            let value = |b: u8| if signed { i64::from(b.cast_signed()) } else { i64::from(b) };
            let bytes = header.iter().enumerate();
            bytes.map(|(at, b)| if (148..156).contains(&at) { 32 } else { value(*b) }).sum::<i64>()
        };
        // Some old archivers summed signed bytes.
        let right =
            told.and_then(|told| i64::try_from(told).ok()).is_some_and(|t| t == sum(false) || t == sum(true));
        if right { Ok(Some(header)) } else { Err(bad("the checksum of a header is wrong")) }
    }

    fn block(&mut self) -> io::Result<Option<[u8; 512]>> {
        if self.at == self.end {
            return Ok(None);
        }
        if self.end - self.at < BLOCK {
            return Err(cut());
        }
        let mut block = [0; 512];
        self.from.read_exact(&mut block)?;
        self.at += BLOCK;
        Ok(Some(block))
    }

    /// Reads a name that has its own entry, up to its NUL.
    fn name(&mut self, size: u64) -> io::Result<Vec<u8>> {
        Ok(text(&self.data(size, NAME_MAX)?))
    }

    fn data(&mut self, size: u64, limit: u64) -> io::Result<Vec<u8>> {
        if size > limit {
            return Err(bad(&format!("{size} bytes describe one entry; {limit} are the most")));
        }
        if size > self.end - self.at {
            return Err(cut());
        }
        let mut data = Vec::new();
        (&mut self.from).take(size).read_to_end(&mut data)?;
        self.at += size;
        self.pad(size)?;
        Ok(data)
    }

    fn skip(&mut self, size: u64) -> io::Result<()> {
        if size > self.end - self.at {
            return Err(cut());
        }
        self.forward(size)?;
        self.pad(size)
    }

    /// Moves to the next block. The last block of a tar may be incomplete.
    fn pad(&mut self, size: u64) -> io::Result<()> {
        let rest = (BLOCK - size % BLOCK) % BLOCK;
        self.forward(rest.min(self.end - self.at))
    }

    fn forward(&mut self, by: u64) -> io::Result<()> {
        self.at += by;
        self.from.seek_relative(i64::try_from(by).map_err(|_| cut())?)
    }
}

/// Returns the path in a header, including the prefix field of ustar and star.
fn path(header: &[u8; 512]) -> Vec<u8> {
    let name = text(&header[0..100]);
    let prefix = match (&header[257..263] == b"ustar\0", &header[508..512] == b"tar\0") {
        (true, false) => text(&header[345..500]),
        (true, true) => text(&header[345..476]),
        (false, _) => Vec::new(),
    };
    if prefix.is_empty() { name } else { [&prefix[..], b"/", &name].concat() }
}

/// Returns the bytes up to a NUL.
fn text(field: &[u8]) -> Vec<u8> {
    field.split(|b| *b == 0).next().unwrap_or_default().to_owned()
}

fn once<T>(place: &mut Option<T>, value: T) -> io::Result<()> {
    if place.is_some() {
        return Err(bad("two headers describe one entry in the same way"));
    }
    *place = Some(value);
    Ok(())
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off")
}

#[cfg(test)]
mod tests;
