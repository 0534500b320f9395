//! A block in an instance of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::host::HostCall;
use super::instance::Instance;
use crate::guard::PanicGuard;
use crate::source::{self, Source};
use crate::{BlockError, Entry, codes};

/// A block, and the instance that it lies in.
pub(crate) struct WasmBlock {
    instance: Mutex<Instance>,
    block: u32,
    count: u32,
}

impl WasmBlock {
    pub(super) fn read(from: &mut dyn Source) -> Result<Self, BlockError> {
        let mut instance = Instance::new();
        let (mut guard, mut error) = (PanicGuard::default(), None);
        // The detail, and the block's address.
        let results = instance.take(16);
        let mut answer = |instance: &mut Instance, call| {
            let result = guard.run(|| match call {
                HostCall::Read { into, length, got } => {
                    let read = source::read(from, instance.bytes_mut(into, length))?;
                    instance.bytes_mut(got, 4).copy_from_slice(&(read as u32).to_le_bytes());
                    Ok(())
                }
                HostCall::Seek(offset) => source::seek(from, offset),
                HostCall::Size(at) => {
                    let size = source::size(from)?;
                    instance.bytes_mut(at, 8).copy_from_slice(&size.to_le_bytes());
                    Ok(())
                }
                HostCall::Visit(_) | HostCall::Released { .. } => unreachable!("a reader does not ask that"),
            });
            match result {
                Some(Ok(())) => 0,
                Some(Err(its)) => {
                    error = Some(its);
                    1
                }
                None => 1,
            }
        };
        let code = instance.call_back("wasm_block_read", &[results + 8, results], &mut answer) as i32;
        guard.resume();
        if code != codes::OK {
            return Err(codes::block(code, instance.u64_at(results), error));
        }
        let block = instance.u32_at(results + 8);
        instance.give(results);
        let count = instance.call("native_block_count", block);
        instance.count();
        Ok(Self { instance: Mutex::new(instance), block, count })
    }

    fn lock(&self) -> MutexGuard<'_, Instance> {
        self.instance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn cursor(&self) -> WasmCursor<'_> {
        let mut instance = self.lock();
        let cursor = instance.call("native_cursor_create", self.block);
        let cursor = instance.object(cursor, 1);
        let entry = instance.take(16);
        instance.count();
        WasmCursor { block: self, cursor, entry, key: Vec::new(), value: Vec::new() }
    }
}

/// A cursor in the block's instance, and copies of what it shows.
pub(crate) struct WasmCursor<'b> {
    block: &'b WasmBlock,
    cursor: u32,
    /// The address of a `native_entry`.
    entry: u32,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl WasmCursor<'_> {
    pub(crate) fn next(&mut self) -> Option<Entry<'_>> {
        let mut instance = self.block.lock();
        if instance.call::<_, i32>("native_cursor_next", (self.cursor, self.entry)) == 0 {
            return None;
        }
        for (copy, field) in [(&mut self.key, self.entry), (&mut self.value, self.entry + 8)] {
            copy.clear();
            copy.extend_from_slice(instance.bytes(instance.u32_at(field), instance.u32_at(field + 4)));
        }
        Some(Entry { key: &self.key, value: &self.value })
    }
}

impl Drop for WasmCursor<'_> {
    fn drop(&mut self) {
        let mut instance = self.block.lock();
        instance.call::<_, ()>("native_cursor_free", self.cursor);
        instance.give(self.entry);
        instance.count();
    }
}
