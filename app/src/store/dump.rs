//! Dumps: all rows of a store in a file that every build of this program reads, whatever engines it has.
//!
//! Version 1. Integers are little-endian. Nothing follows the end.
//!
//! ```text
//! 8 bytes  "APPDUMP\n"
//! u32      1, the version
//! rows in strictly ascending order of their keys, each
//!     u32  bytes of the key, at most 65,535
//!     u32  bytes of the value, at most 16 MiB
//!     the key, the value
//! end
//!     u32  0xffffffff
//!     u64  number of rows
//!     u64  FNV-1a (64 bits) over all rows as they stand in the file
//! ```

use std::io::{ErrorKind, Read, Write};
use std::ops::ControlFlow;

use super::{Batch, Change, MAX_KEY, MAX_VALUE, Range, Stats, Store, StoreError};

/// What every dump begins with.
pub(super) const MAGIC: &[u8] = b"APPDUMP\n";
const VERSION: u32 = 1;
const END: u32 = u32::MAX;

/// Writes all rows, as they are at one moment.
pub(super) fn write(store: &dyn Store, out: &mut dyn Write) -> Result<Stats, StoreError> {
    let writing = || StoreError::io("write the dump");
    out.write_all(MAGIC).and_then(|()| out.write_all(&VERSION.to_le_bytes())).map_err(writing())?;
    let mut stats = Stats::default();
    let mut bytes = Vec::new();
    store.scan(&Range::all(), &mut |batch: &Batch| {
        for (key, value) in batch.rows() {
            bytes.clear();
            encode(key, value, &mut bytes)?;
            stats.add(key, value);
            out.write_all(&bytes).map_err(writing())?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    bytes.clear();
    bytes.extend(END.to_le_bytes());
    bytes.extend(stats.rows.to_le_bytes());
    bytes.extend(stats.digest.to_le_bytes());
    out.write_all(&bytes).and_then(|()| out.flush()).map_err(writing())?;
    Ok(stats)
}

/// One row as it stands in a dump.
fn encode(key: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), StoreError> {
    // A store of ours has no longer ones, but a file may have been changed by another program.
    let key_len = u32::try_from(key.len()).ok().filter(|&n| n as usize <= MAX_KEY);
    let value_len = u32::try_from(value.len()).ok().filter(|&n| n as usize <= MAX_VALUE);
    out.extend(key_len.ok_or(StoreError::LongKey(key.len()))?.to_le_bytes());
    out.extend(value_len.ok_or(StoreError::LongValue(value.len()))?.to_le_bytes());
    out.extend(key);
    out.extend(value);
    Ok(())
}

/// Reads a dump row by row. Its end, with the count and the checksum, is checked when it comes: a transaction that is fed
/// from this fails at the end of a damaged dump, and leaves nothing behind.
#[derive(Debug)]
pub(super) struct DumpReader<R> {
    input: R,
    seen: Stats,
    before: Option<Vec<u8>>,
    done: bool,
}

impl<R: Read> DumpReader<R> {
    /// Reads the begin of a dump.
    pub(super) fn new(mut input: R) -> Result<Self, StoreError> {
        let mut begin = [0; MAGIC.len()];
        fill(&mut input, &mut begin)?;
        if begin != MAGIC {
            return Err(StoreError::BadDump("it does not begin with APPDUMP".into()));
        }
        let version = u32::from_le_bytes(array(&mut input)?);
        if version != VERSION {
            return Err(StoreError::BadDump(format!(
                "it has version {version}, this program reads {VERSION}"
            )));
        }
        Ok(Self { input, seen: Stats::default(), before: None, done: false })
    }

    fn row(&mut self) -> Result<Option<Change>, StoreError> {
        let row = self.seen.rows;
        let key_len = u32::from_le_bytes(array(&mut self.input)?);
        if key_len == END {
            return self.end().map(|()| None);
        }
        let value_len = u32::from_le_bytes(array(&mut self.input)?);
        // Before the memory is asked for.
        if key_len as usize > MAX_KEY || value_len as usize > MAX_VALUE {
            return Err(StoreError::BadDump(format!("row {row} is longer than a row can be")));
        }
        let key = take(&mut self.input, key_len)?;
        let value = take(&mut self.input, value_len)?;
        if self.before.as_ref().is_some_and(|before| *before >= key) {
            return Err(StoreError::BadDump(format!("row {row} is not in order")));
        }
        self.seen.add(&key, &value);
        self.before = Some(key.clone());
        Ok(Some(Change::Put(key, value)))
    }

    fn end(&mut self) -> Result<(), StoreError> {
        let rows = u64::from_le_bytes(array(&mut self.input)?);
        let digest = u64::from_le_bytes(array(&mut self.input)?);
        if rows != self.seen.rows {
            return Err(StoreError::BadDump(format!("it states {rows} rows and has {}", self.seen.rows)));
        }
        if digest != self.seen.digest {
            return Err(StoreError::BadDump("its checksum is another one".into()));
        }
        match self.input.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(StoreError::BadDump("something follows its end".into())),
            Err(error) => Err(StoreError::Io("read the dump".into(), error)),
        }
    }
}

impl<R: Read> Iterator for DumpReader<R> {
    type Item = Result<Change, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let row = self.row();
        self.done = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

/// That many bytes. Memory grows with what is there, not with what is stated.
fn take(input: &mut impl Read, length: u32) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let got =
        input.take(u64::from(length)).read_to_end(&mut bytes).map_err(StoreError::io("read the dump"))?;
    if got == length as usize { Ok(bytes) } else { Err(ended()) }
}

fn array<const N: usize>(input: &mut impl Read) -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    fill(input, &mut bytes).map(|()| bytes)
}

fn fill(input: &mut impl Read, bytes: &mut [u8]) -> Result<(), StoreError> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => ended(),
        _ => StoreError::Io("read the dump".into(), error),
    })
}

fn ended() -> StoreError {
    StoreError::BadDump("it ends in the middle".into())
}
