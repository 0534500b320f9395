//! Blocks and cursors that C allocates.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use super::source::Reading;
use super::table::{Block, Cursor};
use super::{FunctionTable, out_of_memory};
use crate::source::Source;
use crate::{BlockError, Entry, codes};

/// The owner of a `native_block`, which C allocated.
pub(crate) struct CBlock {
    block: NonNull<Block>,
    table: &'static FunctionTable,
}

// SAFETY: it is the only owner of an object that nobody changes, and C frees it on any thread.
unsafe impl Send for CBlock {}
// SAFETY: a shared reference gives nothing but reading.
unsafe impl Sync for CBlock {}

impl CBlock {
    pub(super) fn read(table: &'static FunctionTable, source: &mut dyn Source) -> Result<Self, BlockError> {
        let mut reading = Reading::new(source);
        let (mut block, mut detail) = (ptr::null_mut(), 0);
        let functions = reading.functions();
        // SAFETY: the functions get the context that belongs to them, which nothing else uses during the call; the two
        // results are this function's own.
        let code = unsafe { (table.block_read)(table.heap, &functions, &mut block, &mut detail) };
        let block = NonNull::new(block).map(|block| Self { block, table });
        // From here on a panic of the source drops the block, if C made one after all.
        let error = reading.end();
        match (code, block) {
            (codes::OK, Some(block)) => Ok(block),
            (code, _) => Err(codes::block(code, detail, error)),
        }
    }

    pub(crate) fn count(&self) -> u32 {
        // SAFETY: the object is alive.
        unsafe { (self.table.block_count)(self.block.as_ptr()) }
    }

    pub(crate) fn cursor(&self) -> CCursor<'_> {
        // SAFETY: the block is alive, and the cursor's lifetime keeps it so.
        let cursor = unsafe { (self.table.cursor_create)(self.block.as_ptr()) };
        let Some(cursor) = NonNull::new(cursor) else { out_of_memory(size_of::<Cursor>()) };
        CCursor { cursor, table: self.table, block: PhantomData }
    }
}

impl Drop for CBlock {
    fn drop(&mut self) {
        // SAFETY: the object came from this table; no cursor is left, since each borrows this value, which ends here.
        unsafe { (self.table.block_free)(self.block.as_ptr()) }
    }
}

/// Owns a `native_cursor`, which borrows its block.
pub(crate) struct CCursor<'b> {
    cursor: NonNull<Cursor>,
    table: &'static FunctionTable,
    block: PhantomData<&'b CBlock>,
}

// SAFETY: it is the only owner of its object, which reads a block that nobody changes, and C frees it on any thread.
unsafe impl Send for CCursor<'_> {}
// SAFETY: a shared reference gives nothing at all.
unsafe impl Sync for CCursor<'_> {}

impl CCursor<'_> {
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Entry<'_>> {
        let mut entry = MaybeUninit::uninit();
        // SAFETY: the cursor is alive, and so is its block; C writes the entry where it returns 1.
        let entry = unsafe {
            if (self.table.cursor_next)(self.cursor.as_ptr(), entry.as_mut_ptr()) == 0 {
                return None;
            }
            entry.assume_init()
        };
        // SAFETY: both are initialised bytes in the cursor and in the block. They stay as they are until the next call
        // for this cursor, which needs `&mut self`, and so cannot happen while what is returned is in use.
        unsafe {
            Some(Entry {
                key: std::slice::from_raw_parts(entry.key, entry.key_length),
                value: std::slice::from_raw_parts(entry.value, entry.value_length),
            })
        }
    }
}

impl Drop for CCursor<'_> {
    fn drop(&mut self) {
        // SAFETY: the object came from this table, its block is alive, and this value, its only owner, ends here.
        unsafe { (self.table.cursor_free)(self.cursor.as_ptr()) }
    }
}
