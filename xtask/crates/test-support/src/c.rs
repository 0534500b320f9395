//! Sample programs in C and C++.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use xtask_process::exec::Cmd;

use crate::process::run;

/// Compiles a source to a program, with the compiler `cc`. The flags may include libraries. The source is
/// written beside the program, with the ending `.c`.
///
/// # Panics
/// The compiler fails.
pub fn compile(cc: impl AsRef<OsStr>, flags: &[&str], source: &str, program: impl Into<PathBuf>) -> PathBuf {
    let program = program.into();
    let mut input = program.clone().into_os_string();
    input.push(".c");
    let input = Path::new(&input);
    std::fs::write(input, source).unwrap();
    // The flags come last: a library must follow the files that need it.
    run(&Cmd::new(cc).arg("-o").arg(&program).arg(input).args(flags));
    program
}
