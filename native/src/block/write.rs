//! Writing a block. It is done in Rust only: what the backends differ in is reading.

use std::collections::BTreeMap;
use std::fmt;

use super::Block;
use crate::pure::fnv;

/// Why there is no block with these entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteError {
    /// A key is longer than [`Block::MAX_KEY`].
    LongKey {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// All entries together take more than [`Block::MAX_BYTES`].
    TooLarge,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LongKey { bytes } => {
                write!(f, "a key has {bytes} bytes, at most {} are possible", Block::MAX_KEY)
            }
            Self::TooLarge => write!(f, "the entries take more than {} bytes", Block::MAX_BYTES),
        }
    }
}

impl std::error::Error for WriteError {}

/// The block with these entries.
///
/// # Errors
/// If a key or the whole is too long.
pub fn write<K: AsRef<[u8]> + Ord, V: AsRef<[u8]>>(entries: &BTreeMap<K, V>) -> Result<Vec<u8>, WriteError> {
    let mut bytes = Vec::new();
    // A type may be ordered otherwise than its bytes, which are what counts here.
    let entries: BTreeMap<&[u8], &[u8]> = entries.iter().map(|(k, v)| (k.as_ref(), v.as_ref())).collect();
    let mut before: &[u8] = &[];
    for (&key, &value) in &entries {
        let shared = before.iter().zip(key).take_while(|(a, b)| a == b).count();
        let rest = &key[shared..];
        let long = |_| WriteError::LongKey { bytes: key.len() };
        // A key that fits has parts that fit; one that does not must be refused whatever it shares.
        u16::try_from(key.len()).map_err(long)?;
        bytes.extend(u16::try_from(shared).map_err(long)?.to_le_bytes());
        bytes.extend(u16::try_from(rest.len()).map_err(long)?.to_le_bytes());
        bytes.extend(u32::try_from(value.len()).map_err(|_| WriteError::TooLarge)?.to_le_bytes());
        bytes.extend(rest);
        bytes.extend(value);
        if bytes.len() as u64 > Block::MAX_BYTES {
            return Err(WriteError::TooLarge);
        }
        before = key;
    }
    let count = u32::try_from(entries.len()).map_err(|_| WriteError::TooLarge)?;
    let (length, checksum) = (bytes.len() as u64, fnv(&bytes));
    bytes.extend(length.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(checksum.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(b"NBLK");
    Ok(bytes)
}
