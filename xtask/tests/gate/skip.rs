//! Says visibly that a test could not run here, and where the runner asks for it, in its log too.

use std::io::Write;
use std::path::PathBuf;
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

/// A Python that has the module `ziglang`: of `XTASK_TEST_ZIG_PYTHON`, PATH, or a private environment of the user's.
pub(crate) fn zig_python() -> Option<PathBuf> {
    let named = std::env::var_os("XTASK_TEST_ZIG_PYTHON").map(PathBuf::from);
    let usual = [PathBuf::from("python3"), std::env::temp_dir().join("zigvenv/bin/python")];
    named.into_iter().chain(usual).find(|python| {
        let version = Cmd::new(python).args(["-m", "ziglang", "version"]).capture(Duration::from_secs(60));
        version.is_ok_and(|o| o.ok())
    })
}
