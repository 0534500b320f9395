//! A text that C allocated.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

use super::{FunctionTable, out_of_memory};

/// An owned text in memory that C allocated and that C frees, once, when this value is dropped.
pub struct CText {
    /// The first of `length` bytes of UTF-8 that nobody else refers to.
    start: NonNull<u8>,
    /// In bytes, without the NUL that C puts at the end.
    length: usize,
    table: &'static FunctionTable,
}

// SAFETY: it is the only owner of memory that nobody changes, and C's allocator takes memory back from any thread.
unsafe impl Send for CText {}
// SAFETY: a shared reference gives nothing but reading.
unsafe impl Sync for CText {}

impl CText {
    /// The scalar values of `text` in reverse order.
    pub(super) fn reversed(table: &'static FunctionTable, text: &str) -> Self {
        // SAFETY: C reads `text.len()` bytes at that address, and keeps nothing of them.
        let start = unsafe { (table.reverse_string)(table.heap, text.as_ptr().cast(), text.len()) };
        let Some(start) = NonNull::new(start.cast::<u8>()) else { out_of_memory(text.len()) };
        Self { start, length: text.len(), table }
    }

    /// Returns the text as a string slice.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // SAFETY: C initialised `length` bytes, and they stay as they are until `drop`, which `&self` outlives not.
        let bytes = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) };
        debug_assert!(std::str::from_utf8(bytes).is_ok(), "C broke the promise of native.h");
        // SAFETY: C was given valid UTF-8 and copied each scalar value whole, so this is valid as well.
        unsafe { std::str::from_utf8_unchecked(bytes) }
    }
}

impl Drop for CText {
    fn drop(&mut self) {
        // SAFETY: the memory came from native_reverse_string of this table with this length, and this value, its only
        // owner, ends here.
        unsafe { (self.table.text_free)(self.table.heap, self.start.as_ptr().cast(), self.length) }
    }
}

impl Deref for CText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for CText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
