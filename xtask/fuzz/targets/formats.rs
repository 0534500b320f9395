//! `cargo fuzz run --sanitizer none --fuzz-dir xtask/fuzz formats`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| readers::formats(bytes));
