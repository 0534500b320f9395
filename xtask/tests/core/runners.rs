//! The program that starts programs of another system is looked for on PATH.

use std::path::Path;

use xtask_compilers::toolchain::runner::{self, Runner};
use xtask_test_support::process;

use crate::support::{Machine, triple};

const WASI: &str = "wasm32-wasip1";

#[test]
fn wasmtime_starts_modules_where_there_is_no_node() {
    let machine = Machine::new().set("HOME", "/nowhere");
    let Runner::None { reason } = runner::find(&triple(WASI), &machine.host()) else { panic!("a runner") };
    assert!(reason.contains("node") && reason.contains("wasmtime"), "{reason}");

    // In place of wasmtime: it prints its arguments.
    machine.program("wasmtime", "echo \"$@\"");
    let found = runner::find(&triple(WASI), &machine.host());
    assert_eq!(found.name(), Some("wasmtime"));
    let run = found.command(Path::new("app.wasm")).unwrap().arg("--flag");
    assert_eq!(process::run(&run).text().trim(), "run --dir=. --dir=/ -Sinherit-env=y app.wasm --flag");

    machine.program("node", "");
    assert_eq!(runner::find(&triple(WASI), &machine.host()).name(), Some("node"));
}
