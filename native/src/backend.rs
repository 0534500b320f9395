//! What every backend does, which ones were compiled, and which one is the default.

use std::fmt::Debug;

use crate::{LengthMismatch, Text, pure::Pure};

/// One implementation of this crate's functions. All of them give equal answers (see the crate's page).
pub trait Backend: Debug + Send + Sync {
    /// Its name, in lower case: `c`, `pure`.
    fn name(&self) -> &'static str;

    /// The sum of `a[i] * b[i]`, with rounding after every operation.
    ///
    /// The order of the additions is fixed, which is what makes the bits equal in every backend, and eight lanes wide,
    /// which is what makes it fast: the product of element `i` goes to lane `i % 8`, lanes start at +0.0, and at the end
    /// they are folded as `((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7))`. No backend uses a fused multiply-add. So the
    /// result is never −0.0, and the dot product of nothing is +0.0. If it is NaN, sign and payload are unspecified.
    ///
    /// # Errors
    /// If the vectors differ in length.
    fn dot_product(&self, a: &[f64], b: &[f64]) -> Result<f64, LengthMismatch>;

    /// The text with its Unicode scalar values (Rust's `char`) in reverse order. It may hold NULs.
    ///
    /// A scalar value is not what a reader calls a character: a combining accent ends up before its letter's
    /// predecessor, flags fall apart into other flags, and `"\r\n"` becomes `"\n\r"`. Reversing by grapheme clusters
    /// would need Unicode's tables.
    ///
    /// Where there is no memory for the result, the process ends, as it does for [`String`].
    fn reverse_string(&self, text: &str) -> Text;

    /// Doubles every element in place. Overflow wraps, as [`i32::wrapping_mul`] does.
    fn double_array(&self, values: &mut [i32]);

    /// The sum of all elements. It is exact for up to 2³² elements (16 GiB); beyond that it would wrap.
    fn sum_array(&self, values: &[i32]) -> i64;
}

/// The default backend. This is the one place that chooses it.
#[cfg(feature = "native")]
pub(crate) const CHOSEN: crate::c::C = crate::c::C;
/// The default backend. This is the one place that chooses it.
#[cfg(not(feature = "native"))]
pub(crate) const CHOSEN: Pure = Pure;

/// All backends that were compiled, the default first.
#[must_use]
pub fn backends() -> &'static [&'static dyn Backend] {
    &[
        #[cfg(feature = "native")]
        &crate::c::C,
        &Pure,
    ]
}
