//! Programs that pass the gate and are no good to run.

use std::path::Path;

use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// Every run is given little memory, so that what takes it all fails alone.
#[test]
fn one_that_prints_without_end_fails_and_takes_no_memory() {
    need!("programs::endless", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.replace(
        "app/src/main.rs",
        "fn main() {\n",
        "fn main() {\n    loop { println!(\"still here\"); }\n",
    );
    let limited = ["-c", "ulimit -v 4000000; exec \"$0\" \"$@\"", crate::space::XTASK];
    let cmd = space.cmd("sh").args(limited).args(["verify", "--mode", "pure", "--json"]);
    let run =
        Space::finish(&cmd).ended(1).says(&["printed more than 64.0 MB, and was ended\n    still here"]);
    assert_eq!(run.json()["jobs"][0]["smoke"]["status"], "fail");
    assert!(run.stderr().len() < 10_000, "{run}");
}

/// As a program does that knows nothing of `--version`, which `init` writes, after a while.
#[test]
fn one_that_does_not_know_its_arguments_is_told_of_them() {
    need!("programs::arguments", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.replace("targets.toml", "smoke = [\"selftest\"]\n", "");
    space.image("app", &[HOST_MUSL]);
    space.replace(
        "app/src/main.rs",
        "fn main() {\n",
        "fn main() {
             std::thread::sleep(std::time::Duration::from_secs(6));
             eprintln!(\"error: what is {:?}?\", std::env::args().nth(1));
             std::process::exit(2);\n",
    );
    let run = space.run(&["verify", "--mode", "pure"]).ended(1).says(&[
        "/app --version ended with exit code 2\n    error: what is Some(\"--version\")?\n  help: `smoke` of [app] in \
         targets.toml sets its arguments",
        "still verifying: programs · 5 s · 0 of 1 program · pure for x86_64-unknown-linux-musl (",
        "note: pure for x86_64-unknown-linux-musl: smoke run: ",
    ]);
    // It makes none.
    run.never_says(&["image app", "not made"]);
}

/// The linker is asked for an interpreter that no machine has; the other target has none.
#[test]
fn one_that_cannot_be_started_fails_alone() {
    need!("programs::interpreter", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST, HOST_MUSL]);
    space.write(
        "app/build.rs",
        "fn main() {
             if std::env::var(\"CARGO_CFG_TARGET_ENV\").unwrap() == \"gnu\" {
                 println!(\"cargo::rustc-link-arg-bins=-Wl,--dynamic-linker=/nowhere/ld-linux-x86-64.so.2\");
             }
         }",
    );
    space.image("app", &[HOST_MUSL]);
    let run = space.run(&["release", "--mode", "pure"]).ended(1);
    run.says(&[
        "smoke run: cannot run ",
        "its interpreter /nowhere/ld-linux-x86-64.so.2 is not on this machine",
    ]);
    let report = space.report();
    let states = [HOST, HOST_MUSL].map(|target| job(&report, target)["status"].clone());
    assert_eq!((states, report["images"].as_array().unwrap().len()), (["failed".into(), "ok".into()], 1));
    // The same of one that may not be executed, as Cargo left it. In target/dist alone, the mode is mended.
    let mode = |program: &Path, mode| {
        std::fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    mode(&space.dist(&format!("bin/{HOST_MUSL}/pure/app")), 0o644);
    space.run(&["verify", "--mode", "pure", "--target", HOST_MUSL]).ended(0);
    mode(&space.built(HOST_MUSL), 0o644);
    let run = space.run(&["verify", "--mode", "pure", "--target", HOST_MUSL, "--json"]).ended(1);
    let run = run.says(&["smoke run: cannot run ", "Permission denied"]);
    assert_eq!(job(&run.json(), HOST_MUSL)["smoke"]["status"], "fail");
}

/// A thread that C starts needs more stack than musl gives it. What the message proposes is enough.
#[test]
fn one_that_needs_more_stack_than_musl_gives_is_told_so() {
    let tools = machine::programs(&["musl-gcc"]);
    need!("programs::stack", machine::std_for(&[HOST_MUSL]), tools);
    let space = Space::with_targets(&[HOST_MUSL]);
    space.write(
        "native/c/answer.c",
        "#include <pthread.h>
         #include <stdint.h>
         #include <string.h>
         static void *deep(void *at) {
             volatile char much[600 * 1024];
             memset((char *)much, *(int *)at, sizeof much);
             *(int *)at = much[sizeof much - 1];
             return 0;
         }
         int32_t native_answer(void) {
             pthread_t thread;
             int answer = 42;
             if (pthread_create(&thread, 0, deep, &answer)) return -1;
             pthread_join(thread, 0);
             return answer;
         }\n",
    );
    let verify = ["verify", "--mode", "native", "--providers", "musl"];
    let run = space.run(&verify).ended(1);
    run.says(&[
        "was killed by SIGSEGV (signal 11)",
        "help: threads that C starts have a stack of 128 KiB on musl",
        "rustflags = [\"-Clink-arg=-Wl,-z,stack-size=8388608\"]",
    ]);
    space.targets(&[(HOST_MUSL, "rustflags = [\"-Clink-arg=-Wl,-z,stack-size=8388608\"]")]);
    space.run(&verify).ended(0);
}
