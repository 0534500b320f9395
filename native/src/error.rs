//! The errors of this crate's safe interface.

use std::fmt;

/// Two vectors that should have the same number of elements do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthMismatch {
    /// The number of elements in the first vector.
    pub left: usize,
    /// The number of elements in the second vector.
    pub right: usize,
}

impl LengthMismatch {
    /// Returns the common length, or the error where the lengths differ.
    pub(crate) fn check(left: usize, right: usize) -> Result<usize, Self> {
        if left == right { Ok(left) } else { Err(Self { left, right }) }
    }
}

impl fmt::Display for LengthMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the vectors differ in length: {} and {} elements", self.left, self.right)
    }
}

impl std::error::Error for LengthMismatch {}
