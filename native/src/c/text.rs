//! A text that C allocated.

use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

use super::sys;

/// An owned text in memory that C allocated and that C frees, once, when this value is dropped.
pub struct CText {
    /// The first of `length` bytes of UTF-8 that nobody else refers to.
    start: NonNull<u8>,
    /// In bytes, without the NUL that C puts at the end.
    length: usize,
}

// SAFETY: it is the only owner of memory that nobody changes, and C's allocator takes memory back from any thread.
unsafe impl Send for CText {}
// SAFETY: a shared reference gives nothing but reading.
unsafe impl Sync for CText {}

impl CText {
    /// The scalar values of `text` in reverse order.
    pub(super) fn reversed(text: &str) -> Self {
        // SAFETY: C reads `text.len()` bytes at that address, and keeps nothing.
        let start = unsafe { sys::native_reverse_string(text.as_ptr().cast(), text.len()) };
        let Some(start) = NonNull::new(start.cast::<u8>()) else { out_of_memory(text.len()) };
        Self { start, length: text.len() }
    }

    /// The text.
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
        // SAFETY: the memory came from native_reverse_string and this value, its only owner, ends here.
        unsafe { sys::native_text_free(self.start.as_ptr().cast()) }
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

/// Ends the process the way Rust's own allocations do.
#[cold]
fn out_of_memory(length: usize) -> ! {
    // A str has at most isize::MAX bytes, for which a layout with alignment 1 exists.
    handle_alloc_error(Layout::array::<u8>(length).unwrap_or(Layout::new::<u8>()))
}
