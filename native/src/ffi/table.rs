//! The functions of `c/native.h`, declared once for both ways to reach them.

use std::ffi::{c_char, c_longlong, c_void};

use super::heap::Heap;

/// An object that only C looks into.
macro_rules! opaque {
    ($($name:ident),*) => {$(
        #[repr(C)]
        pub(crate) struct $name {
            _private: [u8; 0],
        }
    )*};
}

opaque!(Batch, Person, Block, Cursor, Buffer, Keeper);

/// The Rust declaration of `native_slice`: a text by its address and length.
#[repr(C)]
pub(crate) struct Slice {
    pub(super) start: *const c_char,
    pub(super) length: usize,
}

/// The Rust declaration of `native_person_spec`: what a person is made from.
#[repr(C)]
pub(crate) struct PersonSpec {
    pub(super) name: *const c_char,
    pub(super) length: usize,
    pub(super) age: u32,
    pub(super) salary: f64,
}

/// The Rust declaration of `native_source`: the callbacks through which C reads a source.
#[repr(C)]
pub(crate) struct NativeSource {
    pub(super) context: *mut c_void,
    pub(super) read: unsafe extern "C" fn(*mut c_void, *mut u8, usize, *mut usize) -> i32,
    pub(super) seek: unsafe extern "C" fn(*mut c_void, u64) -> i32,
    pub(super) size: unsafe extern "C" fn(*mut c_void, *mut u64) -> i32,
}

/// The Rust declaration of `native_entry`: a key and its value, each by address and length.
#[repr(C)]
pub(crate) struct NativeEntry {
    pub(super) key: *const u8,
    pub(super) key_length: usize,
    pub(super) value: *const u8,
    pub(super) value_length: usize,
}

/// The Rust declaration of `native_visit`: the callback that gets each element.
pub(crate) type NativeVisit = unsafe extern "C" fn(*mut c_void, i32) -> i32;

/// The Rust declaration of `native_released`: the callback that gets the bytes of a buffer before it is freed.
pub(crate) type NativeReleased = unsafe extern "C" fn(*mut c_void, *const u8, usize);

macro_rules! functions {
    ($($name:ident = $symbol:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of one copy of the component, and the heap that it counts in.
        #[derive(Debug)]
        pub(crate) struct FunctionTable {
            pub(super) heap: &'static Heap,
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        /// The copy that is linked into this program.
        #[cfg(feature = "native")]
        pub(crate) const fn linked(heap: &'static Heap) -> FunctionTable {
            // SAFETY: these are the signatures of c/native.h, which the C sources include; size_t is usize on every
            // target of Rust, int32_t and double are i32 and f64.
            unsafe extern "C" {
                $(fn $symbol($(_: $argument),*) $(-> $result)?;)*
            }
            FunctionTable { heap, $($name: $symbol,)* }
        }

        #[cfg(loadable)]
        impl FunctionTable {
            /// The copy in a library that was found at run time. The symbols are asked for in the order of the header.
            ///
            /// # Errors
            /// The first symbol that the library does not have.
            ///
            /// # Safety
            /// What the library defines under these names has the signatures below, and stays loaded for good.
            pub(crate) unsafe fn find(
                heap: &'static Heap,
                library: &libloading::Library,
            ) -> Result<Self, &'static str> {
                Ok(Self {
                    heap,
                    $(
                        // SAFETY: the caller vouches for the signature.
                        $name: *unsafe { library.get(stringify!($symbol)) }
                            .map_err(|_| stringify!($symbol))?,
                    )*
                })
            }
        }
    };
}

functions! {
    echo = native_echo(i32) -> i32;
    dot_product = native_dot_product(*const f64, *const f64, usize) -> f64;
    double_array = native_double_array(*mut i32, usize);
    sum_array = native_sum_array(*const i32, usize) -> c_longlong;
    each = native_each(*const i32, usize, NativeVisit, *mut c_void) -> usize;
    reverse_string = native_reverse_string(*const Heap, *const c_char, usize) -> *mut c_char;
    text_free = native_text_free(*const Heap, *mut c_char, usize);
    reverse_batch = native_reverse_batch(*const Heap, *const Slice, usize) -> *mut Batch;
    batch_bytes = native_batch_bytes(*const Batch) -> *const c_char;
    batch_ends = native_batch_ends(*const Batch) -> *const usize;
    batch_free = native_batch_free(*mut Batch);
    person_create = native_person_create(*const Heap, *const PersonSpec, *mut *mut Person, *mut u64) -> i32;
    people_create = native_people_create(*const Heap, *const PersonSpec, usize, *mut *mut Person, *mut usize, *mut u64) -> i32;
    person_name = native_person_name(*const Person, *mut usize) -> *const c_char;
    person_age = native_person_age(*const Person) -> u32;
    person_salary = native_person_salary(*const Person) -> f64;
    person_set_salary = native_person_set_salary(*mut Person, f64) -> i32;
    person_free = native_person_free(*mut Person);
    block_read = native_block_read(*const Heap, *const NativeSource, *mut *mut Block, *mut u64) -> i32;
    block_count = native_block_count(*const Block) -> u32;
    block_free = native_block_free(*mut Block);
    cursor_create = native_cursor_create(*const Block) -> *mut Cursor;
    cursor_next = native_cursor_next(*mut Cursor, *mut NativeEntry) -> i32;
    cursor_free = native_cursor_free(*mut Cursor);
    buffer_create = native_buffer_create(*const Heap, usize) -> *mut Buffer;
    buffer_bytes = native_buffer_bytes(*mut Buffer, *mut usize) -> *mut u8;
    buffer_free = native_buffer_free(*mut Buffer);
    keeper_create = native_keeper_create(*const Heap, NativeReleased, *mut c_void) -> *mut Keeper;
    keeper_keep = native_keeper_keep(*mut Keeper, *mut Buffer);
    keeper_count = native_keeper_count(*const Keeper) -> usize;
    keeper_hash = native_keeper_hash(*const Keeper) -> u32;
    keeper_newest = native_keeper_newest(*const Keeper) -> *mut Buffer;
    keeper_take = native_keeper_take(*mut Keeper) -> *mut Buffer;
    keeper_release = native_keeper_release(*mut Keeper) -> i32;
    keeper_free = native_keeper_free(*mut Keeper);
}
