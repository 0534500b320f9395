//! Makes `wasm/native.wasm` and its digest anew, after a change of the C: `cargo run -p native --example build-wasm`.

#[path = "../wasm/build.rs"]
mod recipe;
#[path = "../build/sources.rs"]
mod sources;

use std::path::Path;
use std::process::ExitCode;

use sha2::{Digest, Sha256};

fn run() -> Result<(), String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = package.join("wasm/native.wasm");
    recipe::build(
        &recipe::zig().map_err(|missing| format!("this needs {missing}"))?,
        package,
        &sources::SOURCES,
        &file,
    )?;
    let bytes = std::fs::read(&file).map_err(|error| error.to_string())?;
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let line = format!("{digest}  native.wasm\n");
    print!("{line}");
    std::fs::write(package.join("wasm/native.wasm.sha256"), line).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
