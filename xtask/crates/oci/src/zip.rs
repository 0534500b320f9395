//! A zip writer whose bytes depend only on its input. Every entry is complete before its header is written,
//! so sizes and checksums are in the headers and no data descriptors follow. The format: PKWARE's APPNOTE
//! 6.3; times: Info-ZIP's extra field 0x5455.

use std::io::{self, Read, Write};

use super::gzip::Gzip;
use super::pool::ThreadPool;
use super::tar::{EntryKind, EntryWriter, TarEntry, wrong};

/// The bytes of a gzip stream before and behind its compressed data (RFC 1952).
const GZIP_ENDS: (usize, usize) = (10, 8);

/// Version 2.0 of the format, which has folders and deflate.
const VERSION: u16 = 20;

/// The host system "Unix", so that readers take the permission bits from the external attributes.
const UNIX: u16 = 3 << 8;

/// The flag for names in UTF-8.
const UTF8: u16 = 1 << 11;

/// A writer of a zip archive. The data of an entry is compressed on the threads of a pool and held in memory
/// until the entry ends.
#[derive(Debug)]
pub struct ZipWriter<'p, W> {
    pool: &'p ThreadPool,
    out: W,
    /// The number of bytes that were written to `out`.
    written: u64,
    /// The central directory: a header for each entry.
    directory: Vec<u8>,
    entries: u64,
    open: Option<OpenEntry<'p>>,
}

/// The entry whose data is being written.
#[derive(Debug)]
struct OpenEntry<'p> {
    name: String,
    /// The type and the permission bits, as in `st_mode`.
    mode: u32,
    mtime: u64,
    size: u64,
    /// The number of bytes that are still missing.
    left: u64,
    data: Gzip<'p, Vec<u8>>,
}

impl<'p, W: Write> ZipWriter<'p, W> {
    /// Begins a zip archive that is written to `out`.
    pub fn new(pool: &'p ThreadPool, out: W) -> Self {
        Self { pool, out, written: 0, directory: Vec::new(), entries: 0, open: None }
    }

    /// Ends the archive with its central directory and returns the writer below it.
    ///
    /// # Errors
    /// The bytes of the last file are not complete, the archive is too large, or writing failed.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_entry()?;
        let (count, size) = (u16::try_from(self.entries), self.directory.len() as u64);
        let count = count.map_err(|_| io::Error::other("a zip archive has at most 65535 entries"))?;
        let mut end = Vec::new();
        end.extend(0x0605_4b50_u32.to_le_bytes());
        for number in [0, 0, count, count] {
            end.extend(number.to_le_bytes());
        }
        end.extend(short(size)?.to_le_bytes());
        end.extend(short(self.written)?.to_le_bytes());
        end.extend([0; 2]);
        self.out.write_all(&self.directory)?;
        self.out.write_all(&end)?;
        Ok(self.out)
    }

    fn end_entry(&mut self) -> io::Result<()> {
        let Some(OpenEntry { name, mode, mtime, size, left, data }) = self.open.take() else { return Ok(()) };
        if left > 0 {
            return Err(wrong("shorter"));
        }
        let stream = data.finish()?;
        let (data, end) = stream.split_at(stream.len() - GZIP_ENDS.1);
        let data = if size == 0 { &[][..] } else { &data[GZIP_ENDS.0..] };
        // The fields that both headers of an entry contain, from the flags to the length of the extra field.
        let mut fields = Vec::new();
        let flags = if name.is_ascii() { 0 } else { UTF8 };
        let method = if size == 0 { 0 } else { 8_u16 };
        let (date, time) = dos_time(mtime);
        for number in [flags, method, time, date] {
            fields.extend(number.to_le_bytes());
        }
        fields.extend(&end[..4]);
        fields.extend(short(data.len() as u64)?.to_le_bytes());
        fields.extend(short(size)?.to_le_bytes());
        let length =
            u16::try_from(name.len()).map_err(|_| io::Error::other("a name is too long for a zip"))?;
        fields.extend(length.to_le_bytes());
        // The exact time in UTC. DOS times have no time zone, and a precision of two seconds.
        let mut extra = vec![0x55, 0x54, 5, 0, 1];
        extra.extend(u32::try_from(mtime).unwrap_or(u32::MAX).to_le_bytes());
        fields.extend((extra.len() as u16).to_le_bytes());

        let offset = short(self.written)?;
        let mut header = Vec::new();
        header.extend(0x0403_4b50_u32.to_le_bytes());
        header.extend(VERSION.to_le_bytes());
        header.extend(&fields);
        header.extend(name.as_bytes());
        header.extend(&extra);
        self.out.write_all(&header)?;
        self.out.write_all(data)?;
        self.written += (header.len() + data.len()) as u64;

        self.directory.extend(0x0201_4b50_u32.to_le_bytes());
        self.directory.extend((UNIX | VERSION).to_le_bytes());
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(&fields);
        // No comment, the first disk, no internal attributes.
        self.directory.extend([0; 6]);
        // The lower half is for DOS, where bit 4 marks a folder.
        let folder = u32::from(name.ends_with('/')) << 4;
        self.directory.extend(((mode << 16) | folder).to_le_bytes());
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.directory.extend(&extra);
        self.entries += 1;
        Ok(())
    }
}

