//! A keeper in an instance of its own.

use std::cell::RefCell;

use super::host::HostCall;
use super::instance::Instance;
use crate::guard::PanicGuard;
use crate::keeper::{BufferRepr, Keeps};
use crate::{Buffer, Released};

/// A keeper, and the instance that it lies in. What it is given is copied in, and what it gives back is copied out.
pub(super) struct WasmKeeper<'ctx> {
    /// Asking the module for a hash changes its stack, though nothing else.
    instance: RefCell<Instance>,
    keeper: u32,
    released: Released<'ctx>,
    guard: PanicGuard,
    /// A copy of the newest buffer: the module's memory may move whenever it runs.
    newest: Option<Vec<u8>>,
}

impl<'ctx> WasmKeeper<'ctx> {
    pub(super) fn new(released: Released<'ctx>) -> Self {
        let mut instance = Instance::new();
        let keeper = instance.call("wasm_keeper_create", ());
        let keeper = instance.object(keeper, 1);
        instance.count();
        Self {
            instance: RefCell::new(instance),
            keeper,
            released,
            guard: PanicGuard::default(),
            newest: None,
        }
    }

    /// Calls a function of the keeper that tells about what it frees.
    fn telling(&mut self, function: &str) -> u32 {
        let (released, guard) = (&mut self.released, &mut self.guard);
        let mut answer = |instance: &mut Instance, call| {
            if let HostCall::Released { bytes, length } = call {
                guard.run(|| released(instance.bytes(bytes, length)));
            }
            0
        };
        let instance = self.instance.get_mut();
        let result = instance.call_back(function, &[self.keeper], &mut answer);
        instance.count();
        result
    }

    fn look(&mut self) {
        let instance = self.instance.get_mut();
        let buffer: u32 = instance.call("native_keeper_newest", self.keeper);
        self.newest = (buffer != 0).then(|| content(instance, buffer));
    }
}

/// A copy of what is in the buffer at this address.
fn content(instance: &mut Instance, buffer: u32) -> Vec<u8> {
    let length = instance.take(4);
    let bytes: u32 = instance.call("native_buffer_bytes", (buffer, length));
    let content = instance.bytes(bytes, instance.u32_at(length)).to_vec();
    instance.give(length);
    content
}

impl Keeps for WasmKeeper<'_> {
    fn keep(&mut self, buffer: Buffer) -> Result<(), Buffer> {
        let bytes = match buffer.0 {
            BufferRepr::Wasm(bytes) => bytes,
            other => return Err(Buffer(other)),
        };
        let instance = self.instance.get_mut();
        let Ok(length) = u32::try_from(bytes.len()) else { return Err(Buffer(BufferRepr::Wasm(bytes))) };
        let heap = instance.heap();
        let made: u32 = instance.call("native_buffer_create", (heap, length));
        let made = instance.object(made, bytes.len());
        let scratch = instance.take(4);
        let start: u32 = instance.call("native_buffer_bytes", (made, scratch));
        instance.give(scratch);
        instance.bytes_mut(start, length).copy_from_slice(&bytes);
        instance.call::<_, ()>("native_keeper_keep", (self.keeper, made));
        instance.count();
        self.newest = Some(bytes);
        Ok(())
    }

    fn count(&self) -> usize {
        self.instance.borrow_mut().call::<_, u32>("native_keeper_count", self.keeper) as usize
    }

    fn hash(&self) -> u32 {
        self.instance.borrow_mut().call("native_keeper_hash", self.keeper)
    }

    fn newest(&self) -> Option<&[u8]> {
        self.newest.as_deref()
    }

    fn take(&mut self) -> Option<Buffer> {
        let instance = self.instance.get_mut();
        let buffer: u32 = instance.call("native_keeper_take", self.keeper);
        if buffer == 0 {
            return None;
        }
        let bytes = content(instance, buffer);
        instance.call::<_, ()>("native_buffer_free", buffer);
        instance.count();
        self.look();
        Some(Buffer::outside_of_wasm(bytes))
    }

    fn release(&mut self) -> bool {
        let released = self.telling("native_keeper_release") != 0;
        self.look();
        self.guard.resume();
        released
    }
}

impl Drop for WasmKeeper<'_> {
    fn drop(&mut self) {
        self.telling("native_keeper_free");
        self.guard.resume_unless_panicking();
    }
}
