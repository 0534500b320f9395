//! Reads `/etc/ld.so.cache` in the format `glibc-ld.so.cache1.1` (sysdeps/generic/dl-cache.h in glibc).

use crate::facts::Endian;

/// A library in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LdCacheEntry {
    /// The name of the library, as programs request it.
    pub(super) name: String,
    /// The path of the library's file.
    pub(super) path: String,
    /// The processors that the library is for, in the format of the entry's field `hwcap`; 0 for all.
    pub(super) hwcap: u64,
}

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// The start of an older cache; the new format may follow it.
const OLD: &[u8] = b"ld.so-1.7.0";
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// The maximum number of entries. The cache of a whole desktop has about 3000.
const ENTRIES_MAX: usize = 1 << 16;

/// Returns the entries in the cache's order. A damaged cache or another format has no entries, as for the
/// loader.
pub(super) fn parse(bytes: &[u8], endian: Endian) -> Vec<LdCacheEntry> {
    let word = |at: usize| {
        let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if endian == Endian::Little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) })
    };
    let start = if bytes.starts_with(OLD) {
        // An old header has 16 bytes, and an old entry has 12. The new format begins at the next multiple of
        // 8.
        let count = word(12).map_or(0, |count| count as usize).min(ENTRIES_MAX);
        (16 + 12 * count).next_multiple_of(8)
    } else {
        0
    };
    let Some(new) = bytes.get(start..).filter(|new| new.starts_with(MAGIC)) else { return Vec::new() };
    let text = |at: u32| {
        let rest = new.get(at as usize..)?;
        std::ffi::CStr::from_bytes_until_nul(rest.get(..rest.len().min(4096))?).ok()?.to_str().ok()
    };
    let count = word(start + 20).map_or(0, |count| count as usize).min(ENTRIES_MAX);
    let entries = (0..count).map_while(|i| {
        let at = start + HEADER + i * ENTRY;
        let (name, path) = (text(word(at + 4)?), text(word(at + 8)?));
        let (first, second) = (u64::from(word(at + 16)?), u64::from(word(at + 20)?));
        let hwcap = if endian == Endian::Little { first | second << 32 } else { first << 32 | second };
        Some(name.zip(path).map(|(name, path)| LdCacheEntry {
            name: name.to_owned(),
            path: path.to_owned(),
            hwcap,
        }))
    });
    entries.flatten().collect()
}
