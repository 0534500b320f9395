//! The block in Rust alone: the same checks in the same order as c/block.c, written from the format and not from it.

use crate::source::{self, Source};
use crate::{BlockError, Entry};

/// The trailer's size, in bytes.
const TRAILER: usize = 24;

/// A block in Rust's own memory.
#[derive(Debug)]
pub(crate) struct PureBlock {
    pub(crate) count: u32,
    entries: Vec<u8>,
}

impl PureBlock {
    pub(super) fn read(source: &mut dyn Source) -> Result<Self, BlockError> {
        let size = source::size(source).map_err(BlockError::Io)?;
        let length = size.checked_sub(TRAILER as u64).ok_or(BlockError::NotABlock)?;
        let mut trailer = [0; TRAILER];
        read_all(source, length, &mut trailer)?;
        let field = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| trailer[at + i]));
        if &trailer[20..] != b"NBLK" {
            return Err(BlockError::NotABlock);
        }
        if field(16) != 1 {
            return Err(BlockError::OtherVersion(field(16)));
        }
        if u64::from(field(0)) | u64::from(field(4)) << 32 != length {
            return Err(BlockError::Damaged { at: length });
        }
        if length > crate::Block::MAX_BYTES {
            return Err(BlockError::TooLarge { bytes: length });
        }
        // At most 256 MiB, so it fits in any usize.
        let mut entries = Vec::new();
        entries.try_reserve_exact(length as usize).map_err(|_| BlockError::NoMemory)?;
        entries.resize(length as usize, 0);
        read_all(source, 0, &mut entries)?;
        if super::fnv(&entries) != field(12) {
            return Err(BlockError::Damaged { at: length + 12 });
        }
        check(&entries, field(8))?;
        Ok(Self { count: field(8), entries })
    }

    pub(crate) fn cursor(&self) -> PureCursor<'_> {
        PureCursor { rest: &self.entries, key: Vec::new() }
    }
}

/// Fills `into` with what begins at `offset`.
fn read_all(source: &mut dyn Source, offset: u64, into: &mut [u8]) -> Result<(), BlockError> {
    source::seek(source, offset).map_err(BlockError::Io)?;
    let mut done = 0;
    while done < into.len() {
        match source::read(source, &mut into[done..]).map_err(BlockError::Io)? {
            0 => return Err(BlockError::Truncated { at: offset + done as u64 }),
            got => done += got,
        }
    }
    Ok(())
}

/// An entry as it is stored.
struct Stored<'b> {
    shared: usize,
    rest: &'b [u8],
    value: &'b [u8],
}

/// Takes the first entry off `bytes`; nothing if it is not all there.
fn first<'b>(bytes: &mut &'b [u8]) -> Option<Stored<'b>> {
    let (&[s0, s1, r0, r1, v0, v1, v2, v3], left) = bytes.split_first_chunk::<8>()?;
    let (rest, left) = left.split_at_checked(u16::from_le_bytes([r0, r1]).into())?;
    let value = usize::try_from(u32::from_le_bytes([v0, v1, v2, v3])).ok()?;
    let (value, left) = left.split_at_checked(value)?;
    *bytes = left;
    Some(Stored { shared: u16::from_le_bytes([s0, s1]).into(), rest, value })
}

fn check(entries: &[u8], expected: u32) -> Result<(), BlockError> {
    let (mut rest, mut key, mut count) = (entries, Vec::new(), 0_u32);
    while !rest.is_empty() {
        let damaged = BlockError::Damaged { at: (entries.len() - rest.len()) as u64 };
        let Some(entry) = first(&mut rest) else { return Err(damaged) };
        if entry.shared > key.len() || entry.shared + entry.rest.len() > crate::Block::MAX_KEY {
            return Err(damaged);
        }
        if count > 0 && entry.rest <= &key[entry.shared..] {
            return Err(damaged);
        }
        key.truncate(entry.shared);
        key.extend_from_slice(entry.rest);
        let Some(next) = count.checked_add(1) else { return Err(damaged) };
        count = next;
    }
    if count == expected { Ok(()) } else { Err(BlockError::Damaged { at: entries.len() as u64 + 8 }) }
}

/// A place in a block in Rust's own memory.
#[derive(Debug)]
pub(crate) struct PureCursor<'b> {
    rest: &'b [u8],
    key: Vec<u8>,
}

impl PureCursor<'_> {
    pub(crate) fn next(&mut self) -> Option<Entry<'_>> {
        let entry = first(&mut self.rest)?;
        self.key.truncate(entry.shared);
        self.key.extend_from_slice(entry.rest);
        Some(Entry { key: &self.key, value: entry.value })
    }
}
