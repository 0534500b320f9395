//! The backend in C, compiled from `c/` by a C compiler and linked into the program. Needs the feature `native`.

pub use crate::ffi::CText;

use crate::ffi::{Calls, FunctionTable, Heap, linked};

/// The backend in C.
#[derive(Debug, Clone, Copy, Default)]
pub struct C;

static HEAP: Heap = Heap::new(usize::MAX);
static TABLE: FunctionTable = linked(&HEAP);

impl Calls for C {
    fn name(&self) -> &'static str {
        "c"
    }

    #[inline]
    fn table(&self) -> &'static FunctionTable {
        &TABLE
    }
}
