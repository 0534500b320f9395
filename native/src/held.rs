//! Memory that Rust's allocator does not see.

use std::fmt;

/// What C holds for this program: not in Rust's allocator, and not seen by any tool that watches it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Bytes that the component asked its allocator for and has not given back. What the allocator adds is not counted.
    pub bytes: usize,
    /// The number of objects they belong to.
    pub objects: usize,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in {} objects", self.bytes, self.objects)
    }
}
