//! What a build shows while it runs: what runs now, for how long, and how many of how many units are done.

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::{Space, XTASK};
use xtask_test_support::need;

#[test]
fn a_c_file_that_takes_long_is_named_while_it_compiles() {
    need!("progress::c", machine::programs(&["cc", "script", "stty"]));
    let mut space = Space::with_targets(&[HOST]);
    let real = machine::find("cc").unwrap();
    let slow = format!("case \"$*\" in *answer.c*) sleep 3;; esac\nexec {} \"$@\"", real.display());
    let cc = space.script("slow/cc", &slow);
    space.set("CC_x86_64_unknown_linux_gnu", cc);
    space.set("TERM", "xterm");
    // A terminal of 120 columns.
    let line = format!("stty cols 120; exec {XTASK} build --mode native --target {HOST}");
    let run = Space::finish(&space.cmd("script").args(["-qec", &line, "/dev/null"])).ended(0);
    let shown = run.stdout();
    let drawn: Vec<String> = shown.split("\r\x1b[2K").map(xtask_files::escape::plain).collect();
    let named = |line: &&String| line.contains(" of 4 units · C: answer.c of native (");
    let named: Vec<&String> = drawn.iter().filter(named).collect();
    let title = format!("    Building native for {HOST} · ");
    assert!(named.iter().any(|line| line.starts_with(&title) && line.contains(" s · ")), "{run}");
    for line in drawn.iter().filter(|line| line.starts_with(&title) && !line.contains('\n')) {
        assert!(line.chars().count() < 120, "{line:?}");
    }
}

#[test]
fn every_unit_is_counted_whether_it_was_built_or_fresh() {
    need!("progress::units", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST, HOST_MUSL]);
    // A build script is compiled for the host, and runs once for each target.
    space.write("app/build.rs", "fn main() {}\n");
    for _ in 0..2 {
        let run = space.run(&["build", "--mode", "pure", "--verbose"]).ended(0);
        run.says(&["    Finished 5 of 5 units in "]);
    }
}
