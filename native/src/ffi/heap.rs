//! `native_heap`: what one copy of the component holds for this program.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Held;

/// `native_heap` of c/native.h, whose counters C changes.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Heap {
    bytes: AtomicUsize,
    blocks: AtomicUsize,
    limit: usize,
}

impl Heap {
    /// A heap that holds nothing yet, and never more than `limit` bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), blocks: AtomicUsize::new(0), limit }
    }

    /// What is held now.
    pub(crate) fn held(&self) -> Held {
        Held { bytes: self.bytes.load(Ordering::Relaxed), objects: self.blocks.load(Ordering::Relaxed) }
    }
}
