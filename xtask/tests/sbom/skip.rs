//! Says visibly that a test could not run here, and where the runner asks for it, in its log too.

use std::io::Write;

/// Prints `SKIPPED <test>: <what is missing>` and appends it to the file that `XTASK_SKIP_LOG` names.
pub(crate) fn skipped(test: &str, missing: &str) {
    let line = format!("SKIPPED sbom::{test}: {missing}\n");
    // Not eprint: the test harness would swallow it.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
    if let Some(log) = std::env::var_os("XTASK_SKIP_LOG") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
