//! Whether the interpreter may run at all in the way in which it was compiled.
//!
//! wasmi goes from one instruction to the next by a call at the end of a function, and counts on the compiler to turn it
//! into a jump. rustc does that where it optimises, but not where wasmi has debug assertions, or is instrumented: then
//! each instruction takes stack that none gives back, and a long loop ends the process. No `cfg` tells the one from the
//! other, so it is measured, once: where the stack is, each time that a loop of the module calls its host.

use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

use wasmi::{Engine, Error, Linker, Module, Store};

use super::host;

/// How often the loop goes round.
const ROUNDS: u32 = 16;
/// The most bytes by which the stack may differ between the rounds. Without jumps it is some 700 for each round.
const SLACK: usize = 512;

/// Whether a loop keeps its stack.
pub(super) fn is_flat(engine: &Engine, module: &Module) -> Result<bool, Error> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut linker: Linker<()> = host::linker(engine)?;
    linker.allow_shadowing(true);
    let sees = Arc::clone(&seen);
    linker.func_wrap("host", "visit", move |_: i32| -> i32 {
        let here = 0_u8;
        let address = std::ptr::from_ref(black_box(&here)).addr();
        sees.lock().unwrap_or_else(PoisonError::into_inner).push(address);
        0
    })?;
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate_and_start(&mut store, module)?;
    instance.get_typed_func::<(), ()>(&store, "_initialize")?.call(&mut store, ())?;
    let values = instance.get_typed_func::<u32, u32>(&store, "wasm_take")?.call(&mut store, ROUNDS * 4)?;
    instance.get_typed_func::<(u32, u32), u32>(&store, "wasm_each")?.call(&mut store, (values, ROUNDS))?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let (low, high) = (seen.iter().min(), seen.iter().max());
    let spread = low.zip(high).map(|(low, high)| high - low);
    Ok(seen.len() == ROUNDS as usize && spread.is_some_and(|spread| spread <= SLACK))
}
