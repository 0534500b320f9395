//! `toolchains.lock`: a machine with more toolchains does not change what makes a program, and one with others is refused.

use xtask_test_support::need;

use crate::machine::{self, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

const TOOLS: &[&str] =
    &["cargo", "rustc", "rustup", "cc", "gcc", "x86_64-linux-gnu-gcc", "ld", "as", "ar", "git", "env", "sh"];

/// The provider and the version that a plan has for the target.
fn planned(space: &Space) -> (String, String) {
    let plan = space.run(&["plan", "--json"]).ended(0).json();
    let toolchain = &job(&plan, HOST_MUSL)["toolchain"];
    let text = |key: &str| toolchain[key].as_str().unwrap_or_default().to_owned();
    (text("provider"), text("version"))
}

#[test]
fn a_locked_toolchain_stays_and_another_is_refused() {
    need!("locked::stays", machine::std_for(&[HOST_MUSL]), machine::programs(&["musl-gcc"]), machine::zig());
    let mut space = Space::with_targets(&[HOST_MUSL]);
    let bin = space.only(TOOLS);
    std::os::unix::fs::symlink(machine::zig().unwrap(), bin.join("zig")).unwrap();

    space.run(&["plan", "--locked"]).ended(2).says(&["--locked needs a toolchains.lock", "cargo xtask lock"]);
    space.run(&["lock"]).ended(0).says(&["the toolchains of 1 target"]);
    let lock = space.read("toolchains.lock");
    for words in
        [HOST_MUSL, "provider = \"zig\"", "version = \"zig ", "provider = \"rust-lld\"", "digest = \"sha256:"]
    {
        assert!(lock.contains(words), "no {words:?} in {lock}");
    }
    space.run(&["lock"]).ended(0);
    assert_eq!(space.read("toolchains.lock"), lock);

    // musl-gcc comes before zig where nothing is locked.
    std::os::unix::fs::symlink(machine::find("musl-gcc").unwrap(), bin.join("musl-gcc")).unwrap();
    assert_eq!(planned(&space).0, "zig");
    space.run(&["plan", "--locked"]).ended(0).never_says(&["warning"]);
    space.set("CI", "true");
    space.run(&["plan"]).ended(0);

    std::fs::remove_file(bin.join("zig")).unwrap();
    let refusal =
        ["this machine does not have the toolchains of toolchains.lock", "locked: zig 0.", "here: gcc "];
    space.run(&["build"]).ended(3).says(&refusal).never_says(&["Building"]);
    // A mode that the C toolchain has no part in is not held back by it.
    space.run(&["plan", "--mode", "pure"]).ended(0);
    space.unset("CI");
    space.run(&["plan", "--locked"]).ended(3).says(&refusal);
    space.run(&["plan"]).ended(0).says(&refusal);
    space.run(&["lock"]).ended(1).says(&[
        "toolchains.lock names other toolchains",
        "locked: zig",
        "lock --update",
    ]);
    assert_eq!(space.read("toolchains.lock"), lock, "a refusal changes nothing");

    // No C compiler at all is another fallback, and the lock refuses it too.
    std::fs::remove_file(bin.join("musl-gcc")).unwrap();
    space.run(&["plan", "--locked"]).ended(3).says(&["locked: zig", "here: nothing"]);

    std::os::unix::fs::symlink(machine::find("musl-gcc").unwrap(), bin.join("musl-gcc")).unwrap();
    space.run(&["lock", "--update"]).ended(0);
    assert!(space.read("toolchains.lock").contains("provider = \"musl\""));
    space.run(&["plan", "--locked"]).ended(0);

    // A driver that is a script stays the same while the compiler behind it changes.
    let text = space.read("toolchains.lock");
    let digest =
        text.split("version = \"gcc ").nth(1).unwrap().split("sha256:").nth(1).unwrap()[..64].to_owned();
    space.replace("toolchains.lock", &digest, &"0".repeat(64));
    space.run(&["plan", "--locked"]).ended(3).says(&[&digest, &"0".repeat(64)]);
    space.write("toolchains.lock", "schema = 1\n[[target]\n");
    space.run(&["plan"]).ended(2).says(&["toolchains.lock", "line 2"]);
}

#[test]
fn a_release_by_another_toolchain_than_the_last_is_said() {
    need!("locked::said", machine::std_for(&[HOST_MUSL]), machine::programs(&["musl-gcc"]), machine::zig());
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.with_zig();
    let changed = ["the last release was made by zig 0.", "this one by gcc ", "cargo xtask lock"];
    space.run(&["release", "--providers", "zig"]).ended(0).never_says(&["the last release"]);
    space.run(&["release", "--providers", "musl"]).ended(0).says(&changed);
    space.run(&["release", "--providers", "musl"]).ended(0).never_says(&["the last release"]);
}
