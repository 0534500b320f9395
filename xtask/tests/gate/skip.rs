//! What the tests ask of this machine.

use std::time::Duration;

use xtask_process::exec::Cmd;

pub(crate) use crate::shared_skip::skipped;

/// Whether `program` can be started here.
pub(crate) fn have(program: &str) -> bool {
    Cmd::new(program).arg("--version").capture(Duration::from_secs(30)).is_ok_and(|o| o.ok())
}
