//! A C component behind a safe face, and a pure-Rust twin that gives the same answers.
//!
//! Everything here works in two ways, and a Cargo feature decides which one the functions of this page use:
//!
//! | feature | backends compiled | the default | needs |
//! |---|---|---|---|
//! | none | [`pure`] | `pure` | nothing |
//! | `native` | `c`, [`pure`] | `c` | a C compiler for the target, found by the crate `cc` |
//!
//! The feature is additive: `pure` is always there and is what every other backend is tested against. [`backends`]
//! lists what was compiled, [`Backend`] is what they have in common, and [`vectors`] holds inputs with known results.
//!
//! # Equal answers
//!
//! All backends give equal results for all inputs, bit by bit, with one exception: where a result is NaN, each gives
//! *a* NaN, and which one (sign and payload) is not specified, since neither Rust nor C specify it. Zeros, infinities
//! and subnormal numbers are equal to the bit. [`Backend::dot_product`] says how that is done.
//!
//! # Where the unsafe code is
//!
//! Only in the modules of the backends. Nothing else in this workspace has any.
//!
//! # Building the C
//!
//! The sources are in `c/`, with `c/native.h` as their documentation. The build script compiles them or fails; it never
//! chooses another backend by itself. It obeys the variables that the crate `cc` knows (`CC_<triple>`, `CFLAGS`, …), and
//! `NATIVE_WERROR=1`, which turns on all warnings and makes them errors. [`C_COMPILER`] says what compiled it.

#[cfg(feature = "native")]
pub mod c;
pub mod pure;
pub mod vectors;

mod backend;
mod error;
mod text;

pub use backend::{Backend, backends};
pub use error::LengthMismatch;
pub use text::Text;

use backend::CHOSEN;

/// The C compiler that built the C component, such as `gcc 12.2.0` or `zig cc 0.15.2 (clang 20.1.2)`; `unknown` where it
/// would not say, and none where no C was compiled. It never holds a path.
pub const C_COMPILER: Option<&str> =
    if cfg!(feature = "native") { option_env!("NATIVE_C_COMPILER") } else { None };

/// The name of the backend behind this crate's functions: `c` or `pure`.
#[must_use]
pub fn backend() -> &'static str {
    CHOSEN.name()
}

/// The dot product of two vectors; see [`Backend::dot_product`].
///
/// # Errors
/// If the vectors differ in length.
#[inline]
pub fn dot_product(a: &[f64], b: &[f64]) -> Result<f64, LengthMismatch> {
    CHOSEN.dot_product(a, b)
}

/// The text with its Unicode scalar values in reverse order; see [`Backend::reverse_string`].
#[inline]
#[must_use]
pub fn reverse_string(text: &str) -> Text {
    CHOSEN.reverse_string(text)
}

/// Doubles every element in place, modulo 2³²; see [`Backend::double_array`].
#[inline]
pub fn double_array(values: &mut [i32]) {
    CHOSEN.double_array(values);
}

/// The sum of all elements; see [`Backend::sum_array`].
#[inline]
#[must_use]
pub fn sum_array(values: &[i32]) -> i64 {
    CHOSEN.sum_array(values)
}
