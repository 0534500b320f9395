//! Records what the program cannot know by itself: the commit it is built from and the target's triple.

#[path = "build/commit.rs"]
mod commit;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/commit.rs");
    println!("cargo::rerun-if-env-changed={}", commit::VARIABLE);

    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let given = std::env::var_os(commit::VARIABLE);
    let given = given.as_ref().map(|id| id.to_string_lossy());
    match commit::find(&package, given.as_deref()) {
        Ok(commit) => {
            for path in &commit.watch {
                println!("cargo::rerun-if-changed={}", path.display());
            }
            println!("cargo::rustc-env=APP_COMMIT={}", commit.id);
            println!("cargo::rustc-env=APP_TARGET={}", std::env::var("TARGET").unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}
