//! Some rows in one piece of memory.

use std::ops::ControlFlow;

use super::{StoreError, Visit};

/// The most rows of a batch.
const ROWS: usize = 256;
/// A batch with this many bytes is full, so it holds at most this and one row.
const BYTES: usize = 1 << 20;

/// Some rows, in two allocations whatever their number: a scan uses the same two from end to end.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Where each key and each value ends.
    ends: Vec<(usize, usize)>,
}

impl Batch {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All rows in order: key and value.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut begin = 0;
        self.ends.iter().map(move |&(key, value)| {
            let row = (&self.bytes[begin..key], &self.bytes[key..value]);
            begin = value;
            row
        })
    }

    /// Adds a row, and shows the batch to the visitor where that made it full.
    pub(super) fn push(
        &mut self,
        key: &[u8],
        value: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, StoreError> {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len()));
        if self.len() < ROWS && self.bytes.len() < BYTES {
            return Ok(ControlFlow::Continue(()));
        }
        self.flush(visit)
    }

    /// Shows what is left to the visitor.
    pub(super) fn flush(&mut self, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, StoreError> {
        if self.ends.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let flow = visit(self)?;
        self.bytes.clear();
        self.ends.clear();
        Ok(flow)
    }
}
