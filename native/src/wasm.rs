//! The backend that runs the C component as a WebAssembly module in an interpreter. Needs the feature `wasm`, and no C
//! compiler to build the program: the module lies beside this file's package, in `wasm/`.
//!
//! Nothing that the module does can reach the program's memory. So arguments are copied in, results are copied out, and a
//! value from the module is never trusted to be an address. The price is in `README.md`.
//!
//! Each call takes an instance of the module out of a small store of them, so that calls from many threads, and from
//! within a callback, do not wait for each other. A block and a keeper have an instance to themselves.
//!
//! The module may use up to 4 GiB. Where that is not enough for a call, the process ends, as it does for [`String`]; for a
//! block that is an error.

mod block;
mod host;
mod instance;
mod keeper;
mod people;
mod stack;

pub(crate) use block::{WasmBlock, WasmCursor};

use std::ops::ControlFlow;

use crate::guard::PanicGuard;
use crate::source::Source;
use crate::{
    Backend, BadPerson, Block, BlockError, Buffer, Held, Keeper, LengthMismatch, NewPerson, Person,
    PersonError, Released, Text, Texts,
};
use host::HostCall;
use instance::{Instance, with};

/// The module, as it was compiled from `c/` and `wasm/glue.c`.
pub const MODULE: &[u8] = include_bytes!("../wasm/native.wasm");

/// Whether the backend can be used as this program was compiled.
///
/// # Errors
/// Why not, and what to change.
pub(crate) fn usable() -> Result<(), String> {
    instance::usable().map_err(|error| error.to_string())
}

/// The backend in WebAssembly.
///
/// # Panics
/// All of its functions, where [`unavailable`](crate::unavailable) names it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wasm;

/// A text that the module took from valid UTF-8, whole.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).expect("the module keeps the promise of native.h").to_owned()
}

impl Backend for Wasm {
    fn name(&self) -> &'static str {
        "wasm"
    }

    fn echo(&self, value: i32) -> i32 {
        with(|instance| instance.echo(value))
    }

    fn dot_product(&self, a: &[f64], b: &[f64]) -> Result<f64, LengthMismatch> {
        let count = LengthMismatch::check(a.len(), b.len())?;
        Ok(with(|instance| {
            let (a, b) = (instance.copy_in(a, f64::to_le_bytes), instance.copy_in(b, f64::to_le_bytes));
            let result = instance.dot_product(a, b, count);
            instance.give(a);
            instance.give(b);
            result
        }))
    }

    fn reverse_string(&self, input: &str) -> Text {
        let reversed = with(|instance| {
            let from = instance.copy_bytes_in(input.as_bytes());
            let length = input.len() as u32;
            let heap = instance.heap();
            let made: u32 = instance.call("native_reverse_string", (heap, from, length));
            let made = instance.object(made, input.len());
            let reversed = text(instance.bytes(made, length));
            instance.call::<_, ()>("native_text_free", (heap, made, length));
            instance.give(from);
            reversed
        });
        reversed.into()
    }

    fn double_array(&self, values: &mut [i32]) {
        with(|instance| {
            let inside = instance.copy_in(values, i32::to_le_bytes);
            instance.call::<_, ()>("native_double_array", (inside, values.len() as u32));
            let (words, _) = instance.bytes(inside, (values.len() * 4) as u32).as_chunks();
            for (value, word) in values.iter_mut().zip(words) {
                *value = i32::from_le_bytes(*word);
            }
            instance.give(inside);
        });
    }

    fn sum_array(&self, values: &[i32]) -> i64 {
        with(|instance| {
            let inside = instance.copy_in(values, i32::to_le_bytes);
            let sum = instance.call("native_sum_array", (inside, values.len() as u32));
            instance.give(inside);
            sum
        })
    }

    fn reverse_all(&self, texts: &[&str]) -> Texts {
        with(|instance| {
            let bytes = instance.copy_bytes_in(texts.concat().as_bytes());
            let mut start = bytes;
            let slices: Vec<[u32; 2]> = texts
                .iter()
                .map(|text| {
                    let slice = [start, text.len() as u32];
                    start += slice[1];
                    slice
                })
                .collect();
            let slices = instance.copy_in(slices.as_flattened(), u32::to_le_bytes);
            let (heap, count) = (instance.heap(), texts.len() as u32);
            let batch: u32 = instance.call("native_reverse_batch", (heap, slices, count));
            let batch = instance.object(batch, (start - bytes) as usize);
            let made: u32 = instance.call("native_batch_bytes", batch);
            let ends: u32 = instance.call("native_batch_ends", batch);
            let made = text(instance.bytes(made, start - bytes));
            let (words, _) = instance.bytes(ends, count * 4).as_chunks();
            let ends = words.iter().map(|word| u32::from_le_bytes(*word) as usize).collect();
            instance.call::<_, ()>("native_batch_free", batch);
            instance.give(slices);
            instance.give(bytes);
            Texts::new(made, ends)
        })
    }

    fn person(&self, new: NewPerson<'_>) -> Result<Person, PersonError> {
        let mut people = self.people(&[new]).map_err(|bad| bad.error)?;
        Ok(people.pop().expect("one was asked for"))
    }

    fn people(&self, new: &[NewPerson<'_>]) -> Result<Vec<Person>, BadPerson> {
        with(|instance| people::make(instance, new))
    }

    fn for_each(&self, values: &[i32], visit: &mut dyn FnMut(i32) -> ControlFlow<()>) -> usize {
        let mut guard = PanicGuard::default();
        let calls: u32 = with(|instance| {
            let inside = instance.copy_in(values, i32::to_le_bytes);
            let mut answer = |_: &mut Instance, call| {
                let HostCall::Visit(value) = call else { return 1 };
                i32::from(guard.run(|| visit(value)).is_none_or(|flow| flow.is_break()))
            };
            let calls = instance.call_back("wasm_each", &[inside, values.len() as u32], &mut answer);
            instance.give(inside);
            calls
        });
        guard.resume();
        calls as usize
    }

    fn read_block(&self, source: &mut dyn Source) -> Result<Block, BlockError> {
        WasmBlock::read(source).map(Block::from)
    }

    fn buffer(&self, length: usize) -> Buffer {
        Buffer::outside_of_wasm(vec![0; length])
    }

    fn keeper<'ctx>(&self, released: Released<'ctx>) -> Keeper<'ctx> {
        Keeper::new(keeper::WasmKeeper::new(released))
    }

    fn held(&self) -> Held {
        instance::held()
    }
}