impl<W: Write> EntryWriter for ZipWriter<'_, W> {
    fn entry(&mut self, entry: &TarEntry<'_>) -> io::Result<()> {
        self.end_entry()?;
        let (kind, size, end) = match entry.kind {
            EntryKind::Dir => (0o040_000, 0, "/"),
            EntryKind::File(size) => (0o100_000, size, ""),
            EntryKind::Symlink(target) => (0o120_000, target.len() as u64, ""),
        };
        self.open = Some(OpenEntry {
            name: format!("{}{end}", entry.path),
            mode: kind | entry.mode,
            mtime: entry.mtime,
            size,
            left: size,
            data: Gzip::new(self.pool, Vec::new())?,
        });
        match entry.kind {
            EntryKind::Symlink(target) => self.data(target.as_bytes()),
            EntryKind::Dir | EntryKind::File(_) => Ok(()),
        }
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Err(wrong("longer")) };
        open.left = open.left.checked_sub(bytes.len() as u64).ok_or_else(|| wrong("longer"))?;
        open.data.write_all(bytes)
    }

    fn copy(&mut self, from: &mut impl Read) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.left -= io::copy(&mut from.take(open.left), &mut open.data)?;
        if open.left == 0 { Ok(()) } else { Err(wrong("shorter")) }
    }
}

/// Returns a number of a header. Larger archives would need the extension Zip64.
fn short(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| io::Error::other("a zip archive has at most 4 GiB"))
}

/// Returns date and time in the form of DOS, which begins in 1980, for seconds since 1970.
fn dos_time(seconds: u64) -> (u16, u16) {
    const DAY: u64 = 24 * 3600;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut days) = (1970, seconds / DAY);
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let months = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= months[month] {
        days -= months[month];
        month += 1;
    }
    if !(1980..=2107).contains(&year) {
        return if year < 1980 { ((1 << 5) | 1, 0) } else { ((127 << 9) | (12 << 5) | 31, 0xbf7d) };
    }
    let date = ((year - 1980) << 9) | ((month as u64 + 1) << 5) | (days + 1);
    let time = seconds % DAY;
    (date as u16, (((time / 3600) << 11) | ((time / 60 % 60) << 5) | (time % 60 / 2)) as u16)
}

#[cfg(test)]
mod tests {
    use super::dos_time;

    #[test]
    fn times_of_dos() {
        let of = |date: u64, time: u64| (date as u16, time as u16);
        // 2024-02-29 23:59:58, and what lies before and after the years that DOS knows.
        assert_eq!(dos_time(1_709_251_198), of((44 << 9) | (2 << 5) | 29, (23 << 11) | (59 << 5) | 29));
        assert_eq!(dos_time(0), of((1 << 5) | 1, 0));
        assert_eq!(dos_time(u64::from(u32::MAX)).0 >> 9, 126);
        assert_eq!(dos_time(5_000_000_000), of((127 << 9) | (12 << 5) | 31, 0xbf7d));
    }
}
