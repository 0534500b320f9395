//! The safe face of the C component, for every backend that reaches it by native calls: `c` links it, `dlopen` finds it
//! when the program runs. What differs is where the [`FunctionTable`] of functions comes from.
//!
//! Every handle here is the only owner of its C object, and refers to the table that made it, so that what one copy of
//! the component allocated is freed by the same copy.
#![expect(unsafe_code, reason = "this module and its children are where Rust meets C")]

mod block;
mod calls;
mod heap;
mod keeper;
mod people;
mod source;
mod table;
#[cfg(all(test, feature = "native"))]
mod tests;
mod text;
mod texts;

pub(crate) use block::{CBlock, CCursor};
pub(crate) use calls::Calls;
pub(crate) use heap::Heap;
pub(crate) use keeper::{CBuffer, CKeeper};
pub(crate) use people::CPerson;
pub(crate) use table::FunctionTable;
#[cfg(feature = "native")]
pub(crate) use table::linked;
#[cfg(feature = "native")]
pub use text::CText;
#[cfg(not(feature = "native"))]
pub(crate) use text::CText;
pub(crate) use texts::CTexts;

use std::alloc::{Layout, handle_alloc_error};

/// Ends the process the way Rust's own allocations do.
#[cold]
fn out_of_memory(bytes: usize) -> ! {
    handle_alloc_error(Layout::array::<u8>(bytes).unwrap_or(Layout::new::<u8>()))
}
