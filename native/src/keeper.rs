//! Buffers that stay in C after the call, and who owns them.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Bytes in memory of the backend that made them, so that a [`Keeper`] of the same backend can keep them.
pub struct Buffer(pub(crate) BufferRepr);

pub(crate) enum BufferRepr {
    Rust(Vec<u8>),
    #[cfg(ffi)]
    C(crate::ffi::CBuffer),
    /// A copy of what is, or will be, in the sandbox.
    #[cfg(feature = "wasm")]
    Wasm(Vec<u8>),
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            BufferRepr::Rust(bytes) => bytes,
            #[cfg(ffi)]
            BufferRepr::C(buffer) => buffer.bytes(),
            #[cfg(feature = "wasm")]
            BufferRepr::Wasm(bytes) => bytes,
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            BufferRepr::Rust(bytes) => bytes,
            #[cfg(ffi)]
            BufferRepr::C(buffer) => buffer.bytes_mut(),
            #[cfg(feature = "wasm")]
            BufferRepr::Wasm(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Buffer {
    pub(crate) fn in_rust(bytes: Vec<u8>) -> Self {
        Self(BufferRepr::Rust(bytes))
    }

    #[cfg(feature = "wasm")]
    pub(crate) fn outside_of_wasm(bytes: Vec<u8>) -> Self {
        Self(BufferRepr::Wasm(bytes))
    }
}

#[cfg(ffi)]
impl From<crate::ffi::CBuffer> for Buffer {
    fn from(buffer: crate::ffi::CBuffer) -> Self {
        Self(BufferRepr::C(buffer))
    }
}

/// A buffer that was made by another backend than the keeper, which cannot free it. It comes back.
#[derive(Debug)]
pub struct ForeignBuffer(pub Buffer);

impl fmt::Display for ForeignBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the buffer belongs to another backend than the keeper")
    }
}

impl std::error::Error for ForeignBuffer {}

/// What a keeper calls with each buffer that it is about to free. It may borrow from its surroundings.
pub type Released<'ctx> = Box<dyn FnMut(&[u8]) + 'ctx>;

/// Keeps buffers from one call to the next, and tells a closure about each one that it frees.
///
/// A buffer that is kept has been moved: nothing in Rust refers to it any more. The closure is the keeper's context,
/// whose lifetime `'ctx` the keeper cannot outlive; C keeps a pointer to it, and there is no table of contexts anywhere.
/// The closure need not be [`Send`], so a keeper stays on its thread.
///
/// When a keeper is dropped, its buffers are freed, the newest first. If the closure panics, it is not called again for
/// this call or this drop, everything is freed all the same, and then the panic goes on (unless the drop is itself part
/// of a panic, since a second one would end the process).
pub struct Keeper<'ctx>(Box<dyn Keeps + 'ctx>);

/// What a backend's keeper does: see the functions of [`Keeper`].
pub(crate) trait Keeps {
    /// # Errors
    /// Hands the buffer back if it is not of this backend.
    fn keep(&mut self, buffer: Buffer) -> Result<(), Buffer>;
    fn count(&self) -> usize;
    fn hash(&self) -> u32;
    fn newest(&self) -> Option<&[u8]>;
    fn take(&mut self) -> Option<Buffer>;
    fn release(&mut self) -> bool;
}

impl<'ctx> Keeper<'ctx> {
    pub(crate) fn new(keeper: impl Keeps + 'ctx) -> Self {
        Self(Box::new(keeper))
    }

    /// Takes the buffer, for good.
    ///
    /// # Errors
    /// If another backend made it; then it comes back.
    pub fn keep(&mut self, buffer: Buffer) -> Result<(), ForeignBuffer> {
        self.0.keep(buffer).map_err(ForeignBuffer)
    }

    /// The number of buffers kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The FNV-1a hash (32 bits) of the bytes of all buffers, the newest first: it reads what was given in earlier calls.
    #[must_use]
    pub fn hash(&self) -> u32 {
        self.0.hash()
    }

    /// The newest buffer, which stays kept.
    #[must_use]
    pub fn newest(&self) -> Option<&[u8]> {
        self.0.newest()
    }

    /// Gives the newest buffer back, without a word to the closure.
    pub fn take(&mut self) -> Option<Buffer> {
        self.0.take()
    }

    /// Frees the newest buffer, after it was shown to the closure. Returns whether there was one.
    ///
    /// # Panics
    /// If the closure does; the buffer is freed all the same.
    pub fn release(&mut self) -> bool {
        self.0.release()
    }
}

impl fmt::Debug for Keeper<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("len", &self.len()).finish_non_exhaustive()
    }
}
