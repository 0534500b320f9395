//! `cargo fuzz run --sanitizer none --fuzz-dir xtask/fuzz ar`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| readers::ar(bytes));
