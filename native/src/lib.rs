//! A C component behind a safe face, and a pure-Rust twin that gives the same answers.
//!
//! Everything here works in two ways, and a Cargo feature decides which one the functions of this page use:
//!
//! | feature | backends compiled | the default | needs |
//! |---|---|---|---|
//! | none | [`pure`] | `pure` | nothing |
//! | `native` | `c`, [`pure`] | `c` | a C compiler for the target, found by the crate `cc` |
//! | `dlopen` | `dlopen`, [`pure`] | as without | nothing; the library when the program runs |
//! | `wasm` | `wasm`, [`pure`] | as without | nothing |
//!
//! The features are additive: `pure` is always there and is what every other backend is tested against. [`backends`]
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

pub mod block;
#[cfg(feature = "native")]
pub mod c;
#[cfg(feature = "dlopen")]
pub mod dlopen;
pub mod pool;
pub mod pure;
pub mod vectors;
#[cfg(feature = "wasm")]
pub mod wasm;

mod backend;
#[cfg(any(ffi, feature = "wasm"))]
mod codes;
mod error;
#[cfg(ffi)]
mod ffi;
mod guard;
mod held;
mod keeper;
mod person;
mod source;
mod text;
mod texts;

pub use backend::{Backend, backends, unavailable};
pub use block::{Block, BlockError, Cursor, Entry};
pub use error::LengthMismatch;
pub use held::Held;
pub use keeper::{Buffer, ForeignBuffer, Keeper, Released};
pub use person::{BadPerson, NewPerson, Person, PersonError};
pub use pool::Pool;
pub use source::Source;
pub use text::Text;
pub use texts::Texts;

use std::ops::ControlFlow;

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

/// Many texts reversed in one call; see [`Backend::reverse_all`].
#[inline]
#[must_use]
pub fn reverse_all(texts: &[&str]) -> Texts {
    CHOSEN.reverse_all(texts)
}

/// Makes a person; see [`Backend::person`].
///
/// # Errors
/// What is wrong with the name, else with the age, else with the salary.
pub fn person(new: NewPerson<'_>) -> Result<Person, PersonError> {
    CHOSEN.person(new)
}

/// Makes many persons in one call, all or none; see [`Backend::people`].
///
/// # Errors
/// The first that cannot be made, and why.
pub fn people(new: &[NewPerson<'_>]) -> Result<Vec<Person>, BadPerson> {
    CHOSEN.people(new)
}

/// Calls the closure with each element until it breaks, and returns how often; see [`Backend::for_each`].
///
/// # Panics
/// If the closure does.
#[inline]
pub fn for_each(values: &[i32], mut visit: impl FnMut(i32) -> ControlFlow<()>) -> usize {
    CHOSEN.for_each(values, &mut visit)
}

/// Reads a block; see [`Backend::read_block`].
///
/// # Errors
/// What the source gave as an error, or what is wrong with the block.
///
/// # Panics
/// If the source does.
pub fn read_block(mut source: impl Source) -> Result<Block, BlockError> {
    CHOSEN.read_block(&mut source)
}

/// A buffer of zeros that a [`Keeper`] may keep; see [`Backend::buffer`].
#[must_use]
pub fn buffer(length: usize) -> Buffer {
    CHOSEN.buffer(length)
}

/// A keeper of buffers; see [`Backend::keeper`].
pub fn keeper<'ctx>(released: impl FnMut(&[u8]) + 'ctx) -> Keeper<'ctx> {
    CHOSEN.keeper(Box::new(released))
}

/// What C holds for this program, in all compiled backends together.
#[must_use]
pub fn held() -> Held {
    backends().iter().map(|backend| backend.held()).fold(Held::default(), |sum, held| Held {
        bytes: sum.bytes + held.bytes,
        objects: sum.objects + held.objects,
    })
}
