//! What the module may ask of its host, and how the host gets to hear of it.
//!
//! A function of the host would have to be `'static`, which a caller's closure is not. So these functions do nothing but
//! stop the interpreter with the question; whoever made the call answers it, with all that it has borrowed, and lets the
//! interpreter go on. A panic never meets a frame of the module.

use std::fmt;

use wasmi::errors::HostError;
use wasmi::{Caller, Engine, Error, Linker};

/// A question of the module. Addresses and lengths are its own, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum HostCall {
    /// A call of `native_visit` with this element.
    Visit(i32),
    /// A call of `native_source.read`: the address and length of the memory to fill, and where the number read goes.
    Read { into: u32, length: u32, got: u32 },
    /// A call of `native_source.seek` to this offset.
    Seek(u64),
    /// A call of `native_source.size`, whose result goes to this address.
    Size(u32),
    /// A call of `native_released`, which has no answer.
    Released { bytes: u32, length: u32 },
}

impl fmt::Display for HostCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the module asks {self:?}")
    }
}

impl HostError for HostCall {}

fn ask<T>(call: HostCall) -> Result<T, Error> {
    Err(Error::host(call))
}

/// All that the module can see of the world.
pub(super) fn linker(engine: &Engine) -> Result<Linker<()>, Error> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "visit", |_: Caller<'_, ()>, value: i32| ask::<i32>(HostCall::Visit(value)))?;
    linker.func_wrap("host", "read", |_: Caller<'_, ()>, into: u32, length: u32, got: u32| {
        ask::<i32>(HostCall::Read { into, length, got })
    })?;
    linker.func_wrap("host", "seek", |_: Caller<'_, ()>, offset: u64| ask::<i32>(HostCall::Seek(offset)))?;
    linker.func_wrap("host", "size", |_: Caller<'_, ()>, size: u32| ask::<i32>(HostCall::Size(size)))?;
    linker.func_wrap("host", "released", |_: Caller<'_, ()>, bytes: u32, length: u32| {
        ask::<()>(HostCall::Released { bytes, length })
    })?;
    Ok(linker)
}
