//! The backend in C, compiled from `c/` by a C compiler and linked into the program. Needs the feature `native`.
#![expect(unsafe_code, reason = "this module and its children are where Rust meets C")]

mod sys;
mod text;

pub use text::CText;

use crate::{Backend, LengthMismatch, Text};

/// The backend in C.
#[derive(Debug, Clone, Copy, Default)]
pub struct C;

impl Backend for C {
    fn name(&self) -> &'static str {
        "c"
    }

    #[inline]
    fn dot_product(&self, a: &[f64], b: &[f64]) -> Result<f64, LengthMismatch> {
        let count = LengthMismatch::check(a.len(), b.len())?;
        // SAFETY: both slices hold `count` elements, which C only reads; nothing is kept after the call.
        Ok(unsafe { sys::native_dot_product(a.as_ptr(), b.as_ptr(), count) })
    }

    #[inline]
    fn reverse_string(&self, text: &str) -> Text {
        CText::reversed(text).into()
    }

    #[inline]
    fn double_array(&self, values: &mut [i32]) {
        // SAFETY: the slice is borrowed mutably, so C alone touches its elements, of which it gets the exact number;
        // every bit pattern that it may write is an i32.
        unsafe { sys::native_double_array(values.as_mut_ptr(), values.len()) }
    }

    #[inline]
    fn sum_array(&self, values: &[i32]) -> i64 {
        // SAFETY: the slice holds that many elements, which C only reads.
        unsafe { sys::native_sum_array(values.as_ptr(), values.len()) }
    }
}
