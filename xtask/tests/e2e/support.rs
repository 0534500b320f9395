//! What the registry's server asks of the tests that start it.

use std::time::Duration;

use xtask_process::exec::{Cmd, Output};

pub(crate) use crate::shared_skip::have;

/// Runs a command that has to succeed.
pub(crate) fn run(cmd: &Cmd) -> Output {
    let output = cmd.capture_whole(Duration::from_secs(120)).unwrap();
    assert!(output.ok(), "{}\n{}\n{}\n{}", cmd.line(), output.end, output.text(), output.errors());
    output
}
