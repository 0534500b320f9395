//! The keeper in Rust alone.

use crate::guard::PanicGuard;
use crate::keeper::{BufferRepr, Keeps};
use crate::{Buffer, Released};

/// Buffers in Rust's own memory, the newest last.
pub(crate) struct PureKeeper<'ctx> {
    buffers: Vec<Vec<u8>>,
    released: Released<'ctx>,
    guard: PanicGuard,
}

impl<'ctx> PureKeeper<'ctx> {
    pub(super) fn new(released: Released<'ctx>) -> Self {
        Self { buffers: Vec::new(), released, guard: PanicGuard::default() }
    }

    fn release_guarded(&mut self) -> bool {
        let Some(bytes) = self.buffers.pop() else { return false };
        self.guard.run(|| (self.released)(&bytes));
        true
    }
}

impl Keeps for PureKeeper<'_> {
    fn keep(&mut self, buffer: Buffer) -> Result<(), Buffer> {
        match buffer.0 {
            BufferRepr::Rust(bytes) => {
                self.buffers.push(bytes);
                Ok(())
            }
            #[cfg(any(ffi, feature = "wasm"))]
            other => Err(Buffer(other)),
        }
    }

    fn count(&self) -> usize {
        self.buffers.len()
    }

    fn hash(&self) -> u32 {
        self.buffers.iter().rev().fold(super::FNV_START, |hash, bytes| super::fnv_on(hash, bytes))
    }

    fn newest(&self) -> Option<&[u8]> {
        self.buffers.last().map(Vec::as_slice)
    }

    fn take(&mut self) -> Option<Buffer> {
        self.buffers.pop().map(Buffer::in_rust)
    }

    fn release(&mut self) -> bool {
        let released = self.release_guarded();
        self.guard.resume();
        released
    }
}

impl Drop for PureKeeper<'_> {
    fn drop(&mut self) {
        while self.release_guarded() {}
        self.guard.resume_unless_panicking();
    }
}
