//! `test --setup`: what it says of a machine that lacks nothing.

use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::Space;

/// Its targets and the host's own are looked at together.
#[test]
fn test_with_setup_says_once_that_nothing_is_missing() {
    need!("ready::once", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["cc"]));
    for targets in [&[HOST][..], &[HOST_MUSL]] {
        let space = Space::with_targets(targets);
        let run = space.run(&["test", "--setup", "--mode", "native"]).ended(0);
        assert_eq!(run.stderr().matches("Ready nothing is missing").count(), 1, "{run}");
    }
}
