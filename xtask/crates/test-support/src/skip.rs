//! Tests that cannot run on this machine say so, and the runner counts them.

use std::io::Write;
use std::path::PathBuf;

/// Prints `SKIPPED <test program>::<test>: <what is missing>` and appends the line to the file that `XTASK_SKIP_LOG` names.
///
/// # Panics
/// Where that file cannot be written.
pub fn skipped(test: &str, missing: &str) {
    let line = format!("SKIPPED {}{test}: {}\n", test_program(), missing.replace('\n', " "));
    // Not eprint: the test harness would swallow it.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
    if let Some(log) = std::env::var_os("XTASK_SKIP_LOG").filter(|log| !log.is_empty()) {
        let mut file = std::fs::File::options().create(true).append(true).open(log).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// The name of the running test program and `::`; empty where the system does not tell. Cargo puts a hash behind the name.
fn test_program() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let name = program.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.rsplit_once('-').map_or(&*name, |(name, _)| name);
    if name.is_empty() { String::new() } else { format!("{name}::") }
}

/// Returns where a program is on PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// Returns the path of a program, or skips the test where the program is not installed.
pub fn have(test: &str, program: &str) -> Option<PathBuf> {
    let found = on_path(program);
    if found.is_none() {
        skipped(test, &format!("{program} is not installed"));
    }
    found
}

/// Whether this machine runs programs for x86-64 by itself; skips the test where it does not.
pub fn on_x86_64(test: &str) -> bool {
    let is = std::env::consts::ARCH == "x86_64";
    if !is {
        skipped(test, "the host is no x86-64 machine");
    }
    is
}

/// Ends the test, and skips it, where one of the questions answers `Err(what is missing)`.
#[macro_export]
macro_rules! need {
    ($test:literal, $($what:expr),+ $(,)?) => {
        $(
            if let Err(missing) = $what {
                $crate::skip::skipped($test, &missing);
                return;
            }
        )+
    };
}
