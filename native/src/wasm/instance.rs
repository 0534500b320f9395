//! An instance of the module: its memory, its functions, and what its heap holds.

use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use wasmi::{
    Engine, Error, Linker, Memory, Module, ResumableCall, Store, TypedFunc, Val, WasmParams, WasmResults,
};

use super::host::{self, HostCall};
use super::stack;
use crate::Held;

/// What runs in the sandbox. Nothing refers into it: addresses are numbers that are checked at each use.
pub(super) struct Instance {
    store: Store<()>,
    instance: wasmi::Instance,
    memory: Memory,
    echo: TypedFunc<i32, i32>,
    take: TypedFunc<u32, u32>,
    give: TypedFunc<u32, ()>,
    dot_product: TypedFunc<(u32, u32, u32), f64>,
    heap: u32,
    /// What the two counters below know of this instance.
    counted: Held,
}

static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);
static HELD_OBJECTS: AtomicUsize = AtomicUsize::new(0);

/// What all instances hold.
pub(super) fn held() -> Held {
    Held { bytes: HELD_BYTES.load(Ordering::Relaxed), objects: HELD_OBJECTS.load(Ordering::Relaxed) }
}

/// Instances that wait for a call: at most so many, none with more memory than so many bytes.
static IDLE: Mutex<Vec<Instance>> = Mutex::new(Vec::new());
const MOST_IDLE: usize = 8;
const MOST_IDLE_BYTES: usize = 1 << 20;

/// Runs `work` with an instance of its own. If it panics, the instance is thrown away.
pub(super) fn with<T>(work: impl FnOnce(&mut Instance) -> T) -> T {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut instance = idle.unwrap_or_else(Instance::new);
    let result = work(&mut instance);
    instance.count();
    if instance.memory.data_size(&instance.store) <= MOST_IDLE_BYTES {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(instance);
        }
    }
    result
}

/// The module is a part of this program, and a test calls everything in it: what is wrong with it is a defect.
fn sound<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("the WebAssembly module fails: {error}"))
}

/// The module as the interpreter has it, made once.
struct Compiled {
    engine: Engine,
    module: Module,
    linker: Linker<()>,
}

/// The interpreter was compiled in a way in which a long loop would end the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unusable;

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the interpreter takes stack with each instruction, because wasmi was compiled with debug assertions or \
             instrumented: set debug-assertions = false for the package wasmi in this profile",
        )
    }
}

impl std::error::Error for Unusable {}

fn compiled() -> &'static Result<Compiled, Unusable> {
    static COMPILED: OnceLock<Result<Compiled, Unusable>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let engine = Engine::default();
        let module = sound(Module::new(&engine, super::MODULE));
        if !sound(stack::is_flat(&engine, &module)) {
            return Err(Unusable);
        }
        let linker = sound(host::linker(&engine));
        Ok(Compiled { engine, module, linker })
    })
}

/// Whether the interpreter can be used.
pub(super) fn usable() -> Result<(), Unusable> {
    compiled().as_ref().map(|_| ()).map_err(|error| *error)
}

impl Instance {
    pub(super) fn new() -> Self {
        let Compiled { engine, module, linker } =
            compiled().as_ref().unwrap_or_else(|error| panic!("{error}"));
        let mut store = Store::new(engine, ());
        let instance = sound(linker.instantiate_and_start(&mut store, module));
        sound(sound(instance.get_typed_func::<(), ()>(&store, "_initialize")).call(&mut store, ()));
        let memory = instance.get_memory(&store, "memory").expect("the module has a memory");
        let echo = sound(instance.get_typed_func(&store, "native_echo"));
        let take = sound(instance.get_typed_func(&store, "wasm_take"));
        let give = sound(instance.get_typed_func(&store, "wasm_give"));
        let dot_product = sound(instance.get_typed_func(&store, "native_dot_product"));
        let counted = Held::default();
        let mut new = Self { store, instance, memory, echo, take, give, dot_product, heap: 0, counted };
        new.heap = new.call("wasm_heap", ());
        new
    }

    /// The address of the module's `native_heap`.
    pub(super) fn heap(&self) -> u32 {
        self.heap
    }

