//! The declarations of `c/native.h`, line by line.

use std::ffi::{c_char, c_longlong};

// SAFETY: these are the signatures of c/native.h, which the C sources include; size_t is usize on every target of Rust,
// and int32_t and double are i32 and f64.
unsafe extern "C" {
    pub(super) fn native_dot_product(a: *const f64, b: *const f64, count: usize) -> f64;
    pub(super) fn native_double_array(values: *mut i32, count: usize);
    pub(super) fn native_sum_array(values: *const i32, count: usize) -> c_longlong;
    pub(super) fn native_reverse_string(text: *const c_char, length: usize) -> *mut c_char;
    pub(super) fn native_text_free(text: *mut c_char);
}
