//! What every backend does, which ones were compiled, and which one is the default.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use crate::pure::Pure;
use crate::source::Source;
use crate::{
    BadPerson, Block, BlockError, Buffer, Held, Keeper, LengthMismatch, NewPerson, Person, PersonError,
    Released, Text, Texts,
};

/// One implementation of this crate's functions. All of them give equal answers (see the crate's page).
///
/// A function that an implementation leaves out is [`Pure`]'s. The backends of this crate leave out none, which a test
/// shows.
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

    /// Returns its argument: what it costs to go there and come back.
    fn echo(&self, value: i32) -> i32 {
        Pure.echo(value)
    }

    /// [`Self::reverse_string`] for many texts, in one call and into one piece of memory.
    fn reverse_all(&self, texts: &[&str]) -> Texts {
        Pure.reverse_all(texts)
    }

    /// Makes a person.
    ///
    /// # Errors
    /// What is wrong with the name, else with the age, else with the salary.
    fn person(&self, new: NewPerson<'_>) -> Result<Person, PersonError> {
        Pure.person(new)
    }

    /// Makes many persons in one call: all of them or none.
    ///
    /// # Errors
    /// The first that cannot be made, and why.
    fn people(&self, new: &[NewPerson<'_>]) -> Result<Vec<Person>, BadPerson> {
        Pure.people(new)
    }

    /// Calls the closure with each element in order, until it breaks. Returns how often it was called.
    ///
    /// # Panics
    /// If the closure does: the panic is caught before it reaches C, C returns early, and the panic goes on behind it.
    fn for_each(&self, values: &[i32], visit: &mut dyn FnMut(i32) -> ControlFlow<()>) -> usize {
        Pure.for_each(values, visit)
    }

    /// Reads a block, whose format is described in `c/native.h`. The backend calls the source to read and seek.
    ///
    /// # Errors
    /// What the source gave as an error, or what is wrong with the block. Nothing in it is trusted.
    ///
    /// # Panics
    /// If the source does; see [`Self::for_each`].
    fn read_block(&self, source: &mut dyn Source) -> Result<Block, BlockError> {
        Pure.read_block(source)
    }

    /// A buffer of that many zeros, which a [`Keeper`] of this backend may keep.
    fn buffer(&self, length: usize) -> Buffer {
        Pure.buffer(length)
    }

    /// A keeper of nothing yet, which calls the closure with each buffer that it is about to free.
    fn keeper<'ctx>(&self, released: Released<'ctx>) -> Keeper<'ctx> {
        Pure.keeper(released)
    }

    /// What this backend holds outside of Rust's memory, for the whole program.
    fn held(&self) -> Held {
        Held::default()
    }
}

/// The default backend. This is the one place that chooses it.
#[cfg(feature = "native")]
pub(crate) const CHOSEN: crate::c::C = crate::c::C;
/// The default backend. This is the one place that chooses it.
#[cfg(not(feature = "native"))]
pub(crate) const CHOSEN: Pure = Pure;

/// All backends that can be used, the default first, [`Pure`] last.
///
/// With the feature `dlopen` the first call looks for the library. Where it cannot be used, it is missing here, and
/// [`unavailable`] says why.
#[must_use]
#[allow(clippy::vec_init_then_push, reason = "which of them are pushed depends on the features")]
pub fn backends() -> &'static [&'static dyn Backend] {
    static BACKENDS: OnceLock<Vec<&'static dyn Backend>> = OnceLock::new();
    BACKENDS.get_or_init(|| {
        let mut backends: Vec<&'static dyn Backend> = Vec::new();
        #[cfg(feature = "native")]
        backends.push(&crate::c::C);
        #[cfg(loadable)]
        if let Ok(backend) = crate::dlopen::load() {
            backends.push(backend);
        }
        #[cfg(feature = "wasm")]
        if crate::wasm::usable().is_ok() {
            backends.push(&crate::wasm::Wasm);
        }
        backends.push(&Pure);
        backends
    })
}

/// The backends that were compiled but cannot be used in this run of the program: their names, and why not.
#[must_use]
pub fn unavailable() -> Vec<(&'static str, String)> {
    #[allow(unused_mut, reason = "which of them can be unavailable depends on the features")]
    let mut unavailable: Vec<(&'static str, String)> = Vec::new();
    #[cfg(feature = "dlopen")]
    if let Err(error) = crate::dlopen::load() {
        unavailable.push(("dlopen", error.to_string()));
    }
    #[cfg(feature = "wasm")]
    if let Err(error) = crate::wasm::usable() {
        unavailable.push(("wasm", error));
    }
    unavailable
}
