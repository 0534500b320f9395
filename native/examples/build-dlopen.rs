//! Builds the shared library that the backend `dlopen` finds at run time:
//!
//! ```text
//! cargo run -p native --example build-dlopen [-- [--target TRIPLE] [--out FOLDER]]
//! ```
//!
//! Without arguments: for the target that this example was compiled for, beside the programs of the same profile.

#[path = "../build/shared.rs"]
mod shared;
#[path = "../build/sources.rs"]
mod sources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: build-dlopen [--target TRIPLE] [--out FOLDER]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(file) => {
            println!("{}", file.display());
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<PathBuf, String> {
    let (mut target, mut out) = (env!("NATIVE_TARGET").to_owned(), None);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value\n{USAGE}"))?;
        match arg.as_str() {
            "--target" => target = value,
            "--out" => out = Some(PathBuf::from(value)),
            _ => return Err(format!("there is no {arg}\n{USAGE}")),
        }
    }
    let out = match out {
        Some(out) => out,
        None => beside_the_programs()?,
    };
    let out = std::path::absolute(&out).map_err(|error| error.to_string())?;
    std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let file = out.join(name(&target));
    shared::build(Path::new(env!("CARGO_MANIFEST_DIR")), &sources::SOURCES, &target, &file)?;
    Ok(file)
}

/// Examples lie one folder below the programs.
fn beside_the_programs() -> Result<PathBuf, String> {
    let exe = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = exe.ancestors().nth(2).ok_or("this program lies nowhere")?;
    Ok(folder.into())
}

/// `native::dlopen::FILE_NAME` for any target.
fn name(target: &str) -> &'static str {
    if shared::has(target, "windows") {
        "native_c-1.dll"
    } else if shared::has(target, "apple") {
        "libnative_c.1.dylib"
    } else {
        "libnative_c.so.1"
    }
}
