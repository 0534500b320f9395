//! `native_source` over anything that is `Read` and `Seek`.

use std::ffi::c_void;
use std::io;

use super::table;
use crate::guard::PanicGuard;
use crate::source::{self, Source};

/// What C gets a pointer to while it reads: the source, and what went wrong in it.
pub(super) struct Reading<'a> {
    source: &'a mut dyn Source,
    error: Option<io::Error>,
    guard: PanicGuard,
}

impl<'a> Reading<'a> {
    pub(super) fn new(source: &'a mut dyn Source) -> Self {
        Self { source, error: None, guard: PanicGuard::default() }
    }

    /// The functions that C calls with this value.
    ///
    /// The pointer inside is good for as long as the caller uses `self` for nothing else.
    pub(super) fn functions(&mut self) -> table::NativeSource {
        table::NativeSource { context: (&raw mut *self).cast(), read, seek, size }
    }

    /// Goes on with a panic of the source, if there was one; else the error that it gave.
    pub(super) fn end(mut self) -> Option<io::Error> {
        self.guard.resume();
        self.error
    }

    fn keep<T>(&mut self, work: impl FnOnce(&mut dyn Source) -> io::Result<T>) -> Option<T> {
        let source = &mut *self.source;
        match self.guard.run(|| work(source))? {
            Ok(value) => Some(value),
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}

/// # Safety
/// `context` is a `Reading` that nobody else uses now; `into` has `length` initialised bytes; `got` may be written.
unsafe extern "C" fn read(context: *mut c_void, into: *mut u8, length: usize, got: *mut usize) -> i32 {
    // SAFETY: C passes on the context that it was given for this call.
    let reading = unsafe { &mut *context.cast::<Reading<'_>>() };
    // SAFETY: native.h promises `length` initialised bytes, which C uses for nothing else meanwhile.
    let into = unsafe { std::slice::from_raw_parts_mut(into, length) };
    let Some(read) = reading.keep(|source| source::read(source, into)) else { return 1 };
    // SAFETY: C waits for the number there.
    unsafe { got.write(read) };
    0
}

/// # Safety
/// `context` is a `Reading` that nobody else uses now.
unsafe extern "C" fn seek(context: *mut c_void, offset: u64) -> i32 {
    // SAFETY: C passes on the context that it was given for this call.
    let reading = unsafe { &mut *context.cast::<Reading<'_>>() };
    i32::from(reading.keep(|source| source::seek(source, offset)).is_none())
}

/// # Safety
/// `context` is a `Reading` that nobody else uses now; `size` may be written.
unsafe extern "C" fn size(context: *mut c_void, size: *mut u64) -> i32 {
    // SAFETY: C passes on the context that it was given for this call.
    let reading = unsafe { &mut *context.cast::<Reading<'_>>() };
    let Some(found) = reading.keep(|source| source::size(source)) else { return 1 };
    // SAFETY: C waits for the number there.
    unsafe { size.write(found) };
    0
}
