//! Says visibly that a test could not run here, and where the runner asks for it, in its log too.

use std::io::Write;
use std::time::Duration;

use xtask::exec::Cmd;

/// Prints `SKIPPED <test>: <what is missing>` and appends it to the file that `XTASK_SKIP_LOG` names.
pub(crate) fn skipped(test: &str, missing: &str) {
    let line = format!("SKIPPED {test}: {missing}\n");
    // Not eprint: the test harness would swallow it.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
    if let Some(log) = std::env::var_os("XTASK_SKIP_LOG") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// Whether `program` can be started here.
pub(crate) fn have(program: &str) -> bool {
    Cmd::new(program).arg("--version").capture(Duration::from_secs(30)).is_ok_and(|o| o.ok())
}
