//! Faults of the machine: limits that are reached, folders that do not serve, and what other programs left in the environment.
//! None of them is blamed on a tool, and none is remembered.

use xtask_test_support::need;

use crate::machine::{self, HOST_MUSL};
use crate::space::{Space, XTASK};

/// The program with these arguments, behind a script of a shell that ends in `"$@"`.
fn behind(space: &Space, script: &str, args: &[&str]) -> xtask_process::exec::Cmd {
    space.cmd("sh").args(["-c", script, "sh", XTASK]).args(args)
}

/// `make` closes the descriptors of its jobserver in recipes that do not seem to need it, and leaves the variable.
#[test]
fn descriptors_that_are_no_jobserver_are_left_alone() {
    need!("machine_faults::jobserver", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.write("in", "tokens");
    for (descriptors, flags) in [
        ("3<in 4>out", " -j8 --jobserver-auth=3,4"),
        ("3<&- 4>out", "s -j --jobserver-fds=3,4"),
        ("3</ 4>out", "-j --jobserver-auth=fifo:in"),
    ] {
        space.set("MAKEFLAGS", flags);
        let _ = std::fs::remove_dir_all(space.path("target"));
        let script = format!("\"$@\" {descriptors}");
        let run = Space::finish(&behind(&space, &script, &["build", "--mode", "pure"])).ended(0);
        run.never_says(&["jobserver"]);
        assert_eq!(space.read("out"), "", "{flags}");
    }
}
