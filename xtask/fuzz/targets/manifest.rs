//! `cargo fuzz run --sanitizer none --fuzz-dir xtask/fuzz manifest`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| readers::manifest(bytes));
