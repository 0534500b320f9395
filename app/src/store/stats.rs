//! What is in a store, in numbers that do not depend on the engine.

use std::ops::ControlFlow;

use super::{Batch, Range, Store, StoreError};

/// The numbers of a store, or of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stats {
    /// The number of rows.
    pub(crate) rows: u64,
    /// Bytes of all keys.
    pub(crate) key_bytes: u64,
    /// Bytes of all values.
    pub(crate) value_bytes: u64,
    /// FNV-1a (64 bits) over all rows as a dump has them: equal for equal contents. It finds accidents, not attacks.
    pub(crate) digest: u64,
}

impl Default for Stats {
    fn default() -> Self {
        // FNV's offset basis.
        Self { rows: 0, key_bytes: 0, value_bytes: 0, digest: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Stats {
    /// The numbers of this store.
    pub(crate) fn of(store: &dyn Store) -> Result<Self, StoreError> {
        let mut stats = Self::default();
        store.scan(&Range::all(), &mut |batch: &Batch| {
            batch.rows().for_each(|(key, value)| stats.add(key, value));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(stats)
    }

    /// Counts one more row.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows += 1;
        self.key_bytes += key.len() as u64;
        self.value_bytes += value.len() as u64;
        // Lengths are below 2³², as the limits of a store have it.
        self.hash(&(key.len() as u32).to_le_bytes());
        self.hash(&(value.len() as u32).to_le_bytes());
        self.hash(key);
        self.hash(value);
    }

    fn hash(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
