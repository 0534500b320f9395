//! An explicit choice that does not work: broken is not missing, and it is never silently replaced.

use serde_json::{Value, json};
use xtask_test_support::{folder, need};

use crate::machine::{self, ARM, ARM_MUSL, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

#[test]
fn a_compiler_that_fails_is_broken_and_ends_the_search() {
    need!("explicit::broken", machine::std_for(&[ARM_MUSL]));
    let mut space = Space::with_targets(&[ARM_MUSL]);
    if machine::zig().is_ok() {
        // One that works is at hand, and still not taken.
        space.with_zig();
    }
    space.set("CC_aarch64_unknown_linux_musl", "/bin/false");
    let run = space.run(&["explain", ARM_MUSL]).ended(0);
    let text = run.stdout();
    for words in [
        "CC_aarch64_unknown_linux_musl=/bin/false",
        "broken",
        "compile",
        "exit code 1",
        "decision: mode pure",
    ] {
        assert!(text.contains(words), "no {words:?}\n{run}");
    }
    assert!(!text.contains("missing"), "{run}");

    let explained = space.run(&["explain", ARM_MUSL, "--json"]).ended(0).json();
    assert_eq!(explained["candidates"].as_array().unwrap().len(), 1, "{explained:#}");
    assert_eq!(explained["candidates"][0]["verdict"], "broken");
    assert_eq!(explained["candidates"][0]["passing"], false);
    assert_eq!(explained["chosen"], Value::Null);

    let plan = space.run(&["plan", "--json"]).ended(0).json();
    let planned = job(&plan, ARM_MUSL);
    assert_eq!(
        (&planned["mode"], &planned["fallback"]["reason"]),
        (&json!("pure"), &json!("no-c-toolchain"))
    );
    let tried = planned["fallback"]["tried"].to_string();
    assert!(tried.contains("/bin/false") && tried.contains("broken"), "{planned:#}");

    space.run(&["plan", "--mode", "native"]).ended(3).says(&["/bin/false", "cargo xtask explain"]);
    let doctor = space.run(&["doctor"]);
    assert!(doctor.stdout().contains("broken"), "{doctor}");
    // There is nothing that setup could install in its place.
    doctor.never_says(&["xtask setup"]);
    space.run(&["setup", "--yes"]).ended(0).says(&["nothing is missing"]);
    // Of one that targets.toml does not have, setup must be told.
    let doctor = space.run(&["doctor", "--target", "riscv64gc-unknown-linux-musl", "--providers", "none"]);
    let words = "install what is missing: cargo xtask setup riscv64gc-unknown-linux-musl";
    assert!(doctor.stdout().ends_with(words), "{doctor}");
}

#[test]
fn a_compiler_that_is_not_there_is_missing() {
    need!("explicit::missing", machine::std_for(&[ARM_MUSL]));
    let mut space = Space::with_targets(&[ARM_MUSL]);
    space.set("CC_aarch64_unknown_linux_musl", "/no/such/cc");
    let run = space.run(&["explain", ARM_MUSL]).ended(0);
    let text = run.stdout();
    assert!(text.contains("missing: there is no program /no/such/cc"), "{run}");
    assert!(!text.contains("broken"), "{run}");

    let file = space.path("plain");
    space.write("plain", "no program");
    space.set("CC_aarch64_unknown_linux_musl", &file);
    let run = space.run(&["explain", ARM_MUSL]).ended(0);
    assert!(run.stdout().contains("plain is not executable"), "{run}");
    let plan = space.run(&["plan", "--json"]).ended(0).json();
    assert_eq!(job(&plan, ARM_MUSL)["mode"], "pure");
}

#[test]
fn a_compiler_for_another_machine_is_broken() {
    need!("explicit::wrong_machine", machine::std_for(&[ARM]), machine::programs(&["cc"]));
    let mut space = Space::with_targets(&[ARM]);
    let cc = machine::find("cc").unwrap();
    space.set("CC_aarch64_unknown_linux_gnu", &cc);
    let run = space.run(&["explain", ARM]).ended(0);
    assert!(run.stdout().contains("broken: failed to link"), "{run}");
}

#[test]
fn a_program_that_cannot_run_is_no_toolchain() {
    need!("explicit::does_not_run", machine::std_for(&[]), machine::programs(&["cc"]));
    // It compiles, and what it links does nothing but fail.
    let mut space = Space::with_targets(&[machine::HOST]);
    let cc = machine::find("cc").unwrap();
    let text = format!(
        "case \" $* \" in *' -c '*|*--version*) exec {cc} \"$@\";; esac\n\
         while [ $# -gt 0 ]; do [ \"$1\" = -o ] && out=$2; shift; done\n\
         printf '#!/bin/sh\\necho wrong\\nexit 7\\n' > \"$out\"; chmod +x \"$out\"",
        cc = cc.display()
    );
    let wrong = space.script("wrong-cc", &text);
    space.set("CC_x86_64_unknown_linux_gnu", &wrong);
    let run = space.run(&["explain", machine::HOST]).ended(0);
    assert!(run.stdout().contains("failed to make a program that runs"), "{run}");
    assert!(run.stdout().contains("exit code 7"), "{run}");
}

#[test]
fn what_a_compiler_says_is_kept_and_its_sudden_death_is_not() {
    need!("explicit::kept", machine::std_for(&[ARM_MUSL]));
    let mut space = Space::with_targets(&[ARM_MUSL]);
    // By whom it was killed is not known, so that nothing is built in another mode because of it.
    let cases = [
        ("echo 'no, thanks' >&2; exit 1", true, 0, "broken at compile"),
        ("kill -KILL $$", false, 3, "could not be probed: a program was killed"),
    ];
    for (text, kept, code, said) in cases {
        let cc = space.script("../moody-cc", text);
        space.set("CC_aarch64_unknown_linux_musl", cc);
        space.run(&["plan"]).ended(code).says(&["Probing"]);
        let again = space.run(&["plan"]).ended(code);
        assert!(again.stdout().contains(said), "{again}");
        assert_eq!(again.stderr().contains("Probing"), !kept, "{text}\n{again}");
    }
}

/// Docker does not answer, and podman does: the choice of Docker stands.
#[test]
fn an_engine_that_was_chosen_is_not_replaced() {
    need!("explicit::engine", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    let bin = space.path("../bin");
    folder::script(bin.join("docker"), "echo \"cannot connect to ${DOCKER_HOST:-the context}\" >&2; exit 1");
    folder::script(bin.join("podman"), "[ \"$1\" = info ] && echo '4.3 linux/amd64'");
    space.path_first(&bin);
    space.set("DOCKER_CONFIG", space.path("../docker"));
    let load = ["image", "--mode", "pure", "--load"];
    space.set("DOCKER_HOST", "tcp://me:hunter2@build:1");
    let run = space.run(&load).ended(3).never_says(&["Building", "hunter2@"]);
    run.says(&[
        "that you chose does not answer: DOCKER_HOST=tcp://me@build:1",
        "help: start it, or choose another",
    ]);
    space.unset("DOCKER_HOST");
    space.write("../docker/config.json", "{\"currentContext\": \"far\"}");
    space.run(&load).ended(3).never_says(&["Building"]).says(&["the context \"far\" in ", "config.json"]);
    space.set("CONTAINER_HOST", "ssh://build/podman.sock");
    space.script("../bin/podman", "echo 'no such host' >&2; exit 125");
    let run = space.run(&load).ended(3).never_says(&["Building"]);
    run.says(&["CONTAINER_HOST=ssh://build/podman.sock", "podman does not answer: no such host"]);
    space.unset("CONTAINER_HOST");
    space.write("../docker/config.json", "{\n");
    space.run(&load).ended(2).never_says(&["Building"]).says(&["config.json:2:"]);
}

/// Without an engine the image is started all the same, with a word about the one that was chosen.
#[test]
fn an_image_is_not_started_elsewhere_in_silence() {
    need!("explicit::started", machine::std_for(&[HOST_MUSL]), machine::namespaces());
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    let bin = space.path("../bin");
    folder::script(bin.join("docker"), "echo 'cannot connect' >&2; exit 1");
    space.path_first(&bin);
    space.set("DOCKER_HOST", "tcp://build:1");
    let run = space.run(&["image", "--mode", "pure"]).ended(0);
    run.says(&["because DOCKER_HOST=tcp://build:1 is set, and docker does not answer: cannot connect"]);
}
