//! Says visibly that a test could not run here, and where the runner asks for it, in its log too. For every test of this
//! package.

#![allow(dead_code, reason = "not every test asks for programs")]

use std::io::Write;
use std::path::PathBuf;

/// Prints `SKIPPED <crate>::<test>: <what is missing>` and appends it to the file that `XTASK_SKIP_LOG` names.
pub(crate) fn skipped(test: &str, missing: &str) {
    let line = format!("SKIPPED {}::{test}: {}\n", env!("CARGO_CRATE_NAME"), missing.replace('\n', " "));
    // Not eprint: the test harness would swallow it.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
    if let Some(log) = std::env::var_os("XTASK_SKIP_LOG") {
        let mut file = std::fs::File::options().create(true).append(true).open(log).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// Where a program is on PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// The program's path, or `None` and a visible line where it is absent.
pub(crate) fn have(test: &str, program: &str) -> Option<PathBuf> {
    let found = on_path(program);
    if found.is_none() {
        skipped(test, &format!("{program} is not installed"));
    }
    found
}
