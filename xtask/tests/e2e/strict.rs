//! Where a fallback is not allowed, the run ends with 3 before anything is built.

use xtask_test_support::need;
use xtask_test_support::process::Finished;

use crate::machine::{self, ARM_MUSL, HOST};
use crate::space::Space;

fn nothing_built(space: &Space, run: &Finished) {
    for place in ["target/xtask/build", "target/dist"] {
        assert!(!space.path(place).exists(), "{place} is there\n{run}");
    }
}

#[test]
fn strict_ends_with_3_and_builds_nothing() {
    need!("strict::strict", machine::std_for(&[ARM_MUSL]));
    let space = Space::with_targets(&[ARM_MUSL]);
    space.image("app", &[ARM_MUSL]);
    for command in ["release", "build", "verify", "image", "plan", "bench"] {
        let run = space.run(&[command, "--strict", "--mode", "auto", "--providers", "none"]).ended(3);
        let run = run.says(&["a fallback is not allowed", "--strict", ARM_MUSL]);
        // What it could get is not to be used.
        let run = run.says(&["--providers excludes what setup could install"]).never_says(&["xtask setup"]);
        nothing_built(&space, &run);
    }
}

#[test]
fn on_fallback_fail_is_strict_for_its_target() {
    need!("strict::on_fallback", machine::std_for(&[ARM_MUSL]), machine::programs(&["cc"]));
    let space = Space::bare();
    space.targets(&[(HOST, ""), (ARM_MUSL, "on-fallback = \"fail\"")]);
    let run = space.run(&["release", "--providers", "host"]).ended(3);
    let run = run.says(&["a fallback is not allowed", "on-fallback = \"fail\"", ARM_MUSL]);
    nothing_built(&space, &run);
    space.run(&["plan", "--providers", "host", "--target", HOST]).ended(0);
}

#[test]
fn a_mode_that_is_named_never_falls_back() {
    need!("strict::named", machine::std_for(&[ARM_MUSL]));
    let space = Space::with_targets(&[ARM_MUSL]);
    let run = space.run(&["release", "--mode", "native", "--providers", "none"]).ended(3);
    nothing_built(&space, &run.never_says(&["instead of native"]));
    space.targets(&[(ARM_MUSL, "mode = \"native\""), (HOST, "mode = \"pure\"")]);
    let run = space.run(&["release", "--providers", "none", "--target", ARM_MUSL]).ended(3);
    nothing_built(&space, &run.never_says(&["instead of native"]));
}
