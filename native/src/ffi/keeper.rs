//! Buffers that C allocates, and may therefore keep.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::table;
use super::{FunctionTable, out_of_memory};
use crate::guard::PanicGuard;
use crate::keeper::{BufferRepr, Keeps};
use crate::{Buffer, Released};

/// The owner of a `native_buffer`, which C allocated.
pub(crate) struct CBuffer {
    buffer: NonNull<table::Buffer>,
    table: &'static FunctionTable,
}

// SAFETY: it is the only owner of its object, which C frees on any thread.
unsafe impl Send for CBuffer {}
// SAFETY: a shared reference gives nothing but reading.
unsafe impl Sync for CBuffer {}

impl CBuffer {
    pub(super) fn new(table: &'static FunctionTable, length: usize) -> Self {
        // SAFETY: there is nothing to keep; the heap lives for good.
        let buffer = unsafe { (table.buffer_create)(table.heap, length) };
        let Some(buffer) = NonNull::new(buffer) else { out_of_memory(length) };
        Self { buffer, table }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the object is alive, and nobody writes to it while `self` is borrowed.
        unsafe { bytes(self.table, self.buffer) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let mut length = 0;
        // SAFETY: the object is alive and has `length` initialised bytes; `&mut self` is the only way to them.
        unsafe {
            let start = (self.table.buffer_bytes)(self.buffer.as_ptr(), &mut length);
            std::slice::from_raw_parts_mut(start, length)
        }
    }
}

/// # Safety
/// The buffer is alive and unchanged for `'a`.
unsafe fn bytes<'a>(table: &FunctionTable, buffer: NonNull<table::Buffer>) -> &'a [u8] {
    let mut length = 0;
    // SAFETY: C shows `length` initialised bytes; the caller vouches for the rest.
    unsafe {
        let start = (table.buffer_bytes)(buffer.as_ptr(), &mut length);
        std::slice::from_raw_parts(start, length)
    }
}

impl Drop for CBuffer {
    fn drop(&mut self) {
        // SAFETY: the object came from this table, and this value, its only owner, ends here.
        unsafe { (self.table.buffer_free)(self.buffer.as_ptr()) }
    }
}

/// What C keeps a pointer to, from one call to the next.
struct CallbackContext<'ctx> {
    released: Released<'ctx>,
    guard: PanicGuard,
}

/// Owns a `native_keeper` and the context that C keeps a pointer to. It stays on its thread, since the closure may.
pub(crate) struct CKeeper<'ctx> {
    keeper: NonNull<table::Keeper>,
    /// From `Box::into_raw`. Not a `Box`, which may not be moved while somebody else has a pointer into it.
    context: NonNull<CallbackContext<'ctx>>,
    table: &'static FunctionTable,
    owns: PhantomData<CallbackContext<'ctx>>,
}

impl<'ctx> CKeeper<'ctx> {
    pub(super) fn new(table: &'static FunctionTable, released: Released<'ctx>) -> Self {
        let context =
            NonNull::from(Box::leak(Box::new(CallbackContext { released, guard: PanicGuard::default() })));
        // SAFETY: the context lives until this value is dropped, which frees the keeper first; the heap lives for good.
        let keeper = unsafe { (table.keeper_create)(table.heap, on_release, context.as_ptr().cast()) };
        let Some(keeper) = NonNull::new(keeper) else { out_of_memory(size_of::<table::Keeper>()) };
        Self { keeper, context, table, owns: PhantomData }
    }
}

impl Keeps for CKeeper<'_> {
    fn keep(&mut self, buffer: Buffer) -> Result<(), Buffer> {
        let buffer = match buffer.0 {
            // Only what the same copy of the component made: its heap has to count it, and its allocator to free it.
            BufferRepr::C(buffer) if std::ptr::eq(self.table.heap, buffer.table.heap) => buffer,
            other => return Err(Buffer(other)),
        };
        let buffer = std::mem::ManuallyDrop::new(buffer);
        // SAFETY: both are alive and of one heap; C owns the buffer from here on, and Rust forgot it.
        unsafe { (self.table.keeper_keep)(self.keeper.as_ptr(), buffer.buffer.as_ptr()) };
        Ok(())
    }

    fn count(&self) -> usize {
        // SAFETY: the keeper is alive.
        unsafe { (self.table.keeper_count)(self.keeper.as_ptr()) }
    }

    fn hash(&self) -> u32 {
        // SAFETY: the keeper is alive.
        unsafe { (self.table.keeper_hash)(self.keeper.as_ptr()) }
    }

    fn newest(&self) -> Option<&[u8]> {
        // SAFETY: the keeper is alive.
        let buffer = NonNull::new(unsafe { (self.table.keeper_newest)(self.keeper.as_ptr()) })?;
        // SAFETY: C changes or frees it only in calls that need `&mut self`.
        Some(unsafe { bytes(self.table, buffer) })
    }

    fn take(&mut self) -> Option<Buffer> {
        // SAFETY: the keeper is alive; it gives up the buffer that it returns.
        let buffer = NonNull::new(unsafe { (self.table.keeper_take)(self.keeper.as_ptr()) })?;
        Some(CBuffer { buffer, table: self.table }.into())
    }

    fn release(&mut self) -> bool {
        // SAFETY: the keeper is alive, and so is its context, which nothing refers to now.
        let released = unsafe { (self.table.keeper_release)(self.keeper.as_ptr()) } != 0;
        // SAFETY: C has returned, so that nothing else refers to the context.
        unsafe { self.context.as_mut() }.guard.resume();
        released
    }
}

impl Drop for CKeeper<'_> {
    fn drop(&mut self) {
        // SAFETY: the keeper came from this table, and this value, its only owner, ends here. C calls the closure for
        // the last time, while its context is alive.
        unsafe { (self.table.keeper_free)(self.keeper.as_ptr()) };
        // SAFETY: it came from a box, and C has forgotten it.
        let mut context = unsafe { Box::from_raw(self.context.as_ptr()) };
        context.guard.resume_unless_panicking();
    }
}

/// # Safety
/// `context` is a `CallbackContext` that nobody else uses now; `start` has `length` initialised bytes.
unsafe extern "C" fn on_release(context: *mut c_void, start: *const u8, length: usize) {
    // SAFETY: C passes on the context that it keeps.
    let CallbackContext { released, guard } = unsafe { &mut *context.cast::<CallbackContext<'_>>() };
    // SAFETY: C frees the bytes after this call.
    let bytes = unsafe { std::slice::from_raw_parts(start, length) };
    guard.run(|| released(bytes));
}
