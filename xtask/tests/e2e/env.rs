//! `cargo xtask env`: plain Cargo with its variables builds and tests as a job does.

use xtask_test_support::need;
use xtask_test_support::process::Finished;

use crate::machine::{self, ARM, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// Runs a script of sh with the program as `$XTASK`, in the workspace.
fn shell(space: &Space, script: &str) -> Finished {
    let program = space.xtask(&[]).program;
    Space::finish(&space.cmd("sh").args(["-ec", script]).env("XTASK", program))
}

#[test]
fn plain_cargo_links_the_c_and_tests_in_the_emulator() {
    need!(
        "env::cargo",
        machine::std_for(&[ARM]),
        machine::programs(&["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar", "qemu-aarch64", "sh"])
    );
    let mut space = Space::with_targets(&[ARM]);
    let test = "\n#[test]\nfn the_answer() {\n    assert_eq!((answer(), cfg!(target_arch = \"aarch64\")), (42, true));\n}\n";
    space.write("app/src/main.rs", &(space.read("app/src/main.rs") + test));
    space.set("CFLAGS_aarch64_unknown_linux_gnu", "-DMINE");
    let cargo = format!("--quiet --offline --target {ARM} --package app --features native");
    let run = shell(
        &space,
        &format!(
            "eval \"$($XTASK env {ARM})\"
             cargo build {cargo}
             cargo test {cargo}
             echo \"flags: $CFLAGS_aarch64_unknown_linux_gnu\"
             $XTASK env {ARM} --quiet > again
             eval \"$(cat again)\"
             $XTASK env {ARM} --quiet | cmp - again
             $XTASK plan --json"
        ),
    )
    .ended(0);
    let said = run.stdout();
    assert!(said.contains("the_answer ... ok") || said.contains("1 passed"), "{run}");
    assert!(said.contains("flags: -DMINE\n"), "{run}");
    // A command in that shell finds the same toolchain as outside of it, and the user's own flags once.
    let plan = &said[said.find("{\n").unwrap()..];
    let plan = serde_json::from_str(plan).unwrap_or_else(|e| panic!("{e}: {plan}"));
    assert_eq!(job(&plan, ARM)["toolchain"]["provider"], "gnu", "{plan:#}");
    let program = space.path("target").join(ARM).join("debug/app");
    // EM_AARCH64, in the header of an ELF file.
    assert_eq!(std::fs::read(program).unwrap()[18], 0xb7);
}

#[test]
fn json_has_every_spelling_and_shells_what_they_accept() {
    need!("env::json", machine::std_for(&[ARM]), machine::programs(&["aarch64-linux-gnu-gcc"]));
    let space = Space::with_targets(&[ARM]);
    let document = space.run(&["env", ARM, "--json"]).ended(0).json();
    assert_eq!((&document["target"], &document["mode"]), (&ARM.into(), &"native".into()));
    for name in ["CC_aarch64-unknown-linux-gnu", "CC_aarch64_unknown_linux_gnu", "TARGET_CC"] {
        let cc = document["variables"][name].as_str().unwrap_or_default();
        assert!(cc.ends_with("aarch64-linux-gnu-gcc"), "{name}: {document:#}");
    }
    for name in ["CMAKE_TOOLCHAIN_FILE", "PKG_CONFIG"] {
        let file = document["variables"][format!("{name}_aarch64_unknown_linux_gnu")].as_str();
        let there = file.is_some_and(|file| std::path::Path::new(file).is_file());
        assert!(there || name == "PKG_CONFIG" && machine::find("pkg-config").is_none(), "{document:#}");
    }
    let fish = space.run(&["env", ARM, "--format", "fish"]).ended(0).stdout();
    assert!(fish.contains("set -gx CC_aarch64_unknown_linux_gnu '/"), "{fish}");
    let direnv = space.run(&["env", ARM, "--format", "direnv"]).ended(0).stdout();
    assert!(direnv.contains("export TARGET_CC='/") && direnv.contains("\nwatch_file '"), "{direnv}");
    assert!(!direnv.contains("CC_aarch64-"), "{direnv}");
}

#[test]
fn a_target_without_a_toolchain_is_missing_and_a_named_mode_is_not() {
    need!("env::missing", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST_MUSL]);
    let run = space.run(&["env", HOST_MUSL, "--providers", "none"]).ended(3);
    let other = format!("cargo xtask env {HOST_MUSL} --mode pure");
    let run = run.says(&["native cannot be built", "no-c-toolchain", &other]);
    assert_eq!(run.stdout(), "");
    let pure = space.run(&["env", HOST_MUSL, "--providers", "none", "--mode", "pure"]).ended(0).stdout();
    assert!(pure.contains("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER='/"), "{pure}");
    assert!(!pure.contains("CC_"), "{pure}");
    let script = format!(
        "eval \"$($XTASK env {HOST_MUSL} --providers none --mode pure)\"
         cargo build --quiet --offline --target {HOST_MUSL} --package app
         target/{HOST_MUSL}/debug/app"
    );
    assert!(shell(&space, &script).ended(0).stdout().contains("answer=42 native=false"));
    space.run(&["env", "x86_64-unknown-linux-gun"]).ended(2).says(&["did you mean"]);
    space.run(&["env", HOST_MUSL, "--mode", "all"]).ended(2).says(&["one mode at a time"]);
    // Where host and target are the same, the host's own compiler needs nothing in front of it.
    let host = space.run(&["env", HOST, "--json"]).ended(0).json();
    assert!(host["variables"].get("XTASK_TARGET_DIR").is_none(), "{host:#}");
}

/// A value that the user set between two calls stays.
#[test]
fn what_a_person_sets_after_it_counts() {
    need!("env::set_after", machine::std_for(&[ARM]), machine::programs(&["aarch64-linux-gnu-gcc", "sh"]));
    let space = Space::with_targets(&[ARM]);
    let script = format!(
        "eval \"$($XTASK env {ARM} --quiet)\"
         export CC_aarch64_unknown_linux_gnu=/bin/false
         $XTASK explain {ARM}"
    );
    let said = shell(&space, &script).ended(0).stdout();
    assert!(said.contains("CC_aarch64_unknown_linux_gnu=/bin/false"), "{said}");
    assert!(said.contains("broken"), "{said}");
}
