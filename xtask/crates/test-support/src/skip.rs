//! Tests that cannot run on this machine print a line, and the runner counts these lines.

use std::io::Write;
use std::path::PathBuf;

/// Prints `SKIPPED <test program>::<test>: <what is missing>` and appends the line to the file that
/// `XTASK_SKIP_LOG` names.
///
/// # Panics
/// That file cannot be written.
pub fn skipped(test: &str, missing: &str) {
    let line = format!("SKIPPED {}{test}: {}\n", test_program(), missing.replace('\n', " "));
    // `eprint` is not used, because the test harness would capture it.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
    if let Some(log) = std::env::var_os("XTASK_SKIP_LOG").filter(|log| !log.is_empty()) {
        let mut file = std::fs::File::options().create(true).append(true).open(log).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// Returns the name of the running test program and `::`, or an empty text if the system does not provide it.
/// Cargo adds a hash to the name.
fn test_program() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let name = program.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.rsplit_once('-').map_or(&*name, |(name, _)| name);
    if name.is_empty() { String::new() } else { format!("{name}::") }
}

/// Returns the path of a program on PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// Returns the path of a program, or skips the test if the program is not installed.
pub fn have(test: &str, program: &str) -> Option<PathBuf> {
    let found = on_path(program);
    if found.is_none() {
        skipped(test, &format!("{program} is not installed"));
    }
    found
}

/// Returns whether this machine runs x86-64 programs itself, and skips the test if it does not.
pub fn on_x86_64(test: &str) -> bool {
    let is = std::env::consts::ARCH == "x86_64";
    if !is {
        skipped(test, "the host is no x86-64 machine");
    }
    is
}

/// Skips and ends the test if one of the expressions is `Err(what is missing)`.
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
