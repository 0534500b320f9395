//! The backend's trait, for everything that has a table of C functions.

use std::ffi::c_void;
use std::fmt::Debug;
use std::ops::ControlFlow;

use super::{CBlock, CBuffer, CKeeper, CPerson, CText, CTexts, FunctionTable};
use crate::guard::PanicGuard;
use crate::source::Source;
use crate::{
    Backend, BadPerson, Block, BlockError, Buffer, Held, Keeper, LengthMismatch, NewPerson, Person,
    PersonError, Released, Text, Texts,
};

/// A backend that reaches the C component by native calls.
pub(crate) trait Calls: Debug + Send + Sync {
    /// Returns the name of the backend.
    fn name(&self) -> &'static str;

    /// The component's functions. Where they are known to the compiler, it calls them directly.
    fn table(&self) -> &'static FunctionTable;
}

/// What C gets a pointer to while it visits: the closure, and its panic.
struct Visiting<'a> {
    visit: &'a mut dyn FnMut(i32) -> ControlFlow<()>,
    guard: PanicGuard,
}

/// # Safety
/// `context` is a `Visiting` that nobody else uses now.
unsafe extern "C" fn visit(context: *mut c_void, value: i32) -> i32 {
    // SAFETY: C passes on the context that it was given for this call.
    let Visiting { visit, guard } = unsafe { &mut *context.cast::<Visiting<'_>>() };
    match guard.run(|| visit(value)) {
        Some(ControlFlow::Continue(())) => 0,
        Some(ControlFlow::Break(())) | None => 1,
    }
}

impl<T: Calls> Backend for T {
    fn name(&self) -> &'static str {
        Calls::name(self)
    }

    #[inline]
    fn echo(&self, value: i32) -> i32 {
        // SAFETY: there is nothing that could be wrong with a number.
        unsafe { (self.table().echo)(value) }
    }

    #[inline]
    fn dot_product(&self, a: &[f64], b: &[f64]) -> Result<f64, LengthMismatch> {
        let count = LengthMismatch::check(a.len(), b.len())?;
        // SAFETY: both slices hold `count` elements, which C only reads; nothing is kept after the call.
        Ok(unsafe { (self.table().dot_product)(a.as_ptr(), b.as_ptr(), count) })
    }

    #[inline]
    fn reverse_string(&self, text: &str) -> Text {
        CText::reversed(self.table(), text).into()
    }

    #[inline]
    fn double_array(&self, values: &mut [i32]) {
        // SAFETY: the slice is borrowed mutably, so C alone touches its elements, of which it gets the exact number;
        // every bit pattern that it may write is an i32.
        unsafe { (self.table().double_array)(values.as_mut_ptr(), values.len()) }
    }

    #[inline]
    fn sum_array(&self, values: &[i32]) -> i64 {
        // SAFETY: the slice holds that many elements, which C only reads.
        unsafe { (self.table().sum_array)(values.as_ptr(), values.len()) }
    }

    #[inline]
    fn reverse_all(&self, texts: &[&str]) -> Texts {
        CTexts::reversed(self.table(), texts).into()
    }

    fn person(&self, new: NewPerson<'_>) -> Result<Person, PersonError> {
        CPerson::new(self.table(), &new).map(Person::from)
    }

    fn people(&self, new: &[NewPerson<'_>]) -> Result<Vec<Person>, BadPerson> {
        let people = CPerson::many(self.table(), new)?;
        Ok(people.into_iter().map(Person::from).collect())
    }

    #[inline]
    fn for_each(&self, values: &[i32], each: &mut dyn FnMut(i32) -> ControlFlow<()>) -> usize {
        let mut visiting = Visiting { visit: each, guard: PanicGuard::default() };
        let context: *mut Visiting<'_> = &mut visiting;
        // SAFETY: the slice holds that many elements, which C only reads; `visit` gets the context that belongs to it,
        // which nothing else uses during the call.
        let visited = unsafe { (self.table().each)(values.as_ptr(), values.len(), visit, context.cast()) };
        visiting.guard.resume();
        visited
    }

    fn read_block(&self, source: &mut dyn Source) -> Result<Block, BlockError> {
        CBlock::read(self.table(), source).map(Block::from)
    }

    fn buffer(&self, length: usize) -> Buffer {
        CBuffer::new(self.table(), length).into()
    }

    fn keeper<'ctx>(&self, released: Released<'ctx>) -> Keeper<'ctx> {
        Keeper::new(CKeeper::new(self.table(), released))
    }

    fn held(&self) -> Held {
        self.table().heap.held()
    }
}
