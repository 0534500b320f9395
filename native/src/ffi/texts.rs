//! Many texts in one object that C allocated.

use std::ptr::NonNull;

use super::table::{Batch, Slice};
use super::{FunctionTable, out_of_memory};

/// The owner of a `native_batch`, which C allocated.
pub(crate) struct CTexts {
    batch: NonNull<Batch>,
    count: usize,
    table: &'static FunctionTable,
}

// SAFETY: it is the only owner of an object that nobody changes, and C frees it on any thread.
unsafe impl Send for CTexts {}
// SAFETY: a shared reference gives nothing but reading.
unsafe impl Sync for CTexts {}

impl CTexts {
    /// Each text with its scalar values in reverse order.
    pub(super) fn reversed(table: &'static FunctionTable, texts: &[&str]) -> Self {
        // The layout of `&str` is Rust's own business, so C gets its own.
        let slices: Vec<Slice> =
            texts.iter().map(|text| Slice { start: text.as_ptr().cast(), length: text.len() }).collect();
        // SAFETY: `slices` holds that many slices, whose texts live as long as `texts`; C keeps none of it.
        let batch = unsafe { (table.reverse_batch)(table.heap, slices.as_ptr(), slices.len()) };
        let Some(batch) = NonNull::new(batch) else {
            out_of_memory(texts.iter().fold(0, |sum: usize, text| sum.saturating_add(text.len())));
        };
        Self { batch, count: slices.len(), table }
    }

    /// All texts, one after the other.
    pub(crate) fn bytes(&self) -> &str {
        let length = self.ends().last().copied().unwrap_or(0);
        // SAFETY: C initialised that many bytes, which live and stay as they are as long as this value.
        let bytes = unsafe {
            let start = (self.table.batch_bytes)(self.batch.as_ptr());
            std::slice::from_raw_parts(start.cast::<u8>(), length)
        };
        debug_assert!(std::str::from_utf8(bytes).is_ok(), "C broke the promise of native.h");
        // SAFETY: C was given valid UTF-8 and copied each scalar value whole, so this is valid as well.
        unsafe { std::str::from_utf8_unchecked(bytes) }
    }

    /// The end of each text in these bytes.
    pub(crate) fn ends(&self) -> &[usize] {
        // SAFETY: C initialised `count` numbers, which live and stay as they are as long as this value.
        unsafe { std::slice::from_raw_parts((self.table.batch_ends)(self.batch.as_ptr()), self.count) }
    }
}

impl Drop for CTexts {
    fn drop(&mut self) {
        // SAFETY: the object came from this table, and this value, its only owner, ends here.
        unsafe { (self.table.batch_free)(self.batch.as_ptr()) }
    }
}
