//! A tar writer whose bytes depend only on its input. It writes POSIX ustar, and a pax header only if a value
//! does not fit into ustar. The format: POSIX.1-2017, "pax", "ustar Interchange Format" and "pax Extended
//! Header".

use std::io::{self, Read, Write};

mod header;
mod pax;

use header::{BLOCK, Header};

/// An entry of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TarEntry<'a> {
    /// The path from the root, without a slash at either end; empty for the root itself, which is written as
    /// `./`.
    pub path: &'a str,
    /// The kind of the entry, with the size of a file or the target of a link.
    pub kind: EntryKind<'a>,
    /// The permission bits, 0 to 0o7777.
    pub mode: u32,
    /// The number of the user who owns the entry.
    pub uid: u32,
    /// The number of the group that owns the entry.
    pub gid: u32,
    /// The modification time, in seconds since 1970.
    pub mtime: u64,
}

/// The kind of an entry: a folder, a regular file or a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// A folder, which has no bytes of its own.
    Dir,
    /// A regular file with this number of bytes, which must follow.
    File(u64),
    /// A symbolic link with this target.
    Symlink(&'a str),
}

/// A writer of an archive, which takes the entries in the order in which they are given.
pub trait EntryWriter {
    /// Begins an entry. The bytes of a file must follow with [`EntryWriter::data`] or [`EntryWriter::copy`].
    ///
    /// # Errors
    /// The bytes of the previous entry are not complete, or writing failed.
    fn entry(&mut self, entry: &TarEntry<'_>) -> io::Result<()>;

    /// Writes bytes of the file whose entry was begun last.
    ///
    /// # Errors
    /// There are more bytes than announced, or writing failed.
    fn data(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Copies the rest of the present file from a reader.
    ///
    /// # Errors
    /// The reader ends too early, or reading or writing failed.
    fn copy(&mut self, from: &mut impl Read) -> io::Result<()>;
}

/// A writer of a tar archive.
#[derive(Debug)]
pub struct TarWriter<W> {
    out: W,
    /// The number of bytes of the present file that are still missing.
    left: u64,
    /// The number of zeros that fill its last block.
    padding: usize,
}

impl<W: Write> TarWriter<W> {
    /// Begins a tar archive that is written to `out`.
    pub fn new(out: W) -> Self {
        Self { out, left: 0, padding: 0 }
    }

    /// Ends the archive with two blocks of zeros and returns the writer below it.
    ///
    /// # Errors
    /// The bytes of the last file are not complete, or writing failed.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_entry()?;
        self.out.write_all(&[0; 2 * BLOCK])?;
        Ok(self.out)
    }

    fn end_entry(&mut self) -> io::Result<()> {
        if self.left > 0 {
            return Err(wrong("shorter"));
        }
        let padding = std::mem::take(&mut self.padding);
        self.out.write_all(&[0; BLOCK][..padding])
    }
}

impl<W: Write> EntryWriter for TarWriter<W> {
    fn entry(&mut self, entry: &TarEntry<'_>) -> io::Result<()> {
        self.end_entry()?;
        let header = Header::of(entry);
        let records = pax::records(entry, &header);
        if !records.is_empty() {
            let size = records.len() as u64;
            self.out.write_all(&Header::of_pax(entry.path, size).bytes())?;
            self.out.write_all(&records)?;
            self.out.write_all(&[0; BLOCK][..padding(size)])?;
        }
        self.out.write_all(&header.bytes())?;
        if let EntryKind::File(size) = entry.kind {
            self.left = size;
            self.padding = padding(size);
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| wrong("longer"))?;
        self.out.write_all(bytes)
    }

    /// If the system supports it, the bytes are not copied through this process.
    fn copy(&mut self, from: &mut impl Read) -> io::Result<()> {
        let copied = io::copy(&mut from.take(self.left), &mut self.out)?;
        self.left -= copied;
        if self.left == 0 { Ok(()) } else { Err(wrong("shorter")) }
    }
}

/// Returns the number of zeros that fill the last block after this many bytes of data.
fn padding(size: u64) -> usize {
    let over = (size % BLOCK as u64) as usize;
    if over == 0 { 0 } else { BLOCK - over }
}

pub(super) fn wrong(how: &str) -> io::Error {
    io::Error::other(format!("the file is {how} than it was when packing began"))
}

#[cfg(test)]
mod tests;
