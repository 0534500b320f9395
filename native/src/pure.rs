//! The backend in Rust alone. It is always compiled, and is the oracle that the other backends are tested against.

mod block;
mod keeper;
mod person;

pub(crate) use block::{PureBlock, PureCursor};
pub(crate) use keeper::PureKeeper;
pub(crate) use person::PurePerson;

use std::ops::ControlFlow;

use crate::source::Source;
use crate::{
    Backend, BadPerson, BlockError, Buffer, Held, LengthMismatch, NewPerson, PersonError, Released, Text,
    Texts,
};

/// The backend in Rust alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pure;

const LANES: usize = 8;

impl Backend for Pure {
    fn name(&self) -> &'static str {
        "pure"
    }

    fn echo(&self, value: i32) -> i32 {
        value
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

    fn reverse_all(&self, texts: &[&str]) -> Texts {
        let mut bytes = String::with_capacity(texts.iter().map(|text| text.len()).sum());
        let end = |text: &&str| {
            bytes.extend(text.chars().rev());
            bytes.len()
        };
        let ends = texts.iter().map(end).collect();
        Texts::new(bytes, ends)
    }

    fn person(&self, new: NewPerson<'_>) -> Result<crate::Person, PersonError> {
        PurePerson::new(&new).map(Into::into)
    }

    fn people(&self, new: &[NewPerson<'_>]) -> Result<Vec<crate::Person>, BadPerson> {
        let person =
            |(index, new)| PurePerson::new(new).map(Into::into).map_err(|error| BadPerson { index, error });
        new.iter().enumerate().map(person).collect()
    }

    fn for_each(&self, values: &[i32], visit: &mut dyn FnMut(i32) -> ControlFlow<()>) -> usize {
        let last = values.iter().position(|&value| visit(value).is_break());
        last.map_or(values.len(), |last| last + 1)
    }

    fn read_block(&self, source: &mut dyn Source) -> Result<crate::Block, BlockError> {
        PureBlock::read(source).map(Into::into)
    }

    fn buffer(&self, length: usize) -> Buffer {
        Buffer::in_rust(vec![0; length])
    }

    fn keeper<'ctx>(&self, released: Released<'ctx>) -> crate::Keeper<'ctx> {
        crate::Keeper::new(PureKeeper::new(released))
    }

    fn held(&self) -> Held {
        Held::default()
    }
}

const FNV_START: u32 = 2_166_136_261;

/// FNV-1a, 32 bits. It finds damage; it is no defence against people.
pub(crate) fn fnv(bytes: &[u8]) -> u32 {
    fnv_on(FNV_START, bytes)
}

fn fnv_on(hash: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
}

/// Inlined so that the compiler sees the eight of a whole chunk as a constant and uses vector registers.
#[inline(always)]
fn add_products(lane: &mut [f64; LANES], a: &[f64], b: &[f64]) {
    for ((lane, a), b) in lane.iter_mut().zip(a).zip(b) {
        *lane += a * b;
    }
}
