//! Blocks of entries in ascending order of their keys, and the way through them without a copy.

mod write;

pub use write::{WriteError, write};

use std::{fmt, io};

use crate::pure;

/// A block in memory, every entry of which has been checked. Its format is described in `c/native.h`.
pub struct Block(BlockRepr);

enum BlockRepr {
    Rust(pure::PureBlock),
    #[cfg(ffi)]
    C(crate::ffi::CBlock),
    #[cfg(feature = "wasm")]
    Wasm(Box<crate::wasm::WasmBlock>),
}

impl Block {
    /// The most bytes that all entries of a block may have.
    pub const MAX_BYTES: u64 = 256 << 20;
    /// The most bytes of a key.
    pub const MAX_KEY: usize = 65_535;

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> u32 {
        match &self.0 {
            BlockRepr::Rust(block) => block.count,
            #[cfg(ffi)]
            BlockRepr::C(block) => block.count(),
            #[cfg(feature = "wasm")]
            BlockRepr::Wasm(block) => block.count(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A place before the first entry. There may be many in one block.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor(match &self.0 {
            BlockRepr::Rust(block) => CursorRepr::Rust(block.cursor()),
            #[cfg(ffi)]
            BlockRepr::C(block) => CursorRepr::C(block.cursor()),
            #[cfg(feature = "wasm")]
            BlockRepr::Wasm(block) => CursorRepr::Wasm(block.cursor()),
        })
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl From<pure::PureBlock> for Block {
    fn from(block: pure::PureBlock) -> Self {
        Self(BlockRepr::Rust(block))
    }
}

#[cfg(ffi)]
impl From<crate::ffi::CBlock> for Block {
    fn from(block: crate::ffi::CBlock) -> Self {
        Self(BlockRepr::C(block))
    }
}

#[cfg(feature = "wasm")]
impl From<crate::wasm::WasmBlock> for Block {
    fn from(block: crate::wasm::WasmBlock) -> Self {
        Self(BlockRepr::Wasm(Box::new(block)))
    }
}

/// A place in a block, which it borrows.
///
/// It is no [`Iterator`]: what it shows lies in its own memory, which the next step changes. So an entry borrows the
/// cursor, and the compiler refuses to step on while one is in use.
pub struct Cursor<'b>(CursorRepr<'b>);

enum CursorRepr<'b> {
    Rust(pure::PureCursor<'b>),
    #[cfg(ffi)]
    C(crate::ffi::CCursor<'b>),
    #[cfg(feature = "wasm")]
    Wasm(crate::wasm::WasmCursor<'b>),
}

impl Cursor<'_> {
    /// The next entry, if there is one. Nothing is copied out of the backend's memory.
    #[expect(clippy::should_implement_trait, reason = "Iterator's items cannot borrow the iterator")]
    #[inline]
    pub fn next(&mut self) -> Option<Entry<'_>> {
        match &mut self.0 {
            CursorRepr::Rust(cursor) => cursor.next(),
            #[cfg(ffi)]
            CursorRepr::C(cursor) => cursor.next(),
            #[cfg(feature = "wasm")]
            CursorRepr::Wasm(cursor) => cursor.next(),
        }
    }
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").finish_non_exhaustive()
    }
}

/// A key and its value, in the memory of the cursor that showed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'c> {
    /// Above all keys before it, as bytes.
    pub key: &'c [u8],
    /// The value, which may be any bytes.
    pub value: &'c [u8],
}

/// Why a block cannot be read.
#[derive(Debug)]
pub enum BlockError {
    /// Reading from the source failed with this error.
    Io(io::Error),
    /// The source ended before the size that it stated.
    Truncated {
        /// The offset at which it ended, in bytes.
        at: u64,
    },
    /// It does not end as a block does.
    NotABlock,
    /// A block of a version that this program does not know.
    OtherVersion(u32),
    /// The entries take more than [`Block::MAX_BYTES`].
    TooLarge {
        /// The size of the entries, in bytes.
        bytes: u64,
    },
    /// Something in it cannot be.
    Damaged {
        /// The offset of the entry or the field in question, in bytes.
        at: u64,
    },
    /// There is no memory for it.
    NoMemory,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read the block: {error}"),
            Self::Truncated { at } => write!(f, "the block's source ended early, at byte {at}"),
            Self::NotABlock => f.write_str("this is no block: its last four bytes are not NBLK"),
            Self::OtherVersion(version) => write!(f, "the block has version {version}, this program reads 1"),
            Self::TooLarge { bytes } => {
                write!(f, "the block has {bytes} bytes, at most {} are read", Block::MAX_BYTES)
            }
            Self::Damaged { at } => write!(f, "the block is damaged at byte {at}"),
            Self::NoMemory => f.write_str("there is no memory for the block"),
        }
    }
}

impl std::error::Error for BlockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
