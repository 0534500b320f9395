//! The backend `wasm`: its recipe makes the committed module from the sources, and the module imports five functions only. The
//! topic "wasm" of docs/concepts/c-boundary.md.
#![cfg(feature = "wasm")]

mod common;
#[path = "../wasm/build.rs"]
mod recipe;

use std::path::Path;

use native::Backend;
use sha2::{Digest, Sha256};
use xtask_test_support::skip::skipped;

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_module_has_its_digest() {
    let written = include_str!("../wasm/native.wasm.sha256");
    assert_eq!(written, format!("{}  native.wasm\n", digest(native::wasm::MODULE)));
}

/// After a change of the C: `cargo run -p native --example build-wasm`.
#[test]
fn the_recipe_makes_the_same_bytes() {
    let zig = match recipe::zig() {
        Ok(zig) => zig,
        Err(missing) => return skipped("the_recipe_makes_the_same_bytes", &missing),
    };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("native-{}.wasm", std::process::id()));
    recipe::build(&zig, Path::new(env!("CARGO_MANIFEST_DIR")), &common::sources::SOURCES, &file).unwrap();
    let made = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(digest(&made), digest(native::wasm::MODULE), "the module is not made of these sources");
}

/// The interpreter is compiled so that it keeps its stack: a loop of ten million rounds ends on a small one.
#[test]
fn long_loops_keep_their_stack() {
    assert!(native::unavailable().iter().all(|(name, _)| *name != "wasm"), "{:?}", native::unavailable());
    let ones = vec![1.0; 10_000_000];
    let run = move || native::wasm::Wasm.dot_product(&ones, &ones).unwrap();
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap();
    assert_eq!(thread.join().unwrap(), 10_000_000.0);
}

/// A module that asked for a file or a clock would name it here, and could not start.
#[test]
fn the_sandbox_is_small() {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, native::wasm::MODULE).unwrap();
    let mut imports: Vec<_> = module.imports().map(|i| format!("{}.{}", i.module(), i.name())).collect();
    imports.sort();
    assert_eq!(imports, ["host.read", "host.released", "host.seek", "host.size", "host.visit"]);
}
