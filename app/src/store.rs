//! A store of keys and values behind one trait, with an engine in C (SQLite, feature `native`) and one in Rust (redb,
//! feature `pure`).
//!
//! Keys and values are bytes; rows are ordered by their keys, compared as bytes. Each store is one file that one process
//! has open at a time. What a call has written is on the disk when the call returns.

mod batch;
pub(crate) mod check;
pub(crate) mod command;
mod create;
mod dump;
mod engine;
mod error;
mod migrate;
mod range;
#[cfg(feature = "pure")]
mod redb;
#[cfg(feature = "native")]
mod sqlite;
mod stats;
pub(crate) mod text;

#[cfg(test)]
mod tests;

pub(crate) use batch::Batch;
pub(crate) use engine::{COMPILED, Engine, create_or_open, in_memory, open};
pub(crate) use error::StoreError;
pub(crate) use range::Range;
pub(crate) use stats::Stats;

use std::fmt::Debug;
use std::ops::ControlFlow;

/// The most bytes of a key: what a block of the C component may have, so that every row fits in one.
pub(crate) const MAX_KEY: usize = native::Block::MAX_KEY;
/// The most bytes of a value. A batch holds a whole value, so this bounds what a scan needs.
pub(crate) const MAX_VALUE: usize = 16 << 20;

/// One thing to do to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Give this key this value, whatever it had.
    Put(Vec<u8>, Vec<u8>),
    /// Take out this key, if it is there.
    Delete(Vec<u8>),
}

/// The number of rows that one [`Store::apply`] changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Rows that were written.
    pub(crate) put: u64,
    /// Rows that were there and are gone.
    pub(crate) deleted: u64,
}

/// Sees the rows of a scan, some at a time.
pub(crate) type Visit<'a> = dyn FnMut(&Batch) -> Result<ControlFlow<()>, StoreError> + 'a;

/// What both engines do. All of them give equal answers.
pub(crate) trait Store: Debug + Send + Sync {
    /// Which engine this is.
    fn engine(&self) -> Engine;

    /// The value of this key, if there is one.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Shows all rows of the range in ascending order of their keys, in batches, until the visitor breaks. All batches
    /// are of one moment, whatever is written meanwhile. The visitor must not use this store.
    fn scan(&self, range: &Range, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Makes all changes in one transaction: when this returns, all of them are on the disk, and if it fails (or the
    /// process ends), none of them is. An error among the changes ends it too.
    fn apply(
        &self,
        changes: &mut dyn Iterator<Item = Result<Change, StoreError>>,
    ) -> Result<Applied, StoreError>;

    /// Writes one row, in a transaction of its own.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let change = Change::Put(key.to_vec(), value.to_vec());
        self.apply(&mut std::iter::once(Ok(change))).map(drop)
    }

    /// Takes out one row, and says whether it was there.
    fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
        let change = Change::Delete(key.to_vec());
        Ok(self.apply(&mut std::iter::once(Ok(change)))?.deleted > 0)
    }
}

impl Change {
    /// Whether key and value are as long as may be. The engines ask this of every change.
    fn check(&self) -> Result<(), StoreError> {
        let (Self::Put(key, _) | Self::Delete(key)) = self;
        if key.len() > MAX_KEY {
            return Err(StoreError::LongKey(key.len()));
        }
        match self {
            Self::Put(_, value) if value.len() > MAX_VALUE => Err(StoreError::LongValue(value.len())),
            _ => Ok(()),
        }
    }
}
