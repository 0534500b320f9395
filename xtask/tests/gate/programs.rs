//! Compiles real programs for the gate to look at.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use xtask_gate::Facts;
use xtask_process::exec::Cmd;
use xtask_test_support::process::run_within;

/// zig makes a C library before its first link for a target, which takes minutes on a busy machine.
const LIMIT: Duration = Duration::from_secs(900);

/// A C program that works with any libc.
pub(crate) const HELLO: &str = "#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n";
/// Asks for `pthread_create`, whose symbol version glibc raised to 2.34, and copies `stdout` into the program.
pub(crate) const THREADS: &str = "#include <pthread.h>\n#include <stdio.h>\n\
    static void *run(void *p) { return p; }\n\
    int main(void) { pthread_t t; fputs(\"x\", stdout); return pthread_create(&t, 0, run, 0); }\n";

/// A folder to compile in, removed at the end.
pub(crate) struct Bench {
    dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Compiles `source` with `cc` (a command line's first words) to `name`.
    pub(crate) fn compile(&self, cc: &[&str], flags: &[&str], source: &str, name: &str) -> PathBuf {
        let input = self.file(&format!("{name}.c"), source);
        let output = self.path(name);
        let cmd = Cmd::new(cc[0]).args(&cc[1..]).args(flags).arg("-o").arg(&output).arg(&input);
        run_within(&cmd, LIMIT);
        output
    }
}

pub(crate) fn facts(path: &Path) -> Facts {
    Facts::read(path).unwrap()
}
