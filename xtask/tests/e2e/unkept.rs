//! A cache that cannot be written: what needs nothing of it goes on, and what does ends with 3 and a word.

use std::path::Path;

use xtask_files::error::ExitKind;
use xtask_setup::zig;
use xtask_test_support::need;

use crate::machine::{self, HOST_MUSL};
use crate::space::Space;

/// A workspace whose cache lies where there is a file: nobody can write there, not even root.
fn space() -> Space {
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.write("file", "");
    let cache = space.path("file/cache");
    space.set("XTASK_CACHE_DIR", cache);
    space
}

const HELP: &str = "help: set XTASK_CACHE_DIR to a folder that can be written and has space";

#[test]
fn a_run_that_needs_nothing_of_the_cache_goes_on() {
    need!("unkept::goes_on", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    let space = space();
    space.image("app", &[HOST_MUSL]);
    // Nothing is probed for a mode that needs no compiler.
    space.run(&["release", "--mode", "pure"]).ended(0).never_says(&["Probing", "XTASK_CACHE_DIR"]);
    let run = space.run(&["plan"]).ended(0);
    let run = run.says(&[
        "the results of the probes of C toolchains cannot be kept: cannot ",
        "set XTASK_CACHE_DIR to a folder",
    ]);
    assert_eq!(run.stderr().matches("XTASK_CACHE_DIR").count(), 1, "{run}");
}

#[test]
fn a_base_that_cannot_be_kept_is_something_missing() {
    need!("unkept::base", machine::std_for(&[HOST_MUSL]), machine::programs(&["apt-get"]));
    let space = space();
    let locks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/bases/debian13.lock");
    space.write("docker/bases/debian13.lock", &std::fs::read_to_string(locks).unwrap());
    let file = space.path("file/cache/bases/debs").display().to_string();
    let show = ["base", "show", "distroless:static", "--files"];
    space.run(&show).ended(3).says(&["cannot make the folder", &file, HELP]);
    // The same where it is what an image stands on.
    space.image("app", &[HOST_MUSL]);
    space.replace("targets.toml", "base = \"scratch\"", "base = \"distroless:static\"");
    let run = space.run(&["image", "--mode", "pure"]).ended(3);
    run.says(&[&file, "image app is to stand on it", HELP]).never_says(&["Built"]);
    // Of a registry: the cache comes before the network.
    let digest = format!("sha256:{}", "0".repeat(64));
    let base = format!("base = \"127.0.0.1:9/x@{digest}\"");
    space.replace("targets.toml", "base = \"distroless:static\"", &base);
    space
        .run(&["image", "--mode", "pure"])
        .ended(3)
        .says(&["is not available: cannot use 127.0.0.1:9/x", HELP]);
}

#[test]
fn what_setup_would_keep_is_something_missing() {
    let space = space();
    let error = zig::install(Path::new("python3"), &space.path("file/cache"), &mut |_| {}).unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing, "{error}");
    assert!(error.to_string().contains(HELP), "{error}");
}