    /// Calls a function that does not call back.
    pub(super) fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, params: P) -> R {
        let function = sound(self.instance.get_typed_func::<P, R>(&self.store, name));
        sound(function.call(&mut self.store, params))
    }

    pub(super) fn echo(&mut self, value: i32) -> i32 {
        sound(self.echo.call(&mut self.store, value))
    }

    pub(super) fn dot_product(&mut self, a: u32, b: u32, count: usize) -> f64 {
        sound(self.dot_product.call(&mut self.store, (a, b, count as u32)))
    }

    /// Calls a function of numbers that calls back, and returns its number, or 0 where it has none.
    pub(super) fn call_back(
        &mut self,
        name: &str,
        params: &[u32],
        answer: &mut dyn FnMut(&mut Self, HostCall) -> i32,
    ) -> u32 {
        let function = self.instance.get_func(&self.store, name).expect("the module has this function");
        let params: Vec<Val> = params.iter().map(|&param| Val::I32(param as i32)).collect();
        let mut result = vec![Val::I32(0); function.ty(&self.store).results().len()];
        let mut state = sound(function.call_resumable(&mut self.store, &params, &mut result));
        loop {
            let trap = match state {
                ResumableCall::Finished => break,
                ResumableCall::HostTrap(trap) => trap,
                ResumableCall::OutOfFuel(_) => unreachable!("nobody measures fuel"),
            };
            let call = *trap.host_error().downcast_ref::<HostCall>().expect("the host has no other errors");
            let answer = answer(self, call);
            let answer = [Val::I32(answer)];
            let answer = if matches!(call, HostCall::Released { .. }) { &[][..] } else { &answer[..] };
            state = sound(trap.resume(&mut self.store, answer, &mut result));
        }
        result.first().and_then(Val::i32).unwrap_or(0) as u32
    }

    /// These bytes of the module's memory.
    pub(super) fn bytes(&self, address: u32, length: u32) -> &[u8] {
        let (start, length) = (address as usize, length as usize);
        let bytes = self.memory.data(&self.store).get(start..).and_then(|rest| rest.get(..length));
        bytes.expect("the module shows its own memory")
    }

    /// The same, to write to.
    pub(super) fn bytes_mut(&mut self, address: u32, length: u32) -> &mut [u8] {
        let (start, length) = (address as usize, length as usize);
        let bytes =
            self.memory.data_mut(&mut self.store).get_mut(start..).and_then(|rest| rest.get_mut(..length));
        bytes.expect("the module shows its own memory")
    }

    /// The number at this address.
    pub(super) fn u32_at(&self, address: u32) -> u32 {
        let (words, _) = self.bytes(address, 4).as_chunks();
        u32::from_le_bytes(words[0])
    }

    /// The number at this address.
    pub(super) fn u64_at(&self, address: u32) -> u64 {
        let (words, _) = self.bytes(address, 8).as_chunks();
        u64::from_le_bytes(words[0])
    }

    /// Memory for arguments, which [`Self::give`] gives back.
    pub(super) fn take(&mut self, bytes: usize) -> u32 {
        let Ok(size) = u32::try_from(bytes.max(1)) else { out_of_memory(bytes) };
        let address = sound(self.take.call(&mut self.store, size));
        self.object(address, bytes)
    }

    pub(super) fn give(&mut self, address: u32) {
        sound(self.give.call(&mut self.store, address));
    }

    /// An address that is not NULL, which would mean that there was no memory for that many bytes.
    pub(super) fn object(&self, address: u32, bytes: usize) -> u32 {
        if address == 0 { out_of_memory(bytes) } else { address }
    }

    /// Copies numbers into the module's memory; the address is to be given back.
    pub(super) fn copy_in<T: Copy, const SIZE: usize>(
        &mut self,
        values: &[T],
        bytes: fn(T) -> [u8; SIZE],
    ) -> u32 {
        let size = values.len().saturating_mul(SIZE);
        let address = self.take(size);
        let (words, _) = self.bytes_mut(address, size as u32).as_chunks_mut::<SIZE>();
        for (word, value) in words.iter_mut().zip(values) {
            *word = bytes(*value);
        }
        address
    }

    /// Copies bytes into the module's memory; the address is to be given back.
    pub(super) fn copy_bytes_in(&mut self, bytes: &[u8]) -> u32 {
        let address = self.take(bytes.len());
        self.bytes_mut(address, bytes.len() as u32).copy_from_slice(bytes);
        address
    }

    /// Adds what has changed in this instance's heap to what all instances hold.
    pub(super) fn count(&mut self) {
        // `native_heap` begins with the two counters, of 32 bits here.
        let now =
            Held { bytes: self.u32_at(self.heap) as usize, objects: self.u32_at(self.heap + 4) as usize };
        self.count_as(now);
    }

    fn count_as(&mut self, now: Held) {
        let before = std::mem::replace(&mut self.counted, now);
        // Wrapping differences: a counter that falls is one that rises by almost 2^64.
        HELD_BYTES.fetch_add(now.bytes.wrapping_sub(before.bytes), Ordering::Relaxed);
        HELD_OBJECTS.fetch_add(now.objects.wrapping_sub(before.objects), Ordering::Relaxed);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // With the instance goes all that its heap holds.
        self.count_as(Held::default());
    }
}

/// Ends the process the way Rust's own allocations do.
#[cold]
fn out_of_memory(bytes: usize) -> ! {
    handle_alloc_error(Layout::array::<u8>(bytes).unwrap_or(Layout::new::<u8>()))
}
