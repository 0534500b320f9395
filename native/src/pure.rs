//! The backend in Rust alone. It is always compiled, and is the oracle that the other backends are tested against.

use crate::{Backend, LengthMismatch, Text};

/// The backend in Rust alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pure;

const LANES: usize = 8;

impl Backend for Pure {
    fn name(&self) -> &'static str {
        "pure"
    }

    fn dot_product(&self, a: &[f64], b: &[f64]) -> Result<f64, LengthMismatch> {
        LengthMismatch::check(a.len(), b.len())?;
        let mut lane = [0.0; LANES];
        let (a_chunks, a_rest) = a.as_chunks::<LANES>();
        let (b_chunks, b_rest) = b.as_chunks::<LANES>();
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            add_products(&mut lane, a, b);
        }
        add_products(&mut lane, a_rest, b_rest);
        let [l0, l1, l2, l3, l4, l5, l6, l7] = lane;
        Ok(((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7)))
    }

    fn reverse_string(&self, text: &str) -> Text {
        let mut reversed = String::with_capacity(text.len());
        reversed.extend(text.chars().rev());
        reversed.into()
    }

    fn double_array(&self, values: &mut [i32]) {
        for value in values {
            *value = value.wrapping_mul(2);
        }
    }

    fn sum_array(&self, values: &[i32]) -> i64 {
        values.iter().fold(0, |sum: i64, &value| sum.wrapping_add(value.into()))
    }
}

/// Inlined so that the compiler sees the eight of a whole chunk as a constant and uses vector registers.
#[inline(always)]
fn add_products(lane: &mut [f64; LANES], a: &[f64], b: &[f64]) {
    for ((lane, a), b) in lane.iter_mut().zip(a).zip(b) {
        *lane += a * b;
    }
}
